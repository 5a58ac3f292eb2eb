"""Enlarge a picture piece by piece: the same result as in one piece, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from torch import Tensor


def tiled(
    upscale: Callable[[Tensor], Tensor],
    image: Tensor,
    tile: int,
    margin: int,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """(N, C, H, W) -> (N, D, sH, sW), `upscale` called on pieces of at most `tile` + 2 `margin` pixels a side.

    Each piece is seen with `margin` pixels of its surroundings, which are cut off afterwards: exact when the margin is at
    least the reach of `upscale`. progress(done, total) is called before the first piece and after each.
    Raises ValueError for a tile below 1 or a negative margin.
    """
    if tile < 1 or margin < 0:
        raise ValueError(f"tile must be at least 1 and the overlap at least 0, got {tile} and {margin}")
    height, width = image.shape[-2:]
    pieces = [(rows, columns) for rows in _spans(height, tile) for columns in _spans(width, tile)]
    report = progress or (lambda done, total: None)
    report(0, len(pieces))
    result = None
    for done, ((top, bottom), (left, right)) in enumerate(pieces, start=1):
        y, x = max(0, top - margin), max(0, left - margin)
        piece = upscale(image[..., y : bottom + margin, x : right + margin])
        s = piece.shape[-1] // (min(width, right + margin) - x)
        if result is None:
            result = piece.new_empty(*piece.shape[:2], s * height, s * width)
        result[..., s * top : s * bottom, s * left : s * right] = piece[
            ..., s * (top - y) : s * (bottom - y), s * (left - x) : s * (right - x)
        ]
        report(done, len(pieces))
    return result


def _spans(length: int, tile: int) -> list[tuple[int, int]]:
    """0..length cut into the fewest spans of at most `tile`, all nearly equal."""
    edges = np.linspace(0, length, -(-length // tile) + 1).round().astype(int).tolist()
    return list(pairwise(edges))
