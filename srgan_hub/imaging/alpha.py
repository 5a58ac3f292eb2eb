"""Transparency: no fringe around a cut-out after enlargement, and no speck in what was wholly opaque or transparent."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

HIDDEN = 8 / 255  # an alpha up to which a pixel's own colour counts for nothing: it is rounded away, or garbage

def fill_hidden(colour: Tensor, alpha: Tensor) -> Tensor:
    """Give (all but) wholly transparent pixels the premultiplied mean colour of what is visible around them.

    colour (N, 3, H, W), alpha (N, 1, H, W), both in [0, 1] -> (N, 3, H, W). Files keep black or garbage there, which an
    enlargement would smear into the edge of the cut-out. Coarser and coarser means reach any distance."""
    visible = alpha > HIDDEN
    if visible.all() or not visible.any():
        return colour
    alpha = alpha * visible
    halve = dict(kernel_size=2, ceil_mode=True, count_include_pad=False)
    weighted, weight = colour * alpha, alpha                 # premultiplied
    levels = [(weighted, weight)]
    while max(weight.shape[-2:]) > 1:
        weighted, weight = F.avg_pool2d(weighted, **halve), F.avg_pool2d(weight, **halve)
        levels.append((weighted, weight))
    filled = weighted / weight.clamp_min(1e-12)
    for weighted, weight in reversed(levels[1:-1]):
        filled = torch.where(weight > 0, weighted / weight.clamp_min(1e-12), _enlarge_to(filled, weight))
    return torch.where(visible, colour, _enlarge_to(filled, alpha))


def _enlarge_to(image: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(image, size=like.shape[-2:], mode="bilinear", align_corners=False)


def bound(alpha: Tensor, source: Tensor, scale: int) -> Tensor:
    """Clamp an enlarged alpha (N, 1, sH, sW) to what the source (N, 1, H, W) holds within one pixel of each place.

    Opaque stays exactly opaque and transparent exactly transparent, whatever the network makes of a flat area."""
    padded = F.pad(source, (1, 1, 1, 1), mode="replicate")
    highest = F.max_pool2d(padded, 3, stride=1)
    lowest = -F.max_pool2d(-padded, 3, stride=1)
    lowest, highest = (F.interpolate(b, scale_factor=scale, mode="nearest") for b in (lowest, highest))
    return alpha.maximum(lowest).minimum(highest)
