"""Rows of a picture, in the portions that a file format wants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np


def strips(bands: Iterable[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    """The same rows, from top to bottom, in parts of `rows`, the last as long as it comes out."""
    left = None
    for band in bands:
        there = band if left is None else np.concatenate([left, band])
        whole = len(there) // rows * rows
        for first in range(0, whole, rows):
            yield there[first : first + rows]
        left = there[whole:].copy()
    if left is not None and len(left):
        yield left
