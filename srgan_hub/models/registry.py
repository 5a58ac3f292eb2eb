"""Architectures that can be trained, and networks of other projects, from files that spandrel loads: ESRGAN, Real-ESRGAN,
SwinIR and hundreds of community models."""

from __future__ import annotations

import math
import os
import warnings
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from srgan_hub.hub.download import CONFIG, WEIGHTS, CheckpointError
from srgan_hub.models.generator import Generator
from srgan_hub.models.rrdb import RRDBGenerator
from srgan_hub.models.srresnet.network import SRGANGenerator

ARCHITECTURES: dict[str, type[Generator]] = {"srresnet": SRGANGenerator, "rrdb": RRDBGenerator}
SUFFIXES = (".safetensors", ".pth")


class CommunityNetwork(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] -> (N, 3, scale * H, scale * W), clamped to [0, 1]; any H and W.

    loaded: spandrel's descriptor, which pads the image as the network needs it. network: the module itself."""

    reach = math.inf  # LR pixels; unknown

    def __init__(self, loaded):
        super().__init__()
        self.network, self.scale, self.architecture = loaded.model.float(), loaded.scale, loaded.architecture.name
        self._descriptor = loaded

    def forward(self, lr: Tensor) -> Tensor:
        if lr.shape[0] == 1:
            return self._descriptor(lr)
        return torch.cat([self._descriptor(one[None]) for one in lr])


def is_network_file(name: str) -> bool:
    """Whether the suffix is that of a file for `load_network`; folders, Hub ids and bundled names have no such suffix."""
    return name.lower().endswith(SUFFIXES)


def load_network(name: str, **hub) -> nn.Module:
    """A generator by bundled name, folder or Hub id (hub: as for from_pretrained), or the network in a file, in eval mode.

    Raises CheckpointError."""
    return _load_file(name) if is_network_file(name) else Generator.from_pretrained(name, **hub)


def _load_file(name: str) -> CommunityNetwork:
    """Raises CheckpointError if spandrel is missing or cannot load the file."""
    path = Path(os.path.expanduser(name))
    if not path.is_file():
        raise CheckpointError(
            f"there is no file {name}; give a {' or '.join(SUFFIXES)} file, a bundled checkpoint, a folder or a Hub id"
        )
    if path.name == WEIGHTS and path.with_name(CONFIG).is_file():
        raise CheckpointError(f"{name} is part of a checkpoint: give its folder, {path.parent}")
    if not find_spec("spandrel"):
        raise CheckpointError(f"{name}: such files need spandrel: pip install 'srgan-hub[spandrel]'")
    from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError, canonicalize_state_dict

    try:
        with warnings.catch_warnings(action="ignore"):  # from networks written for an older PyTorch
            # not spandrel's own reading of .pth files: that opens TorchScript archives, whose code would run
            tensors = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
            loaded = ModelLoader().load_from_state_dict(canonicalize_state_dict(tensors))
            if not isinstance(loaded, ImageModelDescriptor) or (loaded.input_channels, loaded.output_channels) != (3, 3):
                raise ValueError(f"a network of {loaded.architecture.name} that does not turn one RGB image into another")
            return CommunityNetwork(loaded).eval().requires_grad_(False)
    except UnsupportedModelError as error:
        raise CheckpointError(f"{name} contains no network that spandrel supports") from error
    except Exception as error:  # a damaged pickle, or another kind of network, can raise anything
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise CheckpointError(f"{name} cannot be loaded by spandrel ({reason})") from error
