"""Draws docs/comparison.png: parts of the example pictures under bicubic, srresnet-x4 and srgan-x4.

    python benchmarks/comparison.py"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from srgan_hub import Upscaler
from srgan_hub.evaluation.benchmark import bicubic

ROOT = Path(__file__).parent.parent
PARTS = {"astronaut": (110, 60), "chelsea": (180, 120)}  # upper left corner in the enlarged picture
SIZE = 320


def main() -> None:
    methods = [bicubic(4), *(Upscaler.from_pretrained(name) for name in ("srresnet-x4", "srgan-x4"))]
    sheet = Image.new("RGB", (SIZE * len(methods), SIZE * len(PARTS)))
    for row, (name, (x, y)) in enumerate(PARTS.items()):
        picture = Image.open(ROOT / "examples" / f"{name}.png").convert("RGB")
        for column, method in enumerate(methods):
            sheet.paste(method(picture).crop((x, y, x + SIZE, y + SIZE)), (column * SIZE, row * SIZE))
    (ROOT / "docs").mkdir(exist_ok=True)
    sheet.save(ROOT / "docs" / "comparison.png")


if __name__ == "__main__":
    main()
