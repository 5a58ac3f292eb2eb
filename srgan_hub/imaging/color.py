"""Color: luma, image modes, transparency."""

from __future__ import annotations

import contextlib
import io
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageCms, ImageOps
from torch import Tensor


def luma(rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) RGB in [0, 255] -> (H, W) Y in [16, 235], float64, not rounded."""
    return 16 + rgb.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255


# PIL image <-> tensors, with EXIF orientation, palettes, bit depth and transparency. The mode of the result by input mode:
#
# | in | out |
# | --- | --- |
# | L, LA, RGB, RGBA | the same |
# | I;16 in any byte order | I;16 |
# | I | I;16, if its values are 0 to 65535; other values have no meaning |
# | F | I;16, if its values are 0 to 1; other values have no meaning |
# | 1 | L |
# | 1, L, RGB and I;16 with one transparent color (PNG's tRNS) | LA, LA, RGBA and LA, or the transparency would be lost |
# | P | RGB, or RGBA if any pixel is transparent |
# | PA | RGBA |
# | CMYK | RGB, converted with its ICC profile if that is usable |
# | any other (YCbCr, LAB, HSV, RGBX) | RGB |


SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")  # Pillow opens grayscale of more than 8 bits as one of these
DEEP = ("I;16",)  # modes of a result with more than 8 bits
LUMA = (0.299, 0.587, 0.114)  # weights of Pillow's own RGB -> L conversion (BT.601, full range)


def normalize(image: Image.Image) -> Image.Image:
    """The image upright (EXIF orientation applied), in one of the output modes of the table above.

    Raises ValueError for images without pixels, values that have no meaning and images that Pillow cannot convert."""
    if 0 in image.size:
        raise ValueError(f"the image has no pixels: {image.width}x{image.height}")
    with contextlib.suppress(Exception), warnings.catch_warnings(action="ignore"):  # damaged EXIF affects no pixel
        image = ImageOps.exif_transpose(image)
    if image.mode in SIXTEEN_BIT:
        return sixteen_bits(image)
    if image.mode == "CMYK" and (converted := by_profile(image)):
        return converted
    mode = working_mode(image)
    result = image if image.mode == mode else image.convert(mode)
    if image.mode == "P" and mode == "RGBA" and result.getchannel("A").getextrema()[0] == 255:
        return result.convert("RGB")  # a palette may define a transparent color that no pixel uses
    return result


def sixteen_bits(image: Image.Image) -> Image.Image:
    """Convert an image in a SIXTEEN_BIT mode to I;16; if one of its gray levels is transparent, to LA."""
    values, most = np.asarray(image), 1 if image.mode == "F" else 65535
    if not (values.min() >= 0 and values.max() <= most):  # written this way, NaN fails too
        raise ValueError(f"its values are {values.min():g} to {values.max():g}; in mode {image.mode} they must be 0 to {most}")
    result = Image.fromarray((values * (65535 // most)).round().astype(np.uint16))
    result.info = image.info
    if isinstance(clear := image.info.get("transparency"), int):
        alpha = Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))
        return Image.merge("LA", (eight_bits(result), alpha))
    return result


def by_profile(image: Image.Image) -> Image.Image | None:
    """Convert a CMYK image to sRGB with its ICC profile. None if it has no usable profile."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (KeyError, OSError, TypeError, ImageCms.PyCMSError):  # no profile, a broken one, or one for another kind of image
        return None
    converted.info.pop("icc_profile", None)
    return converted


def eight_bits(image: Image.Image) -> Image.Image:
    """Reduce a result of `normalize` to 8 bits per channel: I;16 becomes L."""
    if image.mode not in DEEP:
        return image
    result = Image.fromarray((np.asarray(image) * np.float32(255 / 65535)).round().astype(np.uint8))
    result.info = image.info
    return result


def white(dtype: np.dtype | type) -> int:
    """The value of white for pixels of this type."""
    return 1 if np.issubdtype(dtype, np.floating) else np.iinfo(dtype).max


def working_mode(image: Image.Image) -> str:
    """The mode in which `image` is enlarged and returned; see the table above."""
    return ("L" if image.mode in ("1", "L", "LA", "La") else "RGB") + "A" * image.has_transparency_data


def to_tensors(pixels: np.ndarray) -> tuple[Tensor, Tensor | None]:
    """(H, W, C), gray or RGB, then alpha -> color (1, 3, H, W), alpha (1, 1, H, W) or None, float32 in [0, 1]."""
    channels = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / white(pixels.dtype)  # (1, C, H, W)
    alpha = channels[:, -1:] if channels.shape[1] in (2, 4) else None
    color = channels if alpha is None else channels[:, :-1]
    return color.expand(-1, 3, -1, -1), alpha


def to_pixels(color: Tensor, alpha: Tensor | None, mode: str, dtype: np.dtype | type) -> Tensor:
    """Color (1, 3, H, W) and alpha (1, 1, H, W) or None -> (1, C, H, W), with the C of `mode`.

    dtype: uint8, uint16 or float32. Values are clamped and, except for float32, rounded."""
    if mode in ("L", "LA", *DEEP):
        color = (color * color.new_tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True)
    channels = (color if alpha is None else torch.cat([color, alpha], dim=1)).clamp(0, 1)
    if dtype == np.float32:
        return channels.float()
    return (channels.float() * 65535).round().to(torch.uint16) if dtype == np.uint16 else (channels * 255).round().byte()


def to_image(pixels: np.ndarray) -> Image.Image:
    """(H, W, C) -> PIL image. The number of channels selects L, LA, RGB or RGBA; uint16 is I;16."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def profile_of(image: Image.Image, mode: str) -> bytes | None:
    """The image's ICC profile if it still describes a result in that mode (a CMYK profile does not fit RGB), else None."""
    gray = mode in ("L", "LA", *DEEP)
    fits = image.mode in (("1", "L", "LA", "La", *SIXTEEN_BIT) if gray else ("RGB", "RGBA", "RGBa", "P", "PA"))
    return image.info.get("icc_profile") if fits else None


# Transparency: enlargement must leave no fringe around a cut-out, and no specks in fully opaque or fully transparent areas.


HIDDEN = 8  # alpha, of 255: up to here a pixel's own color is ignored, because it is rounded away or garbage


def fill_hidden(pixels: np.ndarray) -> np.ndarray:
    """Give fully (or almost fully) transparent pixels the premultiplied mean color of the visible pixels around them.

    (H, W, 2 or 4) uint8, alpha last -> the same. Files keep black or garbage in these pixels, which enlargement would smear
    into the edge of the cut-out. The means get coarser and coarser, so they reach any distance."""
    visible = pixels[..., -1] > HIDDEN
    if visible.all() or not visible.any():
        return pixels
    levels = [_halved(*_premultiplied(pixels))]
    while max(levels[-1][1].shape[-2:]) > 1:
        levels.append(_halved(*levels[-1]))
    mean = None                                              # (1, C - 1, h, w), from the coarsest level to half the image's size
    for weighted, weight in reversed(levels):
        own = weighted / weight.clamp_min(1e-12)
        mean = own if mean is None else torch.where(weight > 0, own, _doubled(mean, *weight.shape[-2:]))
    mean = (255 * _doubled(mean, *visible.shape)).round().byte()[0].permute(1, 2, 0).numpy()
    filled = pixels.copy()
    filled[..., :-1][~visible] = mean[~visible]
    return filled


def _premultiplied(pixels: np.ndarray) -> tuple[Tensor, Tensor]:
    """(h, w, C) uint8 -> color times alpha (1, C - 1, h, w) and alpha (1, 1, h, w), both in [0, 1] and 0 where hidden."""
    levels = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]
    color, alpha = levels.tensor_split([-1], dim=1)
    alpha = alpha * (alpha > HIDDEN) / 255
    return color / 255 * alpha, alpha


def _halved(*images: Tensor) -> tuple[Tensor, ...]:
    return tuple(F.avg_pool2d(image, kernel_size=2, ceil_mode=True, count_include_pad=False) for image in images)


def _doubled(image: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]


def bound(alpha: Tensor, source: Tensor, scale: int) -> Tensor:
    """Clamp an enlarged alpha (N, 1, sH, sW) to the range of the source (N, 1, H, W) within one pixel of each position.

    Opaque areas stay exactly opaque and transparent ones exactly transparent, whatever the network makes of a flat area."""
    padded = F.pad(source, (1, 1, 1, 1), mode="replicate")
    highest = F.max_pool2d(padded, 3, stride=1)
    lowest = -F.max_pool2d(-padded, 3, stride=1)
    lowest, highest = (F.interpolate(b, scale_factor=scale, mode="nearest") for b in (lowest, highest))
    return alpha.maximum(lowest).minimum(highest)
