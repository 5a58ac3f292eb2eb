"""A part of a picture: around a place, or where there is most to see."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

SIDE = 512  # pixels of the longer side that detail is looked for at: the finest grain is noise more often than not


class Box(NamedTuple):
    """Pixels, in Pillow's order; right and bottom are outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        return self.right - self.left, self.bottom - self.top

    @property
    def centre(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


def around(place: tuple[float, float], size: tuple[int, int], whole: tuple[int, int]) -> Box:
    """A box of `size` (width, height), with its centre as near to (x, y) as it can be inside `whole`; no larger than that."""
    width, height = min(size[0], whole[0]), min(size[1], whole[1])
    left = round(min(max(place[0] - width / 2, 0), whole[0] - width))
    top = round(min(max(place[1] - height / 2, 0), whole[1] - height))
    return Box(left, top, left + width, top + height)


def most_detailed(image: Image.Image, size: tuple[int, int]) -> Box:
    """The box of `size` (width, height) with the steepest changes of brightness, inside the picture."""
    small = image.convert("L")
    small.thumbnail((SIDE, SIDE))
    y = np.asarray(small, dtype=np.float64)
    steps = np.abs(np.diff(y, axis=0, append=y[-1:])) + np.abs(np.diff(y, axis=1, append=y[:, -1:]))
    per = small.width / image.width, small.height / image.height
    width, height = (max(1, min(round(s * p), whole)) for s, p, whole in zip(size, per, small.size, strict=True))
    sums = np.pad(steps.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    top, left = np.unravel_index(inside.argmax(), inside.shape)
    return around(((left + width / 2) / per[0], (top + height / 2) / per[1]), size, image.size)
