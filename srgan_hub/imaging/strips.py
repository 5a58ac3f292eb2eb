"""Rows of a picture, in the portions that a file format wants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np


def strips(bands: Iterable[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    """The same rows, from top to bottom, in parts of `rows`, the last as long as it comes out."""
    left = np.empty(0)
    for band in bands:
        first = 0
        if len(left):
            first = rows - len(left)
            left = np.concatenate([left, band[:first]])
            if len(left) < rows:
                continue
            yield left
        last = first + (len(band) - first) // rows * rows
        for row in range(first, last, rows):
            yield band[row : row + rows]
        left = band[last:].copy()  # a view would keep the whole band in memory
    if len(left):
        yield left
