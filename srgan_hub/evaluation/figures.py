"""Figures as in the paper: crops of one image under several methods."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from srgan_hub.evaluation.benchmark import Method, interpolation
from srgan_hub.evaluation.metrics import Compared, psnr, ssim
from srgan_hub.imaging.color import luma
from srgan_hub.imaging.resize import shrunk
from srgan_hub.inference.upscaler import Upscaler

PANEL, GAP, LINE = 256, 12, 22              # pixels: side of a crop as shown, gap between panels, height of a text line
INK, PAPER, BOX = "#1a1a1a", "white", "#e02020"


class Box(NamedTuple):
    x: int
    y: int
    side: int


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def comparison(photo: np.ndarray, methods: Sequence[Method], scale: int, box: Box | None = None) -> Image.Image:
    """The whole image with a box, and the contents of the box beside it: each method's result, then the original. Below each
    result are PSNR and SSIM of the whole image.

    photo: HR, (H, W, 3) uint8, from which LR is made; box: in HR pixels [the most detailed square, with an eighth of the
    shorter side, at least 48 pixels]. Raises ValueError if the box does not lie in the image."""
    lr, hr = shrunk(photo, scale)
    box = box or detailed(hr)
    if min(box.x, box.y, box.side - 1) < 0 or box.x + box.side > hr.shape[1] or box.y + box.side > hr.shape[0]:
        raise ValueError(f"the box {box.x} {box.y} {box.side} is not inside the image of {hr.shape[1]}x{hr.shape[0]}")
    panels = []
    for method in methods:
        result = method.upscale(lr).convert("RGB")
        y = Compared(np.asarray(result), hr, np.asarray(lr), scale).y
        panels.append((result, method.name, f"{psnr(*y):.2f} dB / {ssim(*y):.4f}"))
    panels.append((Image.fromarray(hr), "original", "PSNR / SSIM"))

    columns = math.ceil(len(panels) / 2)
    high = 2 * (PANEL + 2 * LINE) + GAP
    whole = Image.fromarray(hr)
    factor = high / whole.height
    whole = whole.resize((max(1, round(whole.width * factor)), high), Image.Resampling.LANCZOS)
    corners = [round(v * factor) for v in (box.x, box.y, box.x + box.side, box.y + box.side)]
    ImageDraw.Draw(whole).rectangle(corners, outline=BOX, width=3)
    sheet = Image.new("RGB", (whole.width + columns * (PANEL + GAP), high), PAPER)
    sheet.paste(whole, (0, 0))
    draw = ImageDraw.Draw(sheet)
    for number, (picture, name, numbers) in enumerate(panels):
        x = whole.width + GAP + number % columns * (PANEL + GAP)
        y = number // columns * (PANEL + 2 * LINE + GAP)
        part = picture.crop((box.x, box.y, box.x + box.side, box.y + box.side))
        sheet.paste(part.resize((PANEL, PANEL), Image.Resampling.NEAREST), (x, y))
        draw.text((x + PANEL / 2, y + PANEL + 3), name, INK, font(17), anchor="ma")
        draw.text((x + PANEL / 2, y + PANEL + LINE + 2), numbers, INK, font(14), anchor="ma")
    return sheet


def detailed(hr: np.ndarray) -> Box:
    """The square with the strongest edges."""
    side = min(max(48, min(hr.shape[:2]) // 8), *hr.shape[:2])
    rows, columns = np.gradient(luma(hr)) if min(hr.shape[:2]) > 1 else (np.zeros(hr.shape[:2]),) * 2
    edges = np.pad(np.hypot(rows, columns).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    sums = edges[side:, side:] - edges[:-side, side:] - edges[side:, :-side] + edges[:-side, :-side]
    y, x = np.unravel_index(sums.argmax(), sums.shape)
    return Box(int(x), int(y), side)


# The sample image of a card: a photo, shrunk and enlarged again by interpolation and by the checkpoint.
#
# The photo is *chelsea* (Stéfan van der Walt, CC0) from scikit-image; none of our networks was trained on it.


PHOTO = Path(__file__).with_name("specimen.jpg")
FACE = Box(128, 56, 96)  # an eye, fur and whiskers


def specimen(upscaler: Upscaler, name: str) -> Image.Image:
    """The sample image, about 1500 pixels wide; name: of the checkpoint, as shown in the image."""
    with Image.open(PHOTO) as image:
        photo = np.asarray(image.convert("RGB"))
    plain = [Method(kind, interpolation(kind, upscaler.scale), {}) for kind in ("nearest", "bicubic")]
    return comparison(photo, [*plain, Method(name, upscaler, {})], upscaler.scale, FACE)
