"""Metrics of a result beside its original: PSNR and SSIM as in the super-resolution literature, NIQE, the feature distance, and
others. METRICS, at the end, is the list that benchmark, tables, cards, validation during training and the page's check use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch

from srgan_hub.evaluation.distances import NETWORK, feature_distance, has_lpips, lpips
from srgan_hub.evaluation.niqe import gaussian_mean, niqe
from srgan_hub.imaging.color import luma
from srgan_hub.imaging.resize import shrunk
from srgan_hub.models.features import installed

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5     # Wang et al. 2004, doi:10.1109/TIP.2003.819861
SSIM_K1, SSIM_K2 = 0.01, 0.03
JPEG_BLOCK = 8  # pixels a side


def psnr(sr: np.ndarray, hr: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two images of one shape, in [0, 255]; infinite if they are equal."""
    mse = np.mean((sr.astype(np.float64) - hr.astype(np.float64)) ** 2)
    return float("inf") if mse == 0 else float(10 * np.log10(255**2 / mse))


def ssim(sr: np.ndarray, hr: np.ndarray) -> float:
    """Structural similarity of two (H, W) images in [0, 255]: Wang et al. 2004, 11x11 Gaussian window, whole windows only.

    nan for an image smaller than the window. The paper's own figures come from another package (daala) and are about .009
    higher on Set5: do not compare the two.
    """
    if min(sr.shape) < SSIM_WINDOW:
        return float("nan")
    x, y = (torch.from_numpy(np.asarray(image, dtype=np.float64))[None, None] for image in (sr, hr))
    mean = partial(gaussian_mean, window=SSIM_WINDOW, sigma=SSIM_SIGMA)
    mean_x, mean_y = mean(x), mean(y)
    var_x, var_y, cov = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2, mean(x * y) - mean_x * mean_y
    c1, c2 = (SSIM_K1 * 255) ** 2, (SSIM_K2 * 255) ** 2
    similarity = (2 * mean_x * mean_y + c1) * (2 * cov + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    return float(similarity.mean())


def lr_consistency(sr: np.ndarray, lr: np.ndarray, scale: int = 4) -> float:
    """PSNR in dB over RGB between the result, shrunk the way LR images are made, and the LR image it came from.

    (scale H, scale W, 3) and (H, W, 3) uint8. It tells how much was added to the given image or left out of it."""
    return psnr(np.asarray(shrunk(sr, scale)[0]), lr)


def colour_shift(sr: np.ndarray, hr: np.ndarray) -> float:
    """By how many gray levels the mean of a channel is off, for the worst of red, green and blue; (H, W, 3) uint8 each."""
    return float(np.abs(sr.mean(axis=(0, 1)) - hr.mean(axis=(0, 1))).max())


def detail(sr: np.ndarray, hr: np.ndarray, scale: int = 4) -> float:
    """Energy of the frequencies that an LR image cannot hold, relative to the original, in dB; (H, W) each. 0: as much as the
    original; below 0: smoother.

    These are the frequencies of the Fourier transform beyond LR's highest, across or down. A Hann window keeps the borders out.
    nan if the original has no energy there."""
    rows, columns = (np.abs(np.fft.fftfreq(side)) for side in hr.shape)
    beyond = (rows[:, None] > 0.5 / scale) | (columns > 0.5 / scale)
    window = np.hanning(hr.shape[0])[:, None] * np.hanning(hr.shape[1])
    own, original = (float((np.abs(np.fft.fft2((y - y.mean()) * window)) ** 2)[beyond].sum()) for y in (sr, hr))
    nothing = 1e-12 * hr.size  # rounding error
    return float(10 * np.log10(max(own, nothing) / original)) if original > nothing else float("nan")


def grid(sr: np.ndarray, scale: int = 4) -> float:
    """Strength of a pattern over the whole image that repeats with every LR pixel, in gray levels; .1 to .25 after bicubic.

    (H, W, 3) uint8. Y is averaged at each of the scale x scale places within an LR pixel; the result is the standard deviation
    of these means. Sub-pixel convolutions cause the pattern. PSNR hardly notices it, but eyes do on smooth surfaces."""
    y = luma(sr[: sr.shape[0] // scale * scale, : sr.shape[1] // scale * scale])
    return float(y.reshape(-1, scale, y.shape[1] // scale, scale).mean(axis=(0, 2)).std())


def blocks(sr: np.ndarray, scale: int = 4) -> float:
    """How much is left of the 8x8 blocks of a JPEG file after enlargement, (H, W, 3) uint8: the mean step of Y across their
    borders divided by that across their middles. 1: nothing is left. A sharp image is divided by more and so gets a lower value.
    nan below 3 blocks."""
    y, side = luma(sr), JPEG_BLOCK * scale
    if min(y.shape) < 3 * side:
        return float("nan")
    borders, middles = [], []
    for image in (y, y.T):
        steps = np.abs(image[:, scale:] - image[:, :-scale])  # over one LR pixel
        center = np.arange(side, image.shape[1] - side, side) - scale // 2
        borders.append(steps[:, center].mean())
        middles.append(steps[:, center + side // 2].mean())
    return float(np.sum(borders) / max(np.sum(middles), 1e-12))


# What is measured, and how it is told.


@dataclass(frozen=True)
class Compared:
    """A result beside its original: what a metric is computed from. Raises ValueError if sizes differ or nothing is left inside
    the border of `scale` pixels."""

    sr: np.ndarray          # (scale H, scale W, 3) uint8 RGB, as hr
    hr: np.ndarray
    lr: np.ndarray          # (H, W, 3)
    scale: int = 4
    seconds: float = 0      # that the result took
    device: str | torch.device = "cpu"  # where networks compute

    def __post_init__(self):
        (height, width), (high, wide) = self.sr.shape[:2], self.hr.shape[:2]
        if (height, width) != (high, wide):
            raise ValueError(f"the images differ in size: {width}x{height} and {wide}x{high}")
        if min(height, width) <= 2 * self.scale:
            raise ValueError(f"an image of {width}x{height} has nothing left inside a border of {self.scale} pixels")

    @cached_property
    def inside(self) -> tuple[np.ndarray, np.ndarray]:
        """SR and HR without the border."""
        inside = slice(self.scale, -self.scale)
        return self.sr[inside, inside], self.hr[inside, inside]

    @cached_property
    def y(self) -> tuple[np.ndarray, np.ndarray]:
        """Y in [16, 235] of SR and HR without the border."""
        sr, hr = self.inside
        return luma(sr), luma(hr)


TABLE, VALIDATION, CARD, PAGE = "table", "validation", "card", "page"
EVERYWHERE = (TABLE, VALIDATION, CARD, PAGE)


@dataclass(frozen=True)
class Metric:
    key: str                                # in results.json, training.json
    name: str
    unit: str
    form: str                               # how its numbers are written
    best: Callable[..., float] | None       # max or min; None: what is best lies in between
    compute: Callable[[Compared], float]    # nan: the image is too small
    definition: str                         # for the protocol; {scale} is filled in
    shown: tuple[str, ...] = (TABLE,)       # CARD: in its index of results; its tables have everything
    available: Callable[[], bool] = lambda: True

    @property
    def heading(self) -> str:
        return f"{self.name}, {self.unit}" if self.unit else self.name


METRICS = {metric.key: metric for metric in (
    Metric("psnr", "PSNR-Y", "dB", ".2f", max, lambda c: psnr(*c.y),
           "PSNR-Y, SSIM-Y: on Y (BT.601, MATLAB rgb2ycbcr), {scale} px cut from each border", EVERYWHERE),
    Metric("ssim", "SSIM-Y", "", ".4f", max, lambda c: ssim(*c.y),
           "SSIM: Wang et al. 2004, Gaussian window 11x11", EVERYWHERE),
    Metric("psnr_rgb", "PSNR-RGB", "dB", ".2f", max, lambda c: psnr(*c.inside),
           "PSNR-RGB: all three channels, the same border"),
    Metric("niqe", "NIQE", "", ".2f", min, lambda c: niqe(c.sr, c.scale),
           "NIQE: of the result's Y, the same border; lower looks more natural", EVERYWHERE),
    Metric("feature_distance", "feature distance", "", ".4f", min, lambda c: feature_distance(c.sr, c.hr, c.device),
           "feature distance: EfficientNet-Lite0 (not LPIPS); lower is more alike", EVERYWHERE, partial(installed, NETWORK)),
    Metric("lpips", "LPIPS", "", ".4f", min, lambda c: lpips(c.sr, c.hr),
           "LPIPS: version 0.1, AlexNet, no border cut; lower is more alike", available=has_lpips),
    Metric("lr_consistency", "LR consistency", "dB", ".2f", max, lambda c: lr_consistency(c.sr, c.lr, c.scale),
           "LR consistency: PSNR-RGB between the result, shrunk again by MATLAB's bicubic, and LR"),
    Metric("colour_shift", "color shift", "", ".2f", min, lambda c: colour_shift(c.sr, c.hr),
           "color shift: of the mean of red, green or blue, whichever is most, in gray levels"),
    Metric("detail", "detail", "dB", ".2f", None, lambda c: detail(*c.y, c.scale),
           "detail: energy of Y beyond LR's frequencies over HR's, dB; 0 is as much, less is smoother"),
    Metric("grid", "grid", "", ".2f", min, lambda c: grid(c.sr, c.scale),
           "grid: a pattern of one LR pixel's period over the whole result, standard deviation in gray levels",
           (TABLE, VALIDATION)),
    Metric("blocks", "blocks", "", ".3f", min, lambda c: blocks(c.sr, c.scale),
           "blocks: steps across the borders of the enlarged 8x8 blocks of JPEG over steps across their middles; 1 is none", ()),
    Metric("seconds", "s", "", ".2f", min, lambda c: c.seconds, "means: over images; s: seconds an image", (TABLE, PAGE)),
)}  # fmt: skip


def metrics_for(*places: str) -> list[Metric]:
    """The metrics that are shown in one of the places and can be computed on this machine."""
    return [metric for metric in METRICS.values() if {*places} & {*metric.shown} and metric.available()]
