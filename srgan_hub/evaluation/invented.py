"""Invented detail: how far a GAN's result is from that of its faithful partner for the same LR image.

The partner minimizes the squared error, so it shows the mean of all likely originals (Ledig et al. 2017, section 2.1); texture
beyond that is the GAN's choice. benchmarks/invented_detail.py measures how well this shows where a result is wrong. From the LR
image alone, nothing can tell whether a single hair is right."""

from __future__ import annotations

import numpy as np
import torch

from srgan_hub.evaluation.niqe import gaussian_mean
from srgan_hub.imaging.color import luma
from srgan_hub.imaging.resize import shrunk

SPREAD = 4.0    # pixels, standard deviation; chosen on photos held out from training (docs/page.md)
STRONG = 12.0   # gray levels, of the 219 between black and white, from which the map is saturated
# from nothing to strong; stronger is both darker and redder, so that the map can be read without color vision
COLORS = np.array([[255, 255, 255], [254, 217, 118], [253, 141, 60], [227, 26, 28], [104, 0, 16]], np.float64)


def invented(sr: np.ndarray, mean: np.ndarray, spread: float = SPREAD) -> np.ndarray:
    """(H, W, 3) uint8 of the GAN and of its partner -> (H, W) gray levels of Y by which they differ around each pixel.

    spread: how far "around" reaches, in pixels. Raises ValueError if the sizes differ."""
    if sr.shape != mean.shape:
        raise ValueError(f"the images differ in size: {sr.shape[1]}x{sr.shape[0]} and {mean.shape[1]}x{mean.shape[0]}")
    return smoothed(np.abs(luma(sr) - luma(mean)), spread)


def lr_error(sr: np.ndarray, lr: np.ndarray, scale: int = 4) -> np.ndarray:
    """(scale H, scale W, 3) and (H, W, 3) uint8 -> (H, W) gray levels of Y by which the result, shrunk again, differs from LR."""
    return np.abs(luma(np.asarray(shrunk(sr, scale)[0])) - luma(lr))


def smoothed(values: np.ndarray, sigma: float) -> np.ndarray:
    """(H, W) filtered by a Gaussian with this standard deviation in pixels; the borders are mirrored."""
    reach = round(3 * sigma)
    padded = torch.from_numpy(np.pad(values, reach, mode="symmetric"))[None, None]
    return gaussian_mean(padded, 2 * reach + 1, sigma)[0, 0].numpy()


def colored(levels: np.ndarray) -> np.ndarray:
    """(H, W) gray levels -> (H, W, 3) uint8: white for 0, through yellow and red, to dark red for STRONG and more."""
    stops = np.linspace(0, STRONG, len(COLORS))
    return np.stack([np.interp(levels, stops, channel) for channel in COLORS.T], axis=-1).round().astype(np.uint8)
