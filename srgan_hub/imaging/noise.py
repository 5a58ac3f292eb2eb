"""Noise of sensors: of one strength everywhere (Gaussian), or growing with the light (Poisson); in colour or in grey."""

from __future__ import annotations

import torch
from torch import Tensor

WHITE = 255


def gaussian_noise(images: Tensor, std: Tensor, grey: Tensor, generator: torch.Generator) -> Tensor:
    """images (N, C, H, W) float plus noise of standard deviation std (N,), in grey levels; not clamped.

    grey: (N,) bool, whether all channels get the same noise. generator: on the device of the images."""
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    return images + _per_image(std, images) * _one_channel_if(grey, noise)


def poisson_noise(images: Tensor, std: Tensor, grey: Tensor, generator: torch.Generator) -> Tensor:
    """images (N, C, H, W) float in [0, 255] with photons counted; not clamped.

    std: (N,) standard deviation in grey levels at white, and its sqrt(x / 255)-fold at level x. grey: (N,) bool, whether
    all channels get the noise of their mean. generator: on the device of the images."""
    photons = WHITE / _per_image(std, images).square()  # a level; a count of P photons deviates by sqrt(P)
    light = torch.where(_per_image(grey, images), images.mean(1, keepdim=True), images)
    noise = torch.poisson(light * photons, generator=generator) / photons - light
    return images + _one_channel_if(grey, noise)


def _one_channel_if(grey: Tensor, noise: Tensor) -> Tensor:
    return torch.where(_per_image(grey, noise), noise[:, :1], noise)


def _per_image(values: Tensor, images: Tensor) -> Tensor:
    return values.to(images.device)[:, None, None, None]
