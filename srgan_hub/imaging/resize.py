"""MATLAB-compatible bicubic downsampling: the LR images of the super-resolution literature.

MATLAB's `imresize(hr, 1/scale, 'bicubic')` on uint8: cubic kernel (a = -0.5) stretched by the scale, symmetric border, rows
first, then columns, each pass rounded to uint8, halves up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from srgan_hub.imaging.color import to_image

BLOCK = 64  # outputs per matrix product: wide enough for speed, narrow enough that few of its factors are zero


def cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel, a = -0.5, at distance x in source pixels."""
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def downsample(hr: Tensor, scale: int) -> Tensor:
    """(..., H, W) uint8 -> (..., H/scale, W/scale) uint8. H and W must be multiples of the scale, any whole number from 2 up.

    Sums are exact whole numbers, so halves are always rounded up."""
    if hr.dtype != torch.uint8:
        raise ValueError(f"downsample takes uint8 images, got {hr.dtype}")
    checked_sides(hr, scale)
    return _both(hr, scale, rounded=True)


def checked_sides(hr: Tensor, scale: int) -> tuple[int, int]:
    """(height, width). Raises ValueError unless they are multiples of the scale."""
    height, width = hr.shape[-2:]
    if height % scale or width % scale or not hr.numel():
        raise ValueError(f"height and width must be multiples of {scale}, got {height}x{width}; crop the image first")
    return height, width


def shrunk_exactly(image: Tensor, scale: int) -> Tensor:
    """(..., H, W) of any values -> (..., H/scale, W/scale) float64, without rounding (MATLAB's imresize of doubles)."""
    return _both(image, scale, rounded=False)


def _both(image: Tensor, scale: int, rounded: bool) -> Tensor:
    return _shrink_last(_shrink_last(image.transpose(-1, -2), scale, rounded).transpose(-1, -2), scale, rounded)


def _shrink_last(image: Tensor, scale: int, rounded: bool) -> Tensor:
    """One pass along the last axis, in blocks of outputs; each block is a product with the same banded matrix."""
    taps = torch.arange(4 * scale, dtype=torch.float64, device=image.device)
    # an output pixel's center lies between two input pixels, or on one if the scale is odd; the last tap then has weight 0
    distances = taps - 2 * scale + (1 if scale % 2 else 0.5)
    unit = 16 * scale**4                                          # makes all weights whole numbers
    weights = (cubic(distances / scale) / scale * unit).round()   # (4 * scale,), their sum is the unit
    size, pad = image.shape[-1], 2 * scale - (scale + 1) // 2     # how far the first output pixel reaches out
    order = torch.from_numpy(np.pad(np.arange(size), (pad, 3 * scale - pad), mode="symmetric")).to(image.device)
    image = image[..., order]                                     # mirrored, with the edge pixel repeated
    block = min(BLOCK, size // scale)
    band = weights.new_zeros((block + 3) * scale, block)
    for out in range(block):
        band[out * scale : (out + 4) * scale, out] = weights
    results = []
    for start in range(0, size // scale, block):
        inputs = image[..., start * scale : (start + block + 3) * scale].double()
        sums = inputs @ band[: inputs.shape[-1], : inputs.shape[-1] // scale - 3]
        results.append(((sums + unit / 2) / unit).floor().clamp(0, 255).byte() if rounded else sums / unit)
    return torch.cat(results, dim=-1)


def crop_to_multiple(image: np.ndarray, scale: int) -> np.ndarray:
    """(H, W, ...) cropped at the right and bottom to multiples of the scale ("mod-crop")."""
    height, width = image.shape[:2]
    return image[: height - height % scale, : width - width % scale]


def shrunk(photo: np.ndarray, scale: int) -> tuple[Image.Image, np.ndarray]:
    """(H, W, 3) uint8 -> its LR image, and the photo itself cropped to `scale` times that size."""
    hr = crop_to_multiple(photo, scale).copy()
    lr = downsample(torch.from_numpy(hr).permute(2, 0, 1), scale).permute(1, 2, 0).contiguous()
    return Image.fromarray(lr.numpy()), hr


# Shrink an image to any size while its rows arrive, holding only a few of them, with Pillow's bicubic `resize`.


def shrunk_rows(bands: Iterable[np.ndarray], source: tuple[int, int], size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Shrink an image given in parts (rows, W, C), from top to bottom; the result comes in such parts too.

    source, size: (W, H) of the image and of the result; no side of the result may be longer. The result is that of shrinking
    the image in one piece, within a gray level of 255."""
    if size == source:
        yield from bands
        return
    (width, height), (_, rows) = size, source
    step = rows / height                  # rows of the image for each of the result
    reach = math.ceil(2 * step) + 1       # how many rows around these Pillow looks at
    held, top, done = None, 0, 0          # rows still needed, number of the first of them, rows done
    for band in bands:
        held = band if held is None else np.concatenate([held, band])
        arrived = top + len(held)
        ready = height if arrived == rows else int((arrived - reach) / step)
        if ready <= done:
            continue
        box = (0, done * step - top, held.shape[1], min(ready * step - top, len(held)))
        yield shrunk_part(held, (width, ready - done), box)
        done = ready
        first = max(top, math.floor(done * step) - reach)
        held, top = held[first - top :].copy(), first  # a view would keep all of it in memory


def shrunk_part(pixels: np.ndarray, size: tuple[int, int], box: tuple[float, float, float, float]) -> np.ndarray:
    """(h, w, C) of the box of an image, (H, W, C); size: (w, h). Hidden colors do not affect visible ones."""
    if pixels.dtype == np.uint8 or pixels.shape[2] == 1:
        part = np.asarray(to_image(pixels).resize(size, Image.Resampling.BICUBIC, box)).reshape(*size[::-1], -1)
    else:  # Pillow has no such color images
        part = np.concatenate([shrunk_part(pixels[..., c, None], size, box) for c in range(pixels.shape[2])], axis=2)
    return part.clip(0, 1) if part.dtype == np.float32 else part  # float values may overshoot black and white


# The size of the result: the network's own, or smaller, given as a factor or as the longest side.


class Target(NamedTuple):
    """scale: factor of width and height; longest: pixels of the longer side; neither: the network's own size."""

    scale: float | None = None
    longest: int | None = None

    def size(self, width: int, height: int, factor: int) -> tuple[int, int]:
        """(width, height) of the result for an image that a network enlarges `factor` times; each is at least 1.

        Raises ValueError for a target larger than that or smaller than the image itself, or if both kinds are given."""
        if self.scale is not None and self.longest is not None:
            raise ValueError("give a factor or a longest side, not both")
        if self.longest is not None and not max(width, height) <= self.longest <= factor * max(width, height):
            raise ValueError(
                f"a longest side of {self.longest} is not possible from {width}x{height}; choose {max(width, height)} to "
                f"{factor * max(width, height)}"
            )
        if self.scale is not None and not 1 <= self.scale <= factor:
            raise ValueError(f"the factor must be from 1 to the network's {factor}, got {self.scale:g}")
        scale = self.longest / max(width, height) if self.longest is not None else self.scale or factor
        return max(1, round(scale * width)), max(1, round(scale * height))

    def label(self, factor: int) -> str:
        """For file names: x4, x1.5, 3840."""
        return str(self.longest) if self.longest is not None else f"x{self.scale or factor:g}"


# Back-projection (Irani and Peleg 1991): change a result so that shrinking it gives the input again.


ROUNDS = 5  # these raise srgan-x4's LR consistency on Set5 and Set14 from 50 and 49 to 76 and 72 dB (docs/engines.md)


def back_projection(sr: Tensor, lr: Tensor, scale: int) -> Tensor:
    """(N, C, scale H, scale W) and (N, C, H, W), both in [0, 1] -> the nearest result that MATLAB's bicubic shrinks to `lr`.

    Each round enlarges what is missing in LR and adds it. Detail that vanishes in shrinking is left unchanged."""
    sr = sr.clamp(0, 1)
    for _ in range(ROUNDS):
        missing = lr - shrunk_exactly(sr, scale).to(sr.dtype)
        sr = (sr + F.interpolate(missing, scale_factor=scale, mode="bicubic", align_corners=False)).clamp(0, 1)
    return sr
