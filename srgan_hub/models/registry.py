"""Networks of other projects, from files that spandrel loads: ESRGAN, Real-ESRGAN, SwinIR and hundreds of community models."""

from __future__ import annotations

import math
import os
import warnings
from importlib.util import find_spec
from pathlib import Path

import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor, nn

from srgan_hub.hub.download import CheckpointError

SUFFIXES = (".safetensors", ".pth")  # .pth files are opened without running code from them


class CommunityNetwork(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] -> (N, 3, scale * H, scale * W), nominally in [0, 1], not clamped; any H and W.

    loaded: spandrel's descriptor. network: the module itself, which may need sizes that are multiples of `multiple`."""

    reach = math.inf  # LR pixels; unknown

    def __init__(self, loaded):
        super().__init__()
        needs = loaded.size_requirements
        self.network, self.scale, self.architecture = loaded.model.float(), loaded.scale, loaded.architecture.name
        self.multiple, self.minimum = needs.multiple_of, needs.minimum

    def forward(self, lr: Tensor) -> Tensor:
        height, width = lr.shape[-2:]
        more = [max(-side % self.multiple, self.minimum - side) for side in (width, height)]
        if any(extra > 0 for extra in more):
            lr = F.pad(lr, (0, max(0, more[0]), 0, max(0, more[1])), mode="replicate")
        return self.network(lr)[..., : self.scale * height, : self.scale * width]


def is_network_file(name: str) -> bool:
    """Whether the suffix is that of a file for `load_network`; folders, Hub ids and bundled names have no such suffix."""
    return name.lower().endswith(SUFFIXES)


def load_network(name: str) -> CommunityNetwork:
    """The network in a file, in eval mode. Raises CheckpointError if spandrel is missing or cannot load the file."""
    path = Path(os.path.expanduser(name))
    if not path.is_file():
        raise CheckpointError(
            f"there is no file {name}; give a {' or '.join(SUFFIXES)} file, a bundled checkpoint, a folder or a Hub id"
        )
    if not find_spec("spandrel"):
        raise CheckpointError(f"{name}: such files need spandrel: pip install 'srgan-hub[spandrel]'")
    from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError

    try:
        with warnings.catch_warnings(action="ignore"):  # from networks written for an older PyTorch
            loaded = ModelLoader().load_from_file(path)
    except (UnsupportedModelError, SafetensorError, ValueError, RuntimeError, OSError, EOFError, KeyError) as error:
        reason = str(error).partition("\n")[0] or "it contains no network that spandrel supports"
        raise CheckpointError(f"{name} cannot be loaded by spandrel: {reason}") from error
    except Exception as error:  # a damaged pickle can raise anything
        raise CheckpointError(f"{name} cannot be loaded by spandrel: {type(error).__name__}") from error
    if not isinstance(loaded, ImageModelDescriptor) or (loaded.input_channels, loaded.output_channels) != (3, 3):
        raise CheckpointError(f"{name} is a network of {loaded.architecture.name} that does not turn one RGB image into another")
    return CommunityNetwork(loaded).eval().requires_grad_(False)
