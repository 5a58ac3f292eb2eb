"""Figures as in the paper: crops of one image under several methods."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from srgan_hub.evaluation.benchmark import Method, interpolation
from srgan_hub.evaluation.metrics import Compared, psnr, ssim
from srgan_hub.imaging.resize import shrunk
from srgan_hub.imaging.tiles import Box, most_detailed
from srgan_hub.inference.upscaler import Upscaler

PANEL, GAP, LINE = 256, 12, 22              # pixels: side of a crop as shown, gap between panels, height of a text line
INK, PAPER, BOX = "#1a1a1a", "white", "#e02020"


def comparison(photo: np.ndarray, methods: Sequence[Method], scale: int, box: Box | None = None) -> Image.Image:
    """The whole image with a box, and the contents of the box beside it: each method's result, then the original. Below each
    result are PSNR and SSIM of the whole image.

    photo: HR, (H, W, 3) uint8, from which LR is made; box: a square, in HR pixels [the most detailed one, with an eighth of
    the shorter side, at least 48 pixels]. Raises ValueError if the box does not lie in the image."""
    lr, hr = shrunk(photo, scale)
    whole = Image.fromarray(hr)
    side = min(max(48, min(whole.size) // 8), *whole.size)
    box = box or most_detailed(whole, (side, side))
    if min(box[:2]) < 0 or min(box.size) < 1 or box.right > whole.width or box.bottom > whole.height:
        raise ValueError(f"the box {' '.join(map(str, box))} is not inside the image of {whole.width}x{whole.height}")
    panels = []
    for method in methods:
        result = method.upscale(lr).convert("RGB")
        y = Compared(np.asarray(result), hr, np.asarray(lr), scale).y
        panels.append((result, method.name, f"{psnr(*y):.2f} dB / {ssim(*y):.4f}"))
    panels.append((whole, "original", "PSNR / SSIM"))

    columns = math.ceil(len(panels) / 2)
    high = 2 * (PANEL + 2 * LINE) + GAP
    factor = high / whole.height
    whole = whole.resize((max(1, round(whole.width * factor)), high), Image.Resampling.LANCZOS)
    corners = [round(v * factor) for v in box]
    ImageDraw.Draw(whole).rectangle(corners, outline=BOX, width=3)
    sheet = Image.new("RGB", (whole.width + columns * (PANEL + GAP), high), PAPER)
    sheet.paste(whole, (0, 0))
    draw = ImageDraw.Draw(sheet)
    for number, (picture, name, numbers) in enumerate(panels):
        x = whole.width + GAP + number % columns * (PANEL + GAP)
        y = number // columns * (PANEL + 2 * LINE + GAP)
        sheet.paste(picture.crop(box).resize((PANEL, PANEL), Image.Resampling.NEAREST), (x, y))
        draw.text((x + PANEL / 2, y + PANEL + 3), name, INK, ImageFont.load_default(17), anchor="ma")
        draw.text((x + PANEL / 2, y + PANEL + LINE + 2), numbers, INK, ImageFont.load_default(14), anchor="ma")
    return sheet


# The sample image of a card: a photo, shrunk and enlarged again by interpolation and by the checkpoint.
#
# The photo is *chelsea* (Stéfan van der Walt, CC0) from scikit-image; none of our networks was trained on it.


PHOTO = Path(__file__).with_name("specimen.jpg")
FACE = Box(128, 56, 224, 152)  # an eye, fur and whiskers


def specimen(upscaler: Upscaler, name: str) -> Image.Image:
    """The sample image, about 1500 pixels wide; name: of the checkpoint, as shown in the image."""
    with Image.open(PHOTO) as image:
        photo = np.asarray(image.convert("RGB"))
    plain = [Method(kind, interpolation(kind, upscaler.scale), {}) for kind in ("nearest", "bicubic")]
    return comparison(photo, [*plain, Method(name, upscaler, {})], upscaler.scale, FACE)
