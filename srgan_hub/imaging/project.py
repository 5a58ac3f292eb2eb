"""Back-projection (Irani and Peleg 1991): a result that, shrunk again, is the picture that was given."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from srgan_hub.imaging.resize import shrunk_exactly

ROUNDS = 5  # bring srgan-x4's LR consistency on Set5 and Set14 from 50 and 49 to 76 and 72 dB (docs/engines.md)


def back_project(sr: Tensor, lr: Tensor, scale: int) -> Tensor:
    """(N, C, scale H, scale W) and (N, C, H, W), both in [0, 1] -> the nearest result that MATLAB's bicubic shrinks to `lr`.

    Each round adds what is missing in LR, enlarged. Detail that shrinking does not see is left as it is."""
    sr = sr.clamp(0, 1)
    for _ in range(ROUNDS):
        missing = lr - shrunk_exactly(sr, scale).to(sr.dtype)
        sr = (sr + F.interpolate(missing, scale_factor=scale, mode="bicubic", align_corners=False)).clamp(0, 1)
    return sr
