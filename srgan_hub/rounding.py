"""Numbers in 8 bits: activations as 256 even values, weights as 255 even values about 0 for each output channel."""

from __future__ import annotations

import torch
from torch import Tensor

TOP = 127      # steps from 0 to a channel's largest weight
DAMPING = 0.01  # of the inputs' mean square, added to each: directions that the calibration hardly met stay near their weights
BLOCK = 128    # columns whose errors are passed on together


def rounded(x: Tensor, low: Tensor | float, high: Tensor | float, levels: int) -> Tensor:
    """Each value as the nearest of `levels` that lie evenly from low to high."""
    step = (high - low) / (levels - 1)
    return torch.clamp((x - low) / step, 0, levels - 1).round() * step + low


def tops(weight: Tensor) -> Tensor:
    """(O, I, K, K) -> the largest weight of each output channel, (O, 1, 1, 1)."""
    return weight.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)


def from_steps(steps: Tensor, weight: Tensor) -> Tensor:
    """Whole steps, (O, I, K, K) int8 -> float32 weights, in place of `weight`."""
    return (steps.double() / TOP * tops(weight).double()).float()


def sums_kept(weight: Tensor) -> Tensor:
    """(O, I, K, K) -> whole steps, int8. The sum of each K x K kernel is rounded too, not only its weights: so a flat picture
    stays as flat as it was."""
    exact = (weight / tops(weight) * TOP).double().flatten(2)              # (O, I, K * K)
    steps = exact.round()
    lacking = exact.sum(2, keepdim=True).round() - steps.sum(2, keepdim=True)
    order = ((exact - steps) * lacking.sign()).argsort(2, descending=True)  # first those that were rounded the other way most
    steps = steps + lacking.sign() * (order.argsort(2) < lacking.abs())
    return steps.clamp(-TOP, TOP).to(torch.int8).view_as(weight)


def fitted(weight: Tensor, gram: Tensor) -> Tensor:
    """(O, I, K, K) -> whole steps, int8, that change what the convolution gives least on average; gram: mean of x x^T over its
    inputs x, each the I * K * K values under the kernel.

    One column of weights after another is rounded, and the error is made up for by those that are still to come: Frantar et
    al. 2022, arXiv:2210.17323, equations 2 and 3, by the Cholesky factor of the inverse."""
    left = weight.flatten(1).double()
    unit = tops(weight).double().flatten() / TOP
    gram = gram.double()
    gram = gram + DAMPING * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    factor = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(gram)), upper=True)
    steps = torch.empty_like(left)
    for start in range(0, left.shape[1], BLOCK):
        block = range(start, min(start + BLOCK, left.shape[1]))
        errors = left.new_empty(len(left), len(block))
        for column in block:
            steps[:, column] = (left[:, column] / unit).round().clamp(-TOP, TOP)
            error = (left[:, column] - steps[:, column] * unit) / factor[column, column]
            left[:, column : block.stop] -= error[:, None] * factor[column, column : block.stop]
            errors[:, column - start] = error
        left[:, block.stop :] -= errors @ factor[start : block.stop, block.stop :]
    return steps.to(torch.int8).view_as(weight)
