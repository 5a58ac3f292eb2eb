"""How large a result is wanted: as the network gives it, or shrunk from there to another factor or to a longest side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image


class Target(NamedTuple):
    """scale: times as wide and high; longest: pixels of the longer side; neither: what the network gives."""

    scale: float | None = None
    longest: int | None = None

    def size(self, width: int, height: int, factor: int) -> tuple[int, int]:
        """(width, height) of the result of a picture that a network enlarges `factor` times, each at least 1.

        Raises ValueError for a target beyond that, below the picture itself, or both kinds at once."""
        if self.scale is not None and self.longest is not None:
            raise ValueError("name the size by its factor or by its longest side, not by both")
        if self.longest is not None and not max(width, height) <= self.longest <= factor * max(width, height):
            raise ValueError(
                f"a longest side of {self.longest} cannot be had from {width}x{height}: from {max(width, height)} to "
                f"{factor * max(width, height)} can"
            )
        if self.scale is not None and not 1 <= self.scale <= factor:
            raise ValueError(f"the factor must be from 1 to the network's {factor}, got {self.scale:g}")
        scale = self.longest / max(width, height) if self.longest is not None else self.scale or factor
        return max(1, round(scale * width)), max(1, round(scale * height))

    def label(self, factor: int) -> str:
        """For a file's name: x4, x1.5, 3840."""
        return str(self.longest) if self.longest is not None else f"x{self.scale or factor:g}"


def shrink(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture at (width, height), not larger than it is: bicubic, wide enough that nothing aliases; `info` is kept."""
    if size == image.size:
        return image
    smaller = image.resize(size, Image.Resampling.BICUBIC)
    if image.mode == "F":  # the one mode whose numbers may leave black and white behind
        smaller = Image.fromarray(np.asarray(smaller).clip(0, 1))
    smaller.info = image.info
    return smaller
