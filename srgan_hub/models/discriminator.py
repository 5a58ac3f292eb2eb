"""SRGAN discriminator: an RGB crop in [0, 1] -> one logit, positive for "a real photo".

Ledig et al. 2017, arXiv:1609.04802, Figure 4 (bottom). Departure: it returns logits; the losses apply the sigmoid."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from srgan_hub.hub.load import StrictHubMixin

STAGES = ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2))  # (channels in widths, stride)


class SRGANDiscriminator(nn.Module, StrictHubMixin, library_name="srgan_hub", license="other", tags=["srgan"]):
    """(N, 3, crop, crop) in [0, 1] -> (N,) logits; for several such batches, their logits one batch after another.

    In training, every batch is normalized by its own statistics; HR and SR in one batch would give themselves away.
    crop: HR pixels, a multiple of 16 (there are four strides of 2, and the dense layer depends on it); width: channels of the
    first convolution. Raises ValueError for other values, and for an input of another size.
    """

    def __init__(self, crop: int = 96, width: int = 64):
        super().__init__()
        if type(crop) is not int or not 16 <= crop <= 1024 or crop % 16:
            raise ValueError(f"crop must be a multiple of 16 up to 1024, got {crop!r}")
        if type(width) is not int or not 1 <= width <= 1024:
            raise ValueError(f"width must be a whole number from 1 to 1024, got {width!r}")
        self.crop = crop
        layers: list[nn.Module] = []
        channels = 3
        for factor, stride in STAGES:
            layers.append(nn.Conv2d(channels, factor * width, 3, stride, padding=1))
            channels = factor * width
            if len(layers) > 1:  # no BatchNorm after the first convolution
                layers.append(nn.BatchNorm2d(channels))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * (crop // 16) ** 2, 16 * width), nn.LeakyReLU(0.2), nn.Linear(16 * width, 1)
        )

    def forward(self, *images: Tensor) -> Tensor:
        for image in images:
            if image.shape[-2:] != (self.crop, self.crop):
                raise ValueError(f"this discriminator sees {self.crop}x{self.crop} crops, got {tuple(image.shape)}")
        # (N, 3, 96, 96) -> (N, 512, 6, 6); the dense layer, most of the weights, is run once for all batches
        maps = torch.cat([self.features(image) for image in images])
        return self.classifier(maps).squeeze(1)  # (N,)
