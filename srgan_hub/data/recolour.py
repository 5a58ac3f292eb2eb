"""Surfaces that photographs hardly hold: pure green, magenta, white beside black, grey without grain. Without them a network has
never seen a flat logo, and gives it back 20 grey levels off (docs/training-log.md)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

STEEPEST = 3.0          # contrast of a channel, at most; either way up
MIDDLES = (-64, 319)    # grey level that a channel's mean is moved to: outside of 0 to 255 most of it is flat


def recoloured(hr: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """(N, 3, H, W) uint8 RGB -> the same, each image with probability `share` in other colours: every channel's contrast
    multiplied by -3 to 3 about its mean, which is moved to anywhere, and clamped. Three in ten are then nearly flat; one in
    four has the same mean in all channels: grey."""
    chosen = torch.from_numpy(rng.random(len(hr)) < share)
    count = int(chosen.sum())
    if not count:
        return hr
    each, image = (count, 3, 1, 1), (count, 1, 1, 1)
    contrast = rng.uniform(-STEEPEST, STEEPEST, each) * rng.random(image) ** 2
    middle = np.where(rng.random(image) < 0.25, rng.uniform(*MIDDLES, image), rng.uniform(*MIDDLES, each))
    contrast, middle = (torch.from_numpy(values).float().to(hr.device) for values in (contrast, middle))
    images = hr[chosen.to(hr.device)].float()
    images = (images - images.mean((2, 3), keepdim=True)) * contrast + middle
    return hr.index_copy(0, chosen.nonzero()[:, 0].to(hr.device), images.clamp(0, 255).round().byte())
