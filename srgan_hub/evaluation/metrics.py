"""PSNR and SSIM as the super-resolution literature takes them: on Y, with `scale` pixels cut from every border."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from srgan_hub.imaging.color import luma

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5     # Wang et al. 2004, doi:10.1109/TIP.2003.819861
SSIM_K1, SSIM_K2 = 0.01, 0.03


def measured_area(sr: np.ndarray, hr: np.ndarray, border: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Y of both images without the border: (H, W, 3) uint8 RGB -> (H - 2 border, W - 2 border) in [16, 235].

    Raises ValueError if the sizes differ or nothing is left."""
    if sr.shape != hr.shape:
        raise ValueError(f"the images differ in size: {sr.shape[1]}x{sr.shape[0]} and {hr.shape[1]}x{hr.shape[0]}")
    if min(sr.shape[:2]) <= 2 * border:
        raise ValueError(f"an image of {sr.shape[1]}x{sr.shape[0]} has nothing left inside a border of {border} pixels")
    inside = slice(border, -border or None)
    return luma(sr[inside, inside]), luma(hr[inside, inside])


def psnr(sr: np.ndarray, hr: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two (H, W) images in [0, 255]; infinite for equal ones."""
    mse = np.mean((sr.astype(np.float64) - hr.astype(np.float64)) ** 2)
    return float("inf") if mse == 0 else float(10 * np.log10(255**2 / mse))


def ssim(sr: np.ndarray, hr: np.ndarray) -> float:
    """Structural similarity of two (H, W) images in [0, 255]: Wang et al. 2004, 11x11 Gaussian window, whole windows only.

    The paper's own figures come from another package (daala) and are about .009 higher on Set5: do not compare across.
    """
    if min(sr.shape) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels inside the border, got {sr.shape}")
    x, y = (torch.from_numpy(np.asarray(image, dtype=np.float64))[None, None] for image in (sr, hr))
    offsets = torch.arange(SSIM_WINDOW, dtype=torch.float64) - SSIM_WINDOW // 2
    gauss = torch.exp(-(offsets**2) / (2 * SSIM_SIGMA**2))
    gauss = gauss / gauss.sum()

    def mean(image):
        return F.conv2d(F.conv2d(image, gauss.view(1, 1, -1, 1)), gauss.view(1, 1, 1, -1))

    mean_x, mean_y = mean(x), mean(y)
    var_x, var_y, cov = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2, mean(x * y) - mean_x * mean_y
    c1, c2 = (SSIM_K1 * 255) ** 2, (SSIM_K2 * 255) ** 2
    similarity = (2 * mean_x * mean_y + c1) * (2 * cov + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    return float(similarity.mean())
