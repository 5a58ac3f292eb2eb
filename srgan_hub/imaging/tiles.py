"""Enlarge a picture piece by piece: the same result as in one piece, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

Progress = Callable[[int, int], None]  # pieces done, of how many; called before the first piece and after each


def bands(
    upscale: Callable[[Tensor, slice, slice], Tensor],
    cut: Callable[[slice, slice], Tensor],
    size: tuple[int, int],
    tile: int,
    margin: int,
    border: int = 0,
    progress: Progress | None = None,
) -> Iterator[Tensor]:
    """The result from top to bottom in bands (N, D, h, s W), each a row of pieces of at most `tile` pixels a side.

    cut(rows, columns) gives a part of the picture, (N, C, h, w); size is its (H, W), and `cut` is asked for up to `border`
    pixels beyond each side (from -border to H + border). upscale(part, rows, columns) enlarges these of the part, which has
    `margin` pixels of their surroundings: exact when the margin is at least the reach of `upscale`.
    Raises ValueError for a tile below 1 or a negative margin.
    """
    if tile < 1 or margin < 0:
        raise ValueError(f"tile must be at least 1 and the overlap at least 0, got {tile} and {margin}")
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
            s = piece.shape[-1] // (right - left)
            if band is None:
                shape = (*piece.shape[:2], s * (bottom - top), s * size[1])
                as_pictures = dict(memory_format=torch.channels_last)
                band = torch.empty(shape, dtype=piece.dtype, device=piece.device, **as_pictures)
            band[..., s * left : s * right] = piece
            done += 1
            report(done, len(rows) * len(columns))
        yield band


def tiled(
    upscale: Callable[[Tensor], Tensor], image: Tensor, tile: int, margin: int, progress: Progress | None = None
) -> Tensor:
    """(N, C, H, W) -> (N, D, sH, sW), `upscale` called on pieces of at most `tile` + 2 `margin` pixels a side; see `bands`."""
    enlarge = partial(enlarged_part, upscale)
    return torch.cat(list(bands(enlarge, lambda y, x: image[..., y, x], image.shape[-2:], tile, margin, 0, progress)), dim=-2)


def enlarged_part(upscale: Callable[[Tensor], Tensor], part: Tensor, rows: slice, columns: slice) -> Tensor:
    """These rows and columns of the part enlarged, (N, D, s h, s w), from the whole of it."""
    sr = upscale(part)
    s = sr.shape[-1] // part.shape[-1]
    return sr[..., s * rows.start : s * rows.stop, s * columns.start : s * columns.stop]


def _spans(length: int, tile: int) -> list[tuple[int, int]]:
    """0..length cut into the fewest spans of at most `tile`, all nearly equal."""
    edges = np.linspace(0, length, -(-length // tile) + 1).round().astype(int).tolist()
    return list(pairwise(edges))
