"""Figures as in the paper: crops of one image under several methods, and each method between distortion and perception."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from srgan_hub.evaluation.benchmark import Method, interpolation, measure
from srgan_hub.evaluation.report import COLUMNS
from srgan_hub.imaging.color import luma
from srgan_hub.imaging.resize import shrunk
from srgan_hub.inference.upscaler import Upscaler

PANEL, GAP, LINE = 256, 12, 22              # pixels: side of a crop as shown, gap between panels, height of a text line
INK, PAPER, BOX = "#1a1a1a", "white", "#e02020"
COLOURS = ("#2563eb", "#e11d48", "#059669", "#d97706", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f")
PLOT_SIZE, MARGIN = (900, 600), (90, 70)    # of a plot; from its left and bottom edges to the axes


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
        results = []

        def keep(lr: Image.Image, method: Method = method, results: list = results) -> Image.Image:
            results.append(method.upscale(lr).convert("RGB"))
            return results[0]

        (row,) = measure(keep, [("", lr, hr)], scale)
        panels.append((results[0], method.name, f"{row['psnr']:.2f} dB / {row['ssim']:.4f}"))
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


def tradeoff(points: dict[str, tuple[float, float]], measure: str, title: str) -> Image.Image:
    """{method: (PSNR-Y in dB, value of `measure`)} -> a plot of distortion against perception. PSNR rises to the right, and lower
    values of the measure are higher up. So up and right is better if lower values are better (NIQE, feature distance).

    Methods without one of the two numbers are left out. Raises ValueError if none is left."""
    points = {name: point for name, point in points.items() if all(map(math.isfinite, point))}
    if not points:
        raise ValueError(f"no method of {title} has both PSNR and {measure}")
    image = Image.new("RGB", PLOT_SIZE, PAPER)
    draw = ImageDraw.Draw(image)
    left, low = MARGIN[0], PLOT_SIZE[1] - MARGIN[1]
    right, high = PLOT_SIZE[0] - 40, 60
    (x_from, x_to, x_ticks), (y_from, y_to, y_ticks) = (axis([point[i] for point in points.values()]) for i in (0, 1))

    def place(x: float, y: float) -> tuple[float, float]:
        return (left + (x - x_from) / (x_to - x_from) * (right - left), high + (y - y_from) / (y_to - y_from) * (low - high))

    for x in x_ticks:
        at = place(x, y_to)
        draw.line([at, (at[0], high)], "#e5e5e5")
        draw.text((at[0], low + 8), f"{x:g}", INK, font(14), anchor="ma")
    for y in y_ticks:
        at = place(x_from, y)
        draw.line([at, (right, at[1])], "#e5e5e5")
        draw.text((left - 8, at[1]), f"{y:g}", INK, font(14), anchor="rm")
    draw.rectangle([left, high, right, low], outline=INK)
    draw.text(((left + right) / 2, low + 36), "PSNR-Y, dB (better to the right)", INK, font(16), anchor="ma")
    draw.text((left - 60, high - 34), f"{COLUMNS[measure][0]} (better upwards)", INK, font(16))
    draw.text((right, high - 34), title, INK, font(16), anchor="ra")
    for (name, point), colour in zip(points.items(), COLOURS * len(points), strict=False):
        x, y = place(*point)
        draw.ellipse([x - 7, y - 7, x + 7, y + 7], fill=colour)
        beside = (x + 14, y) if x < (left + right) / 2 else (x - 14, y)
        draw.text(beside, name, colour, font(16), anchor="lm" if x < (left + right) / 2 else "rm")
    return image


def axis(values: Sequence[float]) -> tuple[float, float, list[float]]:
    """First and last value of an axis, with a tenth of room at both ends, and four to nine round ticks in between."""
    low, high = min(values), max(values)
    room = (high - low) / 10 or max(abs(high) / 10, 0.1)
    low, high = low - room, high + room
    raw = (high - low) / 6
    step = 10 ** math.floor(math.log10(raw))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step >= raw)
    first = math.ceil(low / step)
    return low, high, [round(number * step, 10) for number in range(first, math.floor(high / step) + 1)]


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
