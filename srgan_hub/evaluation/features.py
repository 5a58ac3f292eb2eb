"""Feature distance: how differently an image classifier sees two pictures, on a network that no training loss uses.

EfficientNet-Lite0 (../efficientnet.py). The comparison is that of Zhang et al. 2018 (arXiv:1801.03924, equation 1) without
learned weights: never call a number from here LPIPS. A content loss may be of EfficientNet-Lite2 (`--content_layers stage1`),
which learned from the same photographs: what that has trained may come nearer here than another judge would say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from srgan_hub.efficientnet import MEAN, STD, classifier, installed, stages

NETWORK = "lite0"
SMALLEST = 32  # pixels a side: one position at the deepest level


def available() -> bool:
    """Whether the network's packages are installed; imports none."""
    return installed(NETWORK)


class FeatureDistance:
    """Distance of two pictures, 0 for equal ones and 2 at most; smaller is more alike. Symmetric. Loads the network once.

    Five feature maps, one at each stride 2, 4, 8, 16 and 32: what the next convolution with a stride reads, the last one
    what the classifier pools; all after a ReLU6. Channel vectors are scaled to unit length, squared distances are averaged
    over positions, and the five levels are averaged. Deeper levels differ more, so the last is about half of the result.

    What it can be used for: of one picture with more and less blur, noise or JPEG it finds the better one, and unlike PSNR
    it forgives a sharp picture whose details lie a pixel aside.
    Where it fails: invented texture costs nearly as much as missing texture, so a soft picture can come before a sharp one
    that people would choose; on means, Real-ESRGAN lies between SRResNet and bicubic. Only means over the same pictures
    can be compared: values depend on what a picture shows. Small pictures have few positions at the deep levels (one of
    128x128 has 16 at the last), and there the network's zero padding is part of the result.

    Raises ValueError if the packages are not installed or the weights are not the ones expected.
    """

    def __init__(self, device: str | torch.device = "cpu"):
        self.device = torch.device(device)
        self.network = classifier(NETWORK).to(self.device)

    @torch.inference_mode()
    def __call__(self, sr: np.ndarray, hr: np.ndarray) -> float:
        """Distance of two (H, W, 3) uint8 RGB pictures of one size, 32 pixels or more a side. No border is cut.

        Raises ValueError for pictures of another kind, of two sizes, or too small."""
        for image in (sr, hr):
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                raise ValueError(f"wanted (H, W, 3) uint8 RGB, got {image.shape} {image.dtype}")
        if sr.shape != hr.shape:
            raise ValueError(f"the images differ in size: {sr.shape[1]}x{sr.shape[0]} and {hr.shape[1]}x{hr.shape[0]}")
        if min(sr.shape[:2]) < SMALLEST:
            raise ValueError(
                f"the feature distance needs at least {SMALLEST}x{SMALLEST} pixels, got {sr.shape[1]}x{sr.shape[0]}"
            )
        pairs = zip(*(self.levels(self.scaled(image)) for image in (sr, hr)), strict=True)
        return float(np.mean([unit_distance(x, y).item() for x, y in pairs]))

    def levels(self, x: Tensor) -> Iterator[Tensor]:
        """(N, 3, H, W), as `scaled` makes it -> the maps that are compared."""
        return stages(self.network, x)

    def scaled(self, image: np.ndarray) -> Tensor:
        """(H, W, 3) uint8 -> (1, 3, H, W) in [-1, 1], as the network was trained."""
        pixels = torch.from_numpy(image.astype(np.float32)).to(self.device)
        return ((pixels - MEAN) / STD).permute(2, 0, 1)[None]


def unit_distance(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared distance of the channel vectors of two (N, C, H, W) maps, each scaled to unit length; in [0, 4], and for
    maps without negative values in [0, 2]."""
    return (F.normalize(x, dim=1) - F.normalize(y, dim=1)).square().sum(dim=1).mean()
