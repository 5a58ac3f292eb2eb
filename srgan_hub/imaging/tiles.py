"""Enlarge an image tile by tile: the same result as in one piece, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from PIL import Image

Progress = Callable[[int, int], None]  # pieces done, pieces in total; called before the first piece and after each


def bands(
    upscale: Callable[[np.ndarray, slice, slice], np.ndarray], cut: Callable[[slice, slice], np.ndarray],
    size: tuple[int, int], tile: int, margin: int, border: int = 0, progress: Progress | None = None,
) -> Iterator[np.ndarray]:  # fmt: skip
    """The result from top to bottom in bands (h, s W, D), each a row of pieces of at most `tile` pixels a side.

    cut(rows, columns) returns a part of the image, (h, w, C). size is the image's (H, W); `cut` is asked for up to `border`
    pixels beyond each side (from -border to H + border). upscale(part, rows, columns) enlarges these rows and columns of the
    part, which includes `margin` pixels around them. The result is exact if the margin is at least the reach of `upscale`.
    """
    rows, columns = (_spans(length, tile) for length in size)
    report, done = progress or (lambda done, total: None), 0
    report(0, len(rows) * len(columns))
    for top, bottom in rows:
        y = slice(max(-border, top - margin), min(size[0] + border, bottom + margin))
        band = None
        for left, right in columns:
            x = slice(max(-border, left - margin), min(size[1] + border, right + margin))
            inside = slice(top - y.start, bottom - y.start), slice(left - x.start, right - x.start)
            piece = upscale(cut(y, x), *inside)
            s = len(piece) // (bottom - top)
            if band is None:
                band = np.empty((len(piece), s * size[1], piece.shape[2]), piece.dtype)
            band[:, s * left : s * right] = piece
            done += 1
            report(done, len(rows) * len(columns))
        yield band


def _spans(length: int, tile: int) -> list[tuple[int, int]]:
    """Cut 0..length into the fewest spans of at most `tile`, all nearly equal."""
    edges = np.linspace(0, length, -(-length // tile) + 1).round().astype(int).tolist()
    return list(pairwise(edges))


# Rows of an image, in the portions that a file format needs.


def strips(bands: Iterable[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    """The same rows, from top to bottom, in parts of `rows`; the last part may be shorter."""
    held = None
    for band in bands:
        held = band if held is None else np.concatenate([held, band])
        while len(held) >= rows:
            yield held[:rows]
            held = held[rows:]
        held = held.copy()  # a view would keep the whole band in memory
    if held is not None and len(held):
        yield held


# A region of an image: around a point, or where the most detail is.


SIDE = 512  # pixels of the longer side when looking for detail; the finest grain is more often noise than not


class Box(NamedTuple):
    """In pixels and in Pillow's order; right and bottom are excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        return self.right - self.left, self.bottom - self.top

    @property
    def center(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


def around(place: tuple[float, float], size: tuple[int, int], whole: tuple[int, int]) -> Box:
    """A box of `size` (width, height), inside `whole` and no larger, with its center as near to (x, y) as possible."""
    width, height = min(size[0], whole[0]), min(size[1], whole[1])
    left = round(min(max(place[0] - width / 2, 0), whole[0] - width))
    top = round(min(max(place[1] - height / 2, 0), whole[1] - height))
    return Box(left, top, left + width, top + height)


def most_detailed(image: Image.Image, size: tuple[int, int]) -> Box:
    """The box of `size` (width, height) inside the image that has the steepest changes of brightness."""
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
