"""Frozen VGG feature maps for the content loss: RGB in [0, 1] -> phi_ij (Ledig et al. 2017, section 2.2.1).

phi_ij is taken after the ReLU of the j-th convolution before the i-th max-pooling."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from urllib.error import URLError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

logger = logging.getLogger(__name__)

# Indices into torchvision's `features`, by network and layer; VGG16 has three convolutions in the stages where VGG19 has
# four, and its last one stands for VGG19's
LAYERS = {
    "vgg19": {"vgg12": 3, "vgg22": 8, "vgg34": 17, "vgg44": 26, "vgg54": 35},
    "vgg16": {"vgg12": 3, "vgg22": 8, "vgg34": 15, "vgg44": 22, "vgg54": 29},
}
LAST_CONV = {"vgg19": "features.34.weight", "vgg16": "features.28.weight"}
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VGGFeatures(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] -> {layer: (N, C, h, w)}, feature maps of a fixed VGG19 (or VGG16).

    layers: one or several of vgg12, vgg22, vgg34, vgg44, vgg54. weights: a safetensors file in torchvision's vgg19 or vgg16
    layout; without it, torchvision's ImageNet weights of VGG19 are downloaded. Raises ValueError for a file that is neither.
    """

    def __init__(self, layers: str | Sequence[str] = "vgg54", weights: str | Path | None = None):
        super().__init__()
        from torchvision import models  # late: it imports torch's compiler, which takes as long as torch itself

        layers = (layers,) if isinstance(layers, str) else tuple(layers)
        for layer in layers or ("none",):
            if layer not in LAYERS["vgg19"]:
                raise ValueError(f"layer must be one of {', '.join(LAYERS['vgg19'])}, got {layer!r}")
        tensors = imagenet_vgg19() if weights is None else read_vgg(weights)
        self.network = "vgg19" if LAST_CONV["vgg19"] in tensors else "vgg16"
        self.layers = {LAYERS[self.network][layer]: layer for layer in layers}
        moved = [layer for layer in layers if LAYERS["vgg16"][layer] != LAYERS["vgg19"][layer]]
        if self.network == "vgg16" and moved:
            stand_ins = ", ".join(f"{layer[3]},3 stands for VGG19's {layer[3]},4" for layer in moved)
            logger.warning("%s is a VGG16: its layer %s", weights, stand_ins)
        depth = max(self.layers) + 1
        with torch.device("meta"):  # the classifier, 120 million parameters, is never made
            self.features = getattr(models, self.network)().features[:depth]
        wanted = self.features.state_dict()
        try:
            found = {name: tensors[f"features.{name}"].float() for name in wanted}
            self.features.load_state_dict(found, assign=True)
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"{weights} is not in torchvision's {self.network} layout: {error}") from error
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def stored_as(self, dtype: torch.dtype) -> VGGFeatures:
        """Keep the weights in the type that autocast computes in: it would convert these frozen ones at every call."""
        self.features.to(dtype)
        return self

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        maps, x = {}, (image - self.mean) / self.std
        for index, module in enumerate(self.features):
            x = module(x)
            if index in self.layers:
                maps[self.layers[index]] = x
        return maps


def imagenet_vgg19() -> dict[str, Tensor]:
    from torchvision.models import VGG19_Weights

    try:
        return VGG19_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True)
    except (URLError, OSError) as error:
        raise ValueError(
            f"torchvision's VGG19 weights cannot be downloaded here ({error}); "
            f"put {Path(VGG19_Weights.IMAGENET1K_V1.url).name} of torchvision into {torch.hub.get_dir()}/checkpoints, or name "
            "a file with --vgg_weights FILE.safetensors (torchvision's vgg19 or vgg16 layout)"
        ) from error


def read_vgg(path: str | Path) -> dict[str, Tensor]:
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a readable safetensors file: {error}") from error
    if not any(name in tensors for name in LAST_CONV.values()):
        raise ValueError(f"{path} is neither torchvision's vgg19 nor its vgg16: {' and '.join(LAST_CONV.values())} are missing")
    return tensors
