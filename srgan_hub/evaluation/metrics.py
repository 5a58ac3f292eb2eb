"""What a result is measured by beside its original: PSNR and SSIM as the super-resolution literature takes them, on Y with
`scale` pixels cut from every border, and two questions that it seldom asks."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from srgan_hub.imaging.color import luma
from srgan_hub.imaging.resize import downsample

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5     # Wang et al. 2004, doi:10.1109/TIP.2003.819861
SSIM_K1, SSIM_K2 = 0.01, 0.03
JPEG_BLOCK = 8  # pixels a side


def inside_border(sr: np.ndarray, hr: np.ndarray, border: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Both images without the border: (H, W, 3) uint8 RGB -> (H - 2 border, W - 2 border, 3).

    Raises ValueError if the sizes differ or nothing is left."""
    if sr.shape != hr.shape:
        raise ValueError(f"the images differ in size: {sr.shape[1]}x{sr.shape[0]} and {hr.shape[1]}x{hr.shape[0]}")
    if min(sr.shape[:2]) <= 2 * border:
        raise ValueError(f"an image of {sr.shape[1]}x{sr.shape[0]} has nothing left inside a border of {border} pixels")
    inside = slice(border, -border or None)
    return sr[inside, inside], hr[inside, inside]


def measured_area(sr: np.ndarray, hr: np.ndarray, border: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Y in [16, 235] of what is inside the border."""
    sr, hr = inside_border(sr, hr, border)
    return luma(sr), luma(hr)


def psnr(sr: np.ndarray, hr: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two images of one shape in [0, 255]; infinite for equal ones."""
    mse = np.mean((sr.astype(np.float64) - hr.astype(np.float64)) ** 2)
    return float("inf") if mse == 0 else float(10 * np.log10(255**2 / mse))


def ssim(sr: np.ndarray, hr: np.ndarray) -> float:
    """Structural similarity of two (H, W) images in [0, 255]: Wang et al. 2004, 11x11 Gaussian window, whole windows only.

    nan for an image smaller than the window. The paper's own figures come from another package (daala) and are about .009
    higher on Set5: do not compare across.
    """
    if min(sr.shape) < SSIM_WINDOW:
        return float("nan")
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


def lr_consistency(sr: np.ndarray, lr: np.ndarray, scale: int = 4) -> float:
    """PSNR in dB over RGB between the result, shrunk again as LR images are made, and the LR image it came from.

    (scale H, scale W, 3) and (H, W, 3) uint8. What has been added or left out of the picture that was given."""
    return psnr(downsample(torch.from_numpy(sr.transpose(2, 0, 1).copy()), scale).permute(1, 2, 0).numpy(), lr)


def colour_shift(sr: np.ndarray, hr: np.ndarray) -> float:
    """By how many grey levels the mean of red, green or blue is off, whichever is most; (H, W, 3) uint8 each."""
    return float(np.abs(sr.mean(axis=(0, 1)) - hr.mean(axis=(0, 1))).max())


def detail(sr: np.ndarray, hr: np.ndarray, scale: int = 4) -> float:
    """Energy of what an LR picture cannot hold, over the original's, in dB: 0 is as much, below is smoother; (H, W) each.

    Of the Fourier transform, what lies beyond LR's highest frequency across or down; a Hann window keeps the borders out.
    nan where the original has nothing there."""
    rows, columns = (np.abs(np.fft.fftfreq(side)) for side in hr.shape)
    beyond = (rows[:, None] > 0.5 / scale) | (columns > 0.5 / scale)
    window = np.hanning(hr.shape[0])[:, None] * np.hanning(hr.shape[1])
    own, original = (float((np.abs(np.fft.fft2((y - y.mean()) * window)) ** 2)[beyond].sum()) for y in (sr, hr))
    nothing = 1e-12 * hr.size  # rounding
    return float(10 * np.log10(max(own, nothing) / original)) if original > nothing else float("nan")


def grid(sr: np.ndarray, scale: int = 4) -> float:
    """How strongly a pattern of one LR pixel's period lies over the whole picture, in grey levels; after bicubic .1 to .25.

    Standard deviation over the scale x scale places of an LR pixel of Y's mean there, (H, W, 3) uint8. Sub-pixel
    convolutions paint it; PSNR hardly minds, eyes do on smooth surfaces."""
    y = luma(sr[: sr.shape[0] // scale * scale, : sr.shape[1] // scale * scale])
    return float(y.reshape(-1, scale, y.shape[1] // scale, scale).mean(axis=(0, 2)).std())


def blocks(sr: np.ndarray, scale: int = 4) -> float:
    """How much of the 8x8 blocks of a JPEG file is left after it was enlarged, (H, W, 3) uint8: mean step of Y across their
    borders over that across their middles. 1: nothing; a sharp picture divides by more and so has less. nan below 3 blocks."""
    y, side = luma(sr), JPEG_BLOCK * scale
    if min(y.shape) < 3 * side:
        return float("nan")
    borders, middles = [], []
    for image in (y, y.T):
        steps = np.abs(image[:, scale:] - image[:, :-scale])  # over one LR pixel
        centre = np.arange(side, image.shape[1] - side, side) - scale // 2
        borders.append(steps[:, centre].mean())
        middles.append(steps[:, centre + side // 2].mean())
    return float(np.sum(borders) / max(np.sum(middles), 1e-12))
