"""Transparency: no fringe around a cut-out after enlargement, and no speck in what was wholly opaque or transparent."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

HIDDEN = 8  # of 255: an alpha up to which a pixel's own colour counts for nothing: it is rounded away, or garbage
ROWS = 256  # of the picture that are in memory as floats at a time; even


def fill_hidden(pixels: np.ndarray) -> np.ndarray:
    """Give (all but) wholly transparent pixels the premultiplied mean colour of what is visible around them.

    (H, W, 2 or 4) uint8, alpha last -> the same. Files keep black or garbage there, which an enlargement would smear into the
    edge of the cut-out. Coarser and coarser means reach any distance."""
    visible = pixels[..., -1] > HIDDEN
    if visible.all() or not visible.any():
        return pixels
    parts = (_halved(*_premultiplied(pixels[row : row + ROWS])) for row in range(0, len(pixels), ROWS))
    levels = [tuple(torch.cat(rows, dim=-2) for rows in zip(*parts, strict=True))]
    while max(levels[-1][1].shape[-2:]) > 1:
        levels.append(_halved(*levels[-1]))
    mean = None                                              # (1, C - 1, h, w), from the coarsest to half the picture's size
    for weighted, weight in reversed(levels):
        own = weighted / weight.clamp_min(1e-12)
        mean = own if mean is None else torch.where(weight > 0, own, _doubled(mean, *weight.shape[-2:]))
    filled = pixels.copy()
    for row in range(0, len(pixels), ROWS):
        rows, hidden = filled[row : row + ROWS], ~visible[row : row + ROWS]
        near = mean[..., max(0, row // 2 - 1) : (row + ROWS) // 2 + 1, :]  # with a neighbour above and below
        skipped = 2 * min(1, row // 2)
        enlarged = _doubled(near, skipped + len(rows), rows.shape[1])[0, :, skipped:].permute(1, 2, 0)
        rows[..., :-1][hidden] = (255 * enlarged).round().byte().numpy()[hidden]
    return filled


def _premultiplied(rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """(h, w, C) uint8 -> colour times alpha (1, C - 1, h, w), and alpha (1, 1, h, w), in [0, 1], 0 where hidden."""
    levels = torch.from_numpy(rows.astype(np.float32)).permute(2, 0, 1)[None]
    colour, alpha = levels.tensor_split([-1], dim=1)
    alpha = alpha * (alpha > HIDDEN) / 255
    return colour / 255 * alpha, alpha


def _halved(*images: Tensor) -> tuple[Tensor, ...]:
    return tuple(F.avg_pool2d(image, kernel_size=2, ceil_mode=True, count_include_pad=False) for image in images)


def _doubled(image: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]


def bound(alpha: Tensor, source: Tensor, scale: int) -> Tensor:
    """Clamp an enlarged alpha (N, 1, sH, sW) to what the source (N, 1, H, W) holds within one pixel of each place.

    Opaque stays exactly opaque and transparent exactly transparent, whatever the network makes of a flat area."""
    padded = F.pad(source, (1, 1, 1, 1), mode="replicate")
    highest = F.max_pool2d(padded, 3, stride=1)
    lowest = -F.max_pool2d(-padded, 3, stride=1)
    lowest, highest = (F.interpolate(b, scale_factor=scale, mode="nearest") for b in (lowest, highest))
    return alpha.maximum(lowest).minimum(highest)
