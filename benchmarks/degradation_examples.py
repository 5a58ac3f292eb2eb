"""Draws docs/degradation.png: parts of the example images shrunk four times, by bicubic and by the realistic degradation.

    python benchmarks/degradation_examples.py

Random draws of the latter are sorted by their distance from bicubic, which is written below each: mean absolute difference in
gray levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from srgan_hub.imaging.degradations import bicubic, realistic

ROOT = Path(__file__).parent.parent
PARTS = {"astronaut": (4, 8), "chelsea": (40, 0)}  # upper left corner
SIDE, SCALE = 120, 4    # of a part in pixels; 30 in LR
CELL, LABEL = 180, 20   # pixels on the page: 6 per LR pixel; height of the line below
COLUMNS, DRAWS = 6, 10  # two rows per image: HR, bicubic and the draws
FONT = ImageFont.load_default(14)


def cells(hr: torch.Tensor, seed: int) -> list[tuple[str, torch.Tensor]]:
    """Labels and images (3, H, W) uint8 of one part, (1, 3, SIDE, SIDE)."""
    plain = bicubic(hr, SCALE, np.random.default_rng())
    draws = [realistic(hr, SCALE, np.random.default_rng((seed, number))) for number in range(DRAWS)]
    worn = sorted((((lr.float() - plain.float()).abs().mean().item(), lr[0]) for lr in draws), key=lambda pair: pair[0])
    return [("HR", hr[0]), ("bicubic", plain[0]), *((f"realistic: {levels:.1f}", lr) for levels, lr in worn)]


def main() -> None:
    rows = (2 + DRAWS) // COLUMNS
    page = Image.new("RGB", (COLUMNS * CELL, len(PARTS) * rows * (CELL + LABEL)), "white")
    pen = ImageDraw.Draw(page)
    for seed, (name, (x, y)) in enumerate(PARTS.items()):
        part = Image.open(ROOT / "examples" / f"{name}.png").convert("RGB").crop((x, y, x + SIDE, y + SIDE))
        hr = torch.from_numpy(np.array(part)).permute(2, 0, 1)[None]
        for number, (label, picture) in enumerate(cells(hr, seed)):
            left, top = number % COLUMNS * CELL, (seed * rows + number // COLUMNS) * (CELL + LABEL)
            large = Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy())
            smooth = Image.Resampling.BICUBIC if picture.shape[-1] == SIDE else Image.Resampling.NEAREST
            page.paste(large.resize((CELL, CELL), smooth), (left, top))
            pen.text((left + CELL // 2, top + CELL + LABEL // 2), label, fill="black", font=FONT, anchor="mm")
    page.save(ROOT / "docs" / "degradation.png", optimize=True)


if __name__ == "__main__":
    main()
