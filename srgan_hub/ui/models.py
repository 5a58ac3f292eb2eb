"""The models of the page: which ones a visitor may use, what they are, compiled on first use; ten at most are kept."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from srgan_hub.hub.load import CONFIG, CheckpointError, fetch, locate, read_config
from srgan_hub.hub.space import offered
from srgan_hub.inference.upscaler import Upscaler
from srgan_hub.models.generator import Generator
from srgan_hub.models.registry import is_network_file, load_network
from srgan_hub.models.srresnet.network import SRGANGenerator

KEPT = 10
# Tiles are ten overlaps wide, 160 LR pixels, but no wider than the Upscaler's own 256. On two cores, a tile takes half a second,
# or three seconds with dense blocks. The page is told of each tile and can stop after it. 256 everywhere would save a tenth of
# the time.
OVERLAPS = 10


class About(NamedTuple):
    scale: int             # how many times the model enlarges
    partner: str | None    # the checkpoint that it can be blended with
    cost: float            # its operations divided by those of the paper's network


def about(model: str) -> About:
    """Raises CheckpointError for a model that is not offered (visitors may not name folders or Hub ids) or cannot be read."""
    if model not in offered():
        raise CheckpointError(f"there is no model {model!r} here; choose one of {', '.join(offered())}")
    return _about(model)


@lru_cache(maxsize=64)
def _about(model: str) -> About:
    if is_network_file(model):
        network, config = load_network(model), {}
    else:
        generator, config = read_config(Path(fetch(locate(model), CONFIG)), Generator, model)
        try:
            with torch.device("meta"):  # nothing is computed or loaded
                network = generator(**{**config, "partner": None})
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"{model}: {CONFIG} does not describe a generator") from error
    with torch.device("meta"):
        paper = SRGANGenerator()
    return About(network.scale, config.get("partner"), operations(network) / operations(paper))


def operations(network: torch.nn.Module) -> int:
    """For an image of 128x128 pixels."""
    image = torch.zeros(1, 3, 128, 128, device=next(network.parameters()).device)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(image)
    return counter.get_total_flops()


def open_upscaler(model: str, texture: float = 1.0) -> Upscaler:
    """The checkpoint's Upscaler; texture: from 0, its faithful partner, to 1, the checkpoint itself.

    Raises CheckpointError for a model that is not offered or cannot be loaded, and for one without the partner it needs."""
    faithful = about(model).partner
    if texture != 1 and not faithful:
        raise CheckpointError(f"{model} has no faithful partner to blend with; leave the texture at 100 %")
    if not 0 <= texture <= 1:
        raise CheckpointError(f"texture must be from 0 to 1, got {texture}")
    return _open(faithful, 1.0) if texture == 0 else _open(model, texture)  # the partner itself may be quantized, which is faster


@lru_cache(maxsize=KEPT)
def _open(model: str, texture: float) -> Upscaler:
    upscaler = Upscaler.from_pretrained(model, texture=texture)
    upscaler.tile = min(upscaler.tile, OVERLAPS * upscaler.overlap)
    return upscaler


# The page's limits for a visitor, and the environment variables that set them.


PACKING = 0.26  # share of an image's time with the paper's network that is spent on reading it and packing the result
QUICK = 2       # a model is called quick if it may have this many times the pixels that the paper's network may have


def variable(default: float, name: str):
    return field(default=default, metadata={"variable": name})


@dataclass(frozen=True)
class Limits:
    """Each number has an environment variable; README.md lists them."""

    # two cores take 13 to 15 s per megapixel, or 17 to 18 s for a texture between two checkpoints, which is not quantized
    megapixels: float = variable(1.0, "SRGAN_MAX_MEGAPIXELS")   # largest upload, for the paper's network
    file_megabytes: float = variable(50.0, "SRGAN_MAX_FILE_MB")
    files: int = variable(8, "SRGAN_MAX_FILES")                 # per upload
    queue: int = variable(20, "SRGAN_QUEUE")                    # visitors who may wait
    kept: int = variable(3600, "SRGAN_KEPT_SECONDS")            # for uploads and results

    @classmethod
    def from_environment(cls) -> Limits:
        """Raises ValueError, a sentence, for a variable that is not a number above 0."""
        found = {}
        for one in fields(cls):
            name, kind = one.metadata["variable"], type(one.default)
            if text := os.environ.get(name, "").strip():
                try:
                    found[one.name] = kind(text)
                except ValueError:
                    found[one.name] = 0
                if not 0 < found[one.name] < float("inf"):
                    raise ValueError(f"{name} must be a {'whole ' * (kind is int)}number above 0, got {text!r}")
        return cls(**found)

    def pixels(self, model: str) -> int:
        """How many pixels an upload may have for that model: those that take as long as `megapixels` with the paper's network."""
        return round(1e6 * self.megapixels * share(model))

    def sentence(self, size: tuple[int, int], model: str) -> str | None:
        """Why an image of that (width, height) is not enlarged as a whole; None if it is."""
        pixels = size[0] * size[1]
        if pixels <= self.pixels(model):
            return None
        return (
            f"This photo has {pixels / 1e6:.1f} megapixels ({by(size)}); "
            f"up to {self.pixels(model) / 1e6:g} can be enlarged here in one go."
        )


def by(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"


def share(model: str) -> float:
    """How many times the pixels of the paper's network the model may have, to two digits; 1 if the model cannot be read."""
    try:
        cost = about(model).cost
    except CheckpointError:  # opening it will report the error
        return 1.0
    return float(f"{1 / (PACKING + (1 - PACKING) * cost):.2g}")


def is_quick(model: str) -> bool:
    return share(model) >= QUICK
