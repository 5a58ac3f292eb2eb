"""What one visitor may ask of the machine: the page's limits, and the variables that set them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields

from srgan_hub.loading import CheckpointError
from srgan_hub.ui.upscalers import cost_of

PACKING = 0.26  # of the time that a picture takes with the paper's network: reading it, and packing the result
QUICK = 2       # times the pixels that the paper's network may have: from here on a model is called quick
DEEP = 0.5  # of those pixels: with more than 8 bits a picture is computed in float32, in four times the time


def variable(default: float, name: str, what: str):
    return field(default=default, metadata={"name": name, "what": what})


@dataclass(frozen=True)
class Limits:
    """Each number has a variable of the environment; README.md lists them."""

    # two cores take 13 to 15 s a megapixel, and for a texture between two checkpoints, which has no 8 bits, 17 to 18
    megapixels: float = variable(1.0, "SRGAN_MAX_MEGAPIXELS", "megapixels of an upload")
    read: float = variable(50.0, "SRGAN_MAX_READ_MEGAPIXELS", "megapixels of a file that is read at all, to be cut or shrunk")
    file_megabytes: float = variable(50.0, "SRGAN_MAX_FILE_MB", "megabytes of an uploaded file")
    files: int = variable(8, "SRGAN_MAX_FILES", "files enlarged at once")
    jobs: int = variable(1, "SRGAN_JOBS", "photographs computed at the same time; each uses all cores")
    queue: int = variable(20, "SRGAN_QUEUE", "visitors that may wait")
    kept: int = variable(3600, "SRGAN_KEPT_SECONDS", "seconds that uploads and results are kept")

    @classmethod
    def from_environment(cls) -> Limits:
        """Raises ValueError, a sentence, for a variable that is no number above 0."""
        found = {}
        for one in fields(cls):
            name = one.metadata["name"]
            if text := os.environ.get(name, "").strip():
                kind = type(one.default)
                try:
                    found[one.name] = kind(text)
                except ValueError:
                    found[one.name] = 0
                if not 0 < found[one.name] < float("inf"):
                    number = "a whole number" if kind is int else "a number"
                    raise ValueError(f"{name} must be {number} above 0 ({one.metadata['what']}), got {text!r}")
        return cls(**found)

    def pixels(self, model: str) -> int:
        """How many an upload may have for that model: as many as take as long as `megapixels` with the paper's network."""
        return round(1e6 * self.megapixels * share(model))

    def keeps_depth(self, size: tuple[int, int], model: str) -> bool:
        """Whether a picture of that (width, height) is enlarged in all its bits, where it has more than 8."""
        return size[0] * size[1] <= DEEP * self.pixels(model)

    def sentence(self, size: tuple[int, int], model: str) -> str | None:
        """Why a picture of that (width, height) is not enlarged as a whole; None if it is."""
        pixels = size[0] * size[1]
        if pixels <= self.pixels(model):
            return None
        return (
            f"This photo has {pixels / 1e6:.1f} megapixels ({size[0]}×{size[1]}); "
            f"up to {self.pixels(model) / 1e6:g} can be enlarged here in one go."
        )


def share(model: str) -> float:
    """Of the pixels that the paper's network may have, to two digits; 1 for a model that cannot be read."""
    try:
        cost = cost_of(model)
    except CheckpointError:  # who opens it is told
        return 1.0
    return float(f"{1 / (PACKING + (1 - PACKING) * cost):.2g}")


def is_quick(model: str) -> bool:
    return share(model) >= QUICK
