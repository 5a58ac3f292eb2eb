"""NIQE: how natural an image looks, without its original. Lower is better; photos have about 2 to 5.

Mittal, Soundararajan and Bovik 2013, "Making a completely blind image quality analyzer", doi:10.1109/LSP.2012.2227726. The
statistics of natural images in niqe.safetensors are those that the authors released with their MATLAB code."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from srgan_hub.imaging.color import luma
from srgan_hub.imaging.resize import shrunk_exactly

NATURAL = Path(__file__).with_name("niqe.safetensors")
BLOCK = 96                            # pixels a side; at least two blocks are needed for a covariance
WINDOW, SIGMA = 7, 7 / 6
SHAPES = torch.arange(0.2, 10.0005, 0.001, dtype=torch.float64)  # of the generalized Gaussians that are tried
NEIGHBORS = ((0, 1), (1, 0), (1, 1), (1, -1))


def niqe(image: np.ndarray, border: int = 4) -> float:
    """NIQE of the Y of an (H, W, 3) uint8 RGB image without its border; nan if less than two blocks of 96x96 are left, or have
    any contrast."""
    inside = slice(border, -border or None)
    y = torch.from_numpy(luma(image[inside, inside])).round()
    rows, columns = (side // BLOCK for side in y.shape)
    if rows * columns < 2:
        return float("nan")
    y = y[: rows * BLOCK, : columns * BLOCK]
    found = torch.cat([features(y, BLOCK), features(shrunk_exactly(y, 2), BLOCK // 2)], dim=1)
    whole = found[found.isfinite().all(dim=1)]  # blocks without any contrast have no statistics
    if len(whole) < 2:
        return float("nan")
    mean, covariance = natural()
    apart = mean - found.nanmean(dim=0)
    return float((apart @ torch.linalg.pinv((covariance + whole.T.cov()) / 2) @ apart).sqrt())


@functools.cache
def natural() -> tuple[Tensor, Tensor]:
    """Mean (36,) and covariance (36, 36) of the features of natural photos."""
    tensors = load_file(NATURAL)
    return tensors["mean"], tensors["covariance"]


def features(y: Tensor, block: int) -> Tensor:
    """(H, W) -> (blocks, 18): the distribution of the normalized luminance and of its products with four neighbors."""
    blocks = normalized(y).unfold(0, block, block).unfold(1, block, block).flatten(0, 1)
    shape, left, right = generalised_gaussian(blocks)
    columns = [shape, (left + right) / 2]
    for shift in NEIGHBORS:
        shape, left, right = generalised_gaussian(blocks * blocks.roll(shift, dims=(1, 2)))
        mean = (right - left) * (torch.lgamma(2 / shape) - torch.lgamma(1 / shape)).exp()
        columns += [shape, mean, left, right]
    return torch.stack(columns, dim=1)


def normalized(y: Tensor) -> Tensor:
    """(H, W) -> every pixel minus the mean of its surroundings, divided by their standard deviation plus 1."""
    def around(image: Tensor) -> Tensor:
        padded = F.pad(image[None, None], [WINDOW // 2] * 4, mode="replicate")
        return gaussian_mean(padded, WINDOW, SIGMA)[0, 0]

    mean = around(y)
    return (y - mean) / ((around(y * y) - mean**2).abs().sqrt() + 1)


def gaussian_mean(image: Tensor, window: int, sigma: float) -> Tensor:
    """(N, 1, H, W) float64 -> (N, 1, H - window + 1, W - window + 1): means under a Gaussian, whole windows only; in pixels."""
    offsets = torch.arange(window, dtype=torch.float64) - window // 2
    gauss = torch.exp(-(offsets**2) / (2 * sigma**2))
    gauss = gauss / gauss.sum()
    return F.conv2d(F.conv2d(image, gauss.view(1, 1, -1, 1)), gauss.view(1, 1, 1, -1))


def generalised_gaussian(blocks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Shape, left and right scale (each (N,)) of the asymmetric generalized Gaussian closest to each of (N, h, w) blocks."""
    values = blocks.flatten(1)
    left, right = (root_mean_square(values, values < 0), root_mean_square(values, values > 0))
    ratio = left / right
    spread = values.abs().mean(dim=1) ** 2 / (values**2).mean(dim=1)
    wanted = spread * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    logs = 2 * torch.lgamma(2 / SHAPES) - torch.lgamma(1 / SHAPES) - torch.lgamma(3 / SHAPES)
    shape = SHAPES[(logs.exp() - wanted[:, None]).abs().argmin(dim=1)]
    scale = ((torch.lgamma(1 / shape) - torch.lgamma(3 / shape)) / 2).exp()
    return shape, left * scale, right * scale


def root_mean_square(values: Tensor, where: Tensor) -> Tensor:
    """For each row of (N, M) values, over those where the mask is set; nan if it never is."""
    return ((values**2 * where).sum(dim=1) / where.sum(dim=1)).sqrt()
