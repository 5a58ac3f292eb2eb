"""MATLAB-compatible bicubic down-sampling: the LR images of the super-resolution literature.

MATLAB's `imresize(hr, 1/scale, 'bicubic')` on uint8: cubic kernel (a = -0.5) stretched by the scale, symmetric border,
rows first, then columns, each pass rounded to uint8 with halves up."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

BLOCK = 64  # outputs of one matrix product: wide enough for speed, narrow enough that few of its factors are zero


def cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel, a = -0.5, of the distance x in source pixels."""
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def downsample(hr: Tensor, scale: int) -> Tensor:
    """(..., H, W) uint8 -> (..., H/scale, W/scale) uint8; H and W must be multiples of the scale, any whole number from 2 on.

    Sums are exact whole numbers, so halves are always rounded up."""
    height, width = hr.shape[-2:]
    if hr.dtype != torch.uint8:
        raise ValueError(f"downsample takes uint8 images, got {hr.dtype}")
    if height % scale or width % scale or not hr.numel():
        raise ValueError(f"height and width must be multiples of {scale}, got {height}x{width}; crop the image first")
    return _both(hr, scale, rounded=True)


def shrunk_exactly(image: Tensor, scale: int) -> Tensor:
    """(..., H, W) of any values -> (..., H/scale, W/scale) float64, without rounding (MATLAB's imresize of doubles)."""
    return _both(image, scale, rounded=False)


def _both(image: Tensor, scale: int, rounded: bool) -> Tensor:
    return _shrink_last(_shrink_last(image.transpose(-1, -2), scale, rounded).transpose(-1, -2), scale, rounded)


def _shrink_last(image: Tensor, scale: int, rounded: bool) -> Tensor:
    """One pass along the last axis: blocks of outputs, each a product with the same banded matrix."""
    taps = torch.arange(4 * scale, dtype=torch.float64, device=image.device)
    # an output pixel's centre lies between two input pixels, or, where the scale is odd, on one: the last tap then weighs 0
    distances = taps - 2 * scale + (1 if scale % 2 else 0.5)
    unit = 16 * scale**4                                          # makes whole numbers of all weights
    weights = (cubic(distances / scale) / scale * unit).round()   # (4 * scale,), sums to the unit
    size, pad = image.shape[-1], 2 * scale - (scale + 1) // 2     # the first output pixel reaches this far out
    order = torch.from_numpy(np.pad(np.arange(size), (pad, 3 * scale - pad), mode="symmetric")).to(image.device)
    image = image[..., order]                                     # mirrored, the edge pixel repeated
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
    """(H, W, ...) cut at the right and bottom to multiples of the scale ("mod-crop")."""
    height, width = image.shape[:2]
    return image[: height - height % scale, : width - width % scale]


def shrunk(photo: np.ndarray, scale: int) -> tuple[Image.Image, np.ndarray]:
    """(H, W, 3) uint8 -> its LR picture, and itself cut to `scale` times that."""
    hr = crop_to_multiple(photo, scale).copy()
    lr = downsample(torch.from_numpy(hr).permute(2, 0, 1), scale).permute(1, 2, 0).contiguous()
    return Image.fromarray(lr.numpy()), hr
