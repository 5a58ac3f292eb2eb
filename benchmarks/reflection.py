"""How far must a picture be extended by reflection so that zero padding shows nowhere? Largest change against 60 pixels.

    python benchmarks/reflection.py

Bundled checkpoints, on the example pictures and three flat ones, in grey levels before rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from srgan_hub import SRGANGenerator
from srgan_hub.loading import bundled
from srgan_hub.pipeline import REFLECTION

MARGINS = (0, 4, 8, 12, 16, 24, 32, 40)  # LR pixels
FAR = 60


def reflect(image: torch.Tensor, margin: int) -> torch.Tensor:
    return torch.from_numpy(np.pad(image, ((0, 0), (0, 0), (margin, margin), (margin, margin)), mode="reflect"))


def pictures() -> list[torch.Tensor]:
    examples = sorted((Path(__file__).parent.parent / "examples").glob("*.png"))
    images = [Image.open(path).convert("RGB").resize((60, 48)) for path in examples]
    images += [Image.new("RGB", (40, 40), colour) for colour in ("white", "black", (200, 30, 60))]
    return [torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255 for image in images]


@torch.inference_mode()
def main() -> None:
    print("| LR pixels | " + " | ".join(bundled()) + " |\n| --- |" + " --- |" * len(bundled()))
    generators = [SRGANGenerator.from_pretrained(name) for name in bundled()]
    inputs = pictures()

    def enlarge(generator, image, margin):
        cut = slice(generator.scale * margin, -generator.scale * margin or None)
        return 255 * generator(reflect(image, margin))[..., cut, cut]

    exact = [[enlarge(generator, image, FAR) for image in inputs] for generator in generators]
    for margin in MARGINS:
        cells = [
            max((enlarge(generator, image, margin) - far).abs().max().item() for image, far in zip(inputs, fars, strict=True))
            for generator, fars in zip(generators, exact, strict=True)
        ]
        print(f"| {margin}{' (used)' if margin == REFLECTION else ''} | " + " | ".join(f"{c:.2f}" for c in cells) + " |")


if __name__ == "__main__":
    main()
