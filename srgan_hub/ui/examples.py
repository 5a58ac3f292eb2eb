"""Examples to try, and their results, which come with the page: what is shown of them is there before any model is loaded."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "examples"  # beside app.py; a package that was installed without it has no examples
MODEL = "srgan-x4-photo-large"                   # whose results these are


def files() -> list[str]:
    return sorted(map(str, FOLDER.glob("*.png")))


def result_of(example: str) -> Path:
    """Made by `srgan-hub upscale examples -o examples/results --model srgan-x4-photo-large`."""
    return FOLDER / "results" / f"{Path(example).stem}_x4.png"


def shipped(path: str, model: str, texture: float) -> Path | None:
    """The result of an upload that is one of the examples, where it comes with the page."""
    if model != MODEL or texture != 1 or Path(path).stat().st_size > 1e6:
        return None
    return digests().get(hashlib.sha256(Path(path).read_bytes()).hexdigest())


@cache
def digests() -> dict[str, Path]:
    """sha256 of each example that has a result -> that."""
    return {
        hashlib.sha256(Path(file).read_bytes()).hexdigest(): result_of(file) for file in files() if result_of(file).is_file()
    }
