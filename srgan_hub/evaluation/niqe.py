"""NIQE: how natural a picture looks, judged without its original; lower is better, photographs have about 2 to 5.

Mittal, Soundararajan and Bovik 2013, "Making a completely blind image quality analyzer", doi:10.1109/LSP.2012.2227726. The
statistics of natural photographs in niqe.safetensors are those that the authors released with their MATLAB code."""

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
BLOCK = 96                            # pixels a side; two blocks at least, or they have no covariance
WINDOW, SIGMA = 7, 7 / 6
SHAPES = torch.arange(0.2, 10.0005, 0.001, dtype=torch.float64)  # of the generalised Gaussians tried
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


def niqe(image: np.ndarray, border: int = 4) -> float:
    """NIQE of the Y of an (H, W, 3) uint8 RGB picture without its border; at least two blocks of 96x96 must be left.

    Raises ValueError for a smaller picture."""
    inside = slice(border, -border or None)
    y = torch.from_numpy(luma(image[inside, inside])).round()
    rows, columns = (side // BLOCK for side in y.shape)
    if rows * columns < 2:
        raise ValueError(
            f"NIQE needs two blocks of {BLOCK}x{BLOCK} pixels inside the border of {border}, "
            f"got a picture of {image.shape[1]}x{image.shape[0]}"
        )
    y = y[: rows * BLOCK, : columns * BLOCK]
    found = torch.cat([features(y, BLOCK), features(shrunk_exactly(y, 2), BLOCK // 2)], dim=1)
    whole = found[found.isfinite().all(dim=1)]  # a block without any contrast has no statistics
    if len(whole) < 2:
        return float("nan")
    mean, covariance = natural()
    apart = mean - found.nanmean(dim=0)
    return float((apart @ torch.linalg.pinv((covariance + whole.T.cov()) / 2) @ apart).sqrt())


def niqe_of_result(sr: np.ndarray, hr: np.ndarray) -> float:
    """NIQE as a measure among others (benchmark.py): HR is not looked at, and a picture too small for it has nan."""
    try:
        return niqe(sr)
    except ValueError:
        return float("nan")


@functools.cache
def natural() -> tuple[Tensor, Tensor]:
    """Mean (36,) and covariance (36, 36) of the features of natural photographs."""
    tensors = load_file(NATURAL)
    return tensors["mean"], tensors["covariance"]


def features(y: Tensor, block: int) -> Tensor:
    """(H, W) -> (blocks, 18): the distribution of the normalised luminance and of its products with four neighbours."""
    blocks = normalised(y).unfold(0, block, block).unfold(1, block, block).flatten(0, 1)
    shape, left, right = generalised_gaussian(blocks)
    columns = [shape, (left + right) / 2]
    for shift in NEIGHBOURS:
        shape, left, right = generalised_gaussian(blocks * blocks.roll(shift, dims=(1, 2)))
        mean = (right - left) * (torch.lgamma(2 / shape) - torch.lgamma(1 / shape)).exp()
        columns += [shape, mean, left, right]
    return torch.stack(columns, dim=1)


def normalised(y: Tensor) -> Tensor:
    """(H, W) -> every pixel less its surroundings' mean, over their standard deviation plus 1."""
    offsets = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    gauss = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    gauss = gauss / gauss.sum()

    def around(image: Tensor) -> Tensor:
        padded = F.pad(image[None, None], [WINDOW // 2] * 4, mode="replicate")
        return F.conv2d(F.conv2d(padded, gauss.view(1, 1, -1, 1)), gauss.view(1, 1, 1, -1))[0, 0]

    mean = around(y)
    return (y - mean) / ((around(y * y) - mean**2).abs().sqrt() + 1)


def generalised_gaussian(blocks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Shape, left and right scale (each (N,)) of the asymmetric generalised Gaussian nearest to each of (N, h, w) blocks."""
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
    """Of (N, M) values where the mask is set, for each row; nan where it never is."""
    return ((values**2 * where).sum(dim=1) / where.sum(dim=1)).sqrt()
