"""PIL image <-> tensors: EXIF orientation, palettes, 16 bits, transparency; the mode a picture comes back in.

| in | out |
| --- | --- |
| L, LA, RGB, RGBA | the same |
| 1 | L |
| 1, L and RGB with one transparent colour (PNG's tRNS) | LA, LA and RGBA: it would be lost |
| P | RGB, or RGBA where a pixel is transparent |
| PA | RGBA |
| any other (I;16, CMYK, ...) | RGB |"""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")  # Pillow opens 16-bit greyscale PNG and TIFF as one of these
LUMA = (0.299, 0.587, 0.114)  # what Pillow's own RGB -> L uses (BT.601, full swing)


def normalise(image: Image.Image) -> Image.Image:
    """The picture upright (EXIF orientation applied) and as 8-bit L, LA, RGB or RGBA."""
    with contextlib.suppress(Exception), warnings.catch_warnings(action="ignore"):  # damaged EXIF spoils no pixel
        image = ImageOps.exif_transpose(image)
    if image.mode in SIXTEEN_BIT:
        values = np.asarray(image).astype(np.float64)
        return Image.fromarray((values / 257).round().clip(0, 255).astype(np.uint8)).convert("RGB")
    mode = working_mode(image)
    result = image if image.mode == mode else image.convert(mode)
    if image.mode == "P" and mode == "RGBA" and result.getchannel("A").getextrema()[0] == 255:
        return result.convert("RGB")  # a palette may name a transparent colour that no pixel has
    return result


def working_mode(image: Image.Image) -> str:
    """The mode that `image` is enlarged and handed back in: the table above."""
    if image.mode in ("LA", "La"):
        return "LA"
    if image.mode in ("RGBA", "RGBa", "PA"):
        return "RGBA"
    transparent = "transparency" in image.info
    if image.mode in ("L", "1"):
        return "LA" if transparent else "L"
    return "RGBA" if transparent and image.mode in ("RGB", "P") else "RGB"


def to_tensors(pixels: np.ndarray) -> tuple[Tensor, Tensor | None]:
    """(H, W, C) uint8 of L, LA, RGB or RGBA -> colour (1, 3, H, W) and alpha (1, 1, H, W) or None, float32 in [0, 1]."""
    channels = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / 255  # (1, C, H, W)
    alpha = channels[:, -1:] if channels.shape[1] in (2, 4) else None
    colour = channels if alpha is None else channels[:, :-1]
    return colour.expand(-1, 3, -1, -1), alpha


def to_bytes(colour: Tensor, alpha: Tensor | None, mode: str) -> Tensor:
    """Colour (1, 3, H, W) and alpha (1, 1, H, W) or None -> (1, C, H, W) uint8, clamped and rounded, C as `mode` has it."""
    if mode in ("L", "LA"):
        colour = (colour * colour.new_tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True)
    channels = colour if alpha is None else torch.cat([colour, alpha], dim=1)
    return (channels.clamp(0, 1) * 255).round().byte()


def to_image(pixels: np.ndarray) -> Image.Image:
    """(H, W, C) uint8 -> PIL image: L, LA, RGB or RGBA by the number of channels."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def same_colours(source: Image.Image, result_mode: str) -> bool:
    """Whether the source's ICC profile still describes a picture of `result_mode` (a CMYK profile does not fit RGB)."""
    grey = result_mode in ("L", "LA")
    return source.mode in (("1", "L", "LA", "La") if grey else ("RGB", "RGBA", "RGBa", "P", "PA"))


def profile_of(image: Image.Image, mode: str) -> bytes | None:
    """The picture's ICC profile, where it still fits a result of that mode."""
    return image.info.get("icc_profile") if same_colours(image, mode) else None
