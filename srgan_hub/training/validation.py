"""How good the generator is by now, on pictures that it does not train on: measures, and a grid to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from srgan_hub.evaluation.benchmark import bicubic, mean, measure

ROWS, SIDE, GAP = 4, 128, 4  # pictures of a grid, HR pixels of each square, white pixels between

Pair = tuple[str, Image.Image, np.ndarray]


class Validation:
    """Held-out (name, LR, HR) pairs; calling it with an image -> image function gives the mean of every measure
    that the pictures are large enough for."""

    def __init__(self, pairs: Sequence[Pair], scale: int, measures: dict[str, Callable] | None = None):
        self.pairs, self.scale, self.measures = list(pairs), scale, measures or {}

    def __len__(self) -> int:
        return len(self.pairs)

    def __call__(self, upscale: Callable[[Image.Image], Image.Image]) -> dict[str, float]:
        rows = measure(upscale, self.pairs, self.scale, self.measures)
        means = {name: mean(rows, name) for name in ("psnr", "ssim", *self.measures, "grid")}
        return {name: value for name, value in means.items() if not np.isnan(value)}

    def grid(self, upscale: Callable[[Image.Image], Image.Image]) -> Image.Image:
        """LR | bicubic | SR | HR of the first few pictures, the square in the middle of each."""
        shown = self.pairs[:ROWS]
        sheet = Image.new("RGB", (4 * (SIDE + GAP) - GAP, len(shown) * (SIDE + GAP) - GAP), "white")
        for row, (_, lr, hr) in enumerate(shown):
            size = (hr.shape[1], hr.shape[0])
            images = (lr.resize(size, Image.Resampling.NEAREST), bicubic(self.scale)(lr), upscale(lr), Image.fromarray(hr))
            x, y = (max(0, side - SIDE) // 2 for side in size)
            for column, image in enumerate(images):
                sheet.paste(image.crop((x, y, min(x + SIDE, size[0]), min(y + SIDE, size[1]))).convert("RGB"),
                            (column * (SIDE + GAP), row * (SIDE + GAP)))  # fmt: skip
        return sheet
