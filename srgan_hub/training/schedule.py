"""The learning rate as a pure function of the update, so that a resumed run needs no scheduler state."""

from __future__ import annotations

import math


def learning_rate(step: int, *, peak: float, total: int, warmup: int = 100, floor: float = 1e-6) -> float:
    """Linear warm-up over `warmup` updates, then a cosine from `peak` to `floor` at update `total` (step counts from 0)."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return floor + (peak - floor) * (1 + math.cos(math.pi * progress)) / 2
