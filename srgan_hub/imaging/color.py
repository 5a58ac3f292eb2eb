"""RGB -> Y as MATLAB's rgb2ycbcr does it (ITU-R BT.601, studio swing): the channel super-resolution is measured on."""

from __future__ import annotations

import numpy as np


def luma(rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) RGB in [0, 255] -> (H, W) Y in [16, 235], float64, not rounded."""
    return 16 + rgb.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255
