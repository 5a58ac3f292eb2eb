"""How different two images look to a network: the feature distance and LPIPS.

0 if the images are equal, smaller is more alike; nan below 32 pixels a side. No border is cut. A network is loaded once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_hub.models.features import MEAN, STD, classifier, stages

NETWORK = "lite0"
SMALLEST = 32  # pixels a side: one position at the deepest level of EfficientNet; AlexNet needs 31


@torch.inference_mode()
def feature_distance(
    sr: np.ndarray, hr: np.ndarray, device: str | torch.device = "cpu",
    levels: Callable[[nn.Module, Tensor], Iterator[Tensor]] = stages,
) -> float:  # fmt: skip
    """Distance between two (H, W, 3) uint8 RGB images of one size, to an image classifier that no loss uses; 2 at most.

    The network is EfficientNet-Lite0. The comparison is that of Zhang et al. 2018 (arXiv:1801.03924, equation 1) without learned
    weights, so do not call the result LPIPS. A content loss may use EfficientNet-Lite2 (`--content_layers stage1`), which was
    trained on the same photos: a generator trained with it may look better here than to another judge.

    levels: the maps to compare. They are five, one at each stride 2, 4, 8, 16 and 32: the input of the next strided convolution,
    or at the last stride the input of the classifier's pooling; all after a ReLU6. Channel vectors are scaled to unit length,
    squared distances are averaged over positions, and the five levels are averaged. Deeper levels differ more: the last is about
    half of the result.

    What it is good for: it tells which of two versions of an image has less blur, noise or JPEG damage. Unlike PSNR, it forgives
    a sharp image whose details are a pixel off.
    Where it fails: invented texture costs nearly as much as missing texture, so a soft image can score better than a sharp one
    that people would choose. On average, Real-ESRGAN lies between SRResNet and bicubic. Compare only means over the same images,
    because values depend on what an image shows. Small images have few positions at the deep levels (128x128 pixels give 16 at
    the last), and there the network's zero padding affects the result.

    Raises ValueError if the packages are not installed or the weights are not the ones expected."""
    if min(sr.shape[:2]) < SMALLEST:
        return float("nan")
    network = lite0(str(device))
    pixels = (torch.from_numpy(image.astype(np.float32)).to(device) for image in (sr, hr))
    pairs = zip(*(levels(network, ((x - MEAN) / STD).permute(2, 0, 1)[None]) for x in pixels), strict=True)
    return float(np.mean([unit_distance(x, y).item() for x, y in pairs]))


@functools.cache
def lite0(device: str) -> nn.Module:
    return classifier(NETWORK).to(device)


def unit_distance(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared distance between the channel vectors of two (N, C, H, W) maps, each scaled to unit length; in [0, 4], or in
    [0, 2] for maps without negative values."""
    return (F.normalize(x, dim=1) - F.normalize(y, dim=1)).square().sum(dim=1).mean()


# LPIPS: Zhang et al. 2018 (arXiv:1801.03924), version 0.1. torchmetrics holds the authors' learned weights. Their ImageNet
# network, torchvision's AlexNet, must be in torch's download folder: nothing is downloaded, nothing is replaced.


def alexnet() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / "alexnet-owt-7be5be79.pth"


def has_lpips() -> bool:
    """Whether LPIPS can be measured here."""
    return find_spec("torchmetrics") is not None and alexnet().is_file()


@torch.inference_mode()
def lpips(sr: np.ndarray, hr: np.ndarray) -> float:
    """LPIPS of two (H, W, 3) uint8 RGB images of one size."""
    if min(sr.shape[:2]) < SMALLEST:
        return float("nan")
    sr, hr = (torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None] for image in (sr, hr))
    return float(lpips_network()(sr, hr))


@functools.cache
def lpips_network() -> nn.Module:
    """(N, 3, H, W) images in [0, 1] -> distance."""
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity  # late: the package takes seconds

    return LearnedPerceptualImagePatchSimilarity("alex", normalize=True).eval()
