"""Makes thirty-eight synthetic images of one narrow kind, scanned pages of print, to fine-tune on.

    python benchmarks/scanned_text.py scans

writes scans/train (30 images) and scans/validation (8 others), 480x480, from the words of the project's license."""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIDE, OVER = 480, 2  # pixels a side of an image; it is drawn this many times larger, then shrunk as a scanner's lens does
WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()


def page(seed: int) -> Image.Image:
    """A page: paper with some tint and grain, one size of print, slightly askew, in slightly uneven light."""
    choose = random.Random(seed)
    side = SIDE * OVER
    size = choose.randint(13, 34) * OVER
    font = ImageFont.load_default(size)
    ink = Image.new("L", (side, side), 255)
    draw = ImageDraw.Draw(ink)
    start, y = choose.randrange(len(WORDS)), choose.randint(0, size)
    while y < side:
        line, x = "", choose.randint(-size, size)
        while draw.textlength(line, font) < side - x:
            line += WORDS[start % len(WORDS)] + " "
            start += 1
        draw.text((x, y), line, fill=0, font=font)
        y += int(size * choose.uniform(1.25, 1.4))
    ink = ink.rotate(choose.uniform(-2, 2), Image.Resampling.BICUBIC, fillcolor=255)
    ink = ink.filter(ImageFilter.GaussianBlur(0.4 * OVER)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)

    grain = np.random.default_rng(seed)
    paper = np.array([choose.randint(225, 250) - tint for tint in sorted(choose.choices(range(18), k=3))], np.float32)
    black = np.array([choose.randint(10, 60)] * 3, np.float32)
    cover = np.asarray(ink, np.float32)[..., None] / 255
    light = 1 - 0.06 * np.linspace(0, 1, SIDE, dtype=np.float32)[:, None, None] * choose.random()
    sheet = (black + (paper - black) * cover) * light + grain.normal(0, 1.5, (SIDE, SIDE, 1))
    return Image.fromarray(sheet.clip(0, 255).round().astype(np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for split, seeds in (("train", range(30)), ("validation", range(1000, 1008))):
        (folder / split).mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            page(seed).save(folder / split / f"{seed:04d}.png")


if __name__ == "__main__":
    main()
