"""Draws docs/comparison.png: scikit-image's astronaut, a public-domain photo, under bicubic, srresnet-x4 and srgan-x4.

    python -m benchmarks.comparison

For other images, use `srgan-hub figure`."""

from __future__ import annotations

from pathlib import Path

from skimage.data import astronaut

from srgan_hub.evaluation.benchmark import open_methods
from srgan_hub.evaluation.figures import comparison
from srgan_hub.imaging.tiles import Box

FIGURE = Path(__file__).parent.parent / "docs" / "comparison.png"
FACE = Box(165, 68, 277, 180)


def main() -> None:
    methods, scale = open_methods(["bicubic", "srresnet-x4", "srgan-x4"])
    comparison(astronaut(), methods, scale, FACE).save(FIGURE, optimize=True)


if __name__ == "__main__":
    main()
