"""LPIPS and DISTS, where their published weights are on this machine: nothing is downloaded, nothing is replaced.

LPIPS: Zhang et al. 2018 (arXiv:1801.03924), version 0.1 on AlexNet. DISTS: Ding et al. 2020 (arXiv:2004.07728), on VGG16. The
package torchmetrics has both, with the authors' learned weights inside; the ImageNet networks below them are torchvision's, in
the folder where torch keeps its downloads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

LEARNED = {  # in torchmetrics, the very files of lpips 0.1.4 and DISTS_pytorch 0.1: their sha256
    "lpips": ("lpips_models/alex.pth", "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"),
    "dists": ("dists_models/weights.pt", "f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218"),
}
BACKBONES = {  # torchvision's file, and how its sha256 begins
    "lpips": ("alexnet-owt-7be5be79.pth", "7be5be79"),
    "dists": ("vgg16-397923af.pth", "397923af"),
}
SMALLEST = 32  # pixels a side: AlexNet needs 31


def available(name: str) -> bool:
    """Whether "lpips" or "dists" can be measured here."""
    return find_spec("torchmetrics") is not None and backbone(name).is_file()


def backbone(name: str) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / BACKBONES[name][0]


def published(name: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """"lpips" or "dists" as a function of two (H, W, 3) uint8 RGB pictures of one size; 0 for equal ones, smaller is more
    alike; nan for one below 32 pixels a side. No border is cut. The networks are loaded once.

    Raises ValueError if the package, a file, or the right content of a file is missing."""
    if not find_spec("torchmetrics"):
        raise ValueError(f"{name.upper()} needs another package: pip install 'srgan-hub[lpips]'")
    if not backbone(name).is_file():
        raise ValueError(f"{name.upper()} needs torchvision's {backbone(name).name} in {backbone(name).parent}")
    from torchmetrics.functional.image import lpips

    file, sha256 = LEARNED[name]
    check(Path(lpips.__file__).parent / file, sha256)
    check(backbone(name), BACKBONES[name][1])
    network = networks()[name]().eval().requires_grad_(False)

    @torch.inference_mode()
    def distance(sr: np.ndarray, hr: np.ndarray) -> float:
        if min(sr.shape[:2]) < SMALLEST:
            return float("nan")
        sr, hr = (torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None] for image in (sr, hr))
        return float(network(sr, hr))

    return distance


def networks() -> dict[str, Callable[[], torch.nn.Module]]:
    """(N, 3, H, W) pictures in [0, 1] -> distance; the package is imported here, which takes seconds."""
    from torchmetrics.functional.image.dists import DISTSNetwork
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    return {"lpips": lambda: LearnedPerceptualImagePatchSimilarity("alex", normalize=True), "dists": DISTSNetwork}


def check(path: Path, sha256: str) -> None:
    """ValueError if the file's sha256 does not begin like that."""
    if not (found := hashlib.sha256(path.read_bytes()).hexdigest()).startswith(sha256):
        raise ValueError(f"{path} is not the published file: its sha256 begins {found[:8]}, not {sha256[:8]}; fetch it again")
