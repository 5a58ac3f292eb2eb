"""Low-pass filters: Gaussian ones for lenses and movement, sinc ones for the halos of sharpening and resizing."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def gaussian_kernels(size: int, along: Tensor, across: Tensor, angle: Tensor) -> Tensor:
    """Rotated Gaussians, (N, size, size), each of sum 1; size is odd.

    along, across: (N,) standard deviations in pixels along an axis and across it; angle: (N,) of that axis in radians, from
    the x axis (right) towards the y axis (down). Beyond a deviation of size / 6 the kernel's edge cuts it visibly short."""
    x, y = _grid(size, angle)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    u = (cos * x + sin * y) / along[:, None, None]
    v = (cos * y - sin * x) / across[:, None, None]
    return _sum_one((-(u.square() + v.square()) / 2).exp())


def sinc_kernels(size: int, cutoff: Tensor, taps: Tensor) -> Tensor:
    """Circular low-passes, (N, size, size), each of sum 1; size is odd.

    cutoff: (N,) radians a pixel, in (0, pi]. taps: (N,) side in pixels, odd, of the square outside of which a kernel is 0:
    the larger, the more rings. The ideal filter is cutoff / (2 pi r) J1(cutoff r), whose limit at r = 0 is cutoff² / (4 pi)."""
    x, y = _grid(size, cutoff)
    r = x.hypot(y)
    cutoff = cutoff[:, None, None]
    rings = cutoff * torch.special.bessel_j1(cutoff * r) / (2 * math.pi * r.clamp(min=1))  # nowhere else is r below 1
    kernels = torch.where(r == 0, cutoff.square() / (4 * math.pi), rings)
    inside = torch.maximum(x.abs(), y.abs()) <= taps[:, None, None] // 2
    return _sum_one(kernels * inside)


def blur(images: Tensor, kernels: Tensor) -> Tensor:
    """Each image filtered by its own kernel, the picture reflected at its border.

    images: (N, C, H, W) float; kernels: (N, k, k), k odd and k // 2 smaller than H and W. Returns (N, C, H, W)."""
    count, channels = images.shape[:2]
    padded = F.pad(images, [kernels.shape[-1] // 2] * 4, mode="reflect").flatten(0, 1)  # (N * C, H + k - 1, W + k - 1)
    weights = kernels.repeat_interleave(channels, 0)[:, None]                           # (N * C, 1, k, k)
    return F.conv2d(padded[None], weights, groups=count * channels).view_as(images)


def _grid(size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    offsets = torch.arange(size, dtype=like.dtype, device=like.device) - size // 2
    return offsets[None, None, :], offsets[None, :, None]  # x, y


def _sum_one(kernels: Tensor) -> Tensor:
    return kernels / kernels.sum((1, 2), keepdim=True)
