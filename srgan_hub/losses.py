"""The losses of SRGAN as functions of tensors (Ledig et al. 2017, section 2.2); every one returns a scalar.

Images are (N, 3, H, W) in [0, 1]; features are what VGGFeatures returns; logits come from SRGANDiscriminator."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

VGG_SCALE = 1 / 12.75  # section 3.2: rescaled features bring the VGG loss near the size of the MSE


def pixel_loss(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean squared error with the images taken on [-1, 1], as in the paper: four times its value on [0, 1]."""
    return 4 * F.mse_loss(sr.float(), hr.float())


def content_loss(sr_features: Tensor, hr_features: Tensor) -> Tensor:
    """Mean squared distance of VGG feature maps, features rescaled by 1/12.75."""
    return VGG_SCALE**2 * F.mse_loss(sr_features.float(), hr_features.float())


def adversarial_loss(sr_logits: Tensor) -> Tensor:
    """-log D(G(LR)), averaged over the batch: the generator's share."""
    return F.softplus(-sr_logits.float()).mean()


def discriminator_loss(hr_logits: Tensor, sr_logits: Tensor) -> Tensor:
    """-log D(HR) - log(1 - D(G(LR))), averaged over the batch."""
    return F.softplus(-hr_logits.float()).mean() + F.softplus(sr_logits.float()).mean()
