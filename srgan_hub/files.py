"""Pictures on disk: which file becomes which, read safely, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

FORMATS = {  # --format: Pillow's name, its options
    "png": ("PNG", {}),
    "webp": ("WEBP", {"lossless": True}),
    "jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
}
SUFFIXES = {".png": "png", ".webp": "webp", ".jpg": "jpg", ".jpeg": "jpg"}
WEBP_LIMIT = 16383  # pixels a side that the format can hold


class BadInput(ValueError):
    """A picture that cannot be enlarged or written; the message names the file and the reason."""


class Job(NamedTuple):
    source: Path
    target: Path
    format: str  # a key of FORMATS


def plan(inputs: list[Path], output: Path, scale: int, format: str | None, force: bool) -> tuple[list[Job], list[str]]:
    """What becomes what, and one sentence for everything that cannot be done.

    One picture and an output with a picture's suffix: that file. Otherwise `output` is a folder, where photo.jpg becomes
    photo_x4.png (or the suffix of `format`). No target is an input, a second job's target, or, without force, there yet.
    """
    sources, faults = [], []
    for path in inputs:
        if path.is_dir():
            pictures = [p for p in sorted(path.iterdir()) if p.is_file() and p.suffix.lower() in Image.registered_extensions()]
            if not pictures:
                faults.append(f"{path}: there is no picture in this folder")
            sources += pictures
        elif path.is_file():
            sources.append(path)
        else:
            faults.append(f"{path}: there is no such file or folder")
    sources = list({path.resolve(): path for path in sources}.values())  # the same file named twice is one picture

    single = len(inputs) == 1 and not inputs[0].is_dir() and not output.is_dir()
    if single and output.suffix:
        if format is None and output.suffix.lower() not in SUFFIXES:
            raise BadInput(f"{output}: cannot write {output.suffix}; use one of {', '.join(SUFFIXES)}, or --format")
        named = SUFFIXES.get(output.suffix.lower())
        if format and named and format != named:
            raise BadInput(f"{output}: the name says {named}, --format says {format}; make them agree")
        targets = [(source, output) for source in sources]
        format = format or named
    else:
        if output.exists() and not output.is_dir():
            raise BadInput(f"{output} is a file; several pictures need a folder")
        format = format or "png"
        targets = [(source, output / f"{source.stem}_x{scale}.{format}") for source in sources]

    jobs, taken = [], {}
    for source, target in targets:
        if target.resolve() in {path.resolve() for path in sources}:
            faults.append(f"{source}: its result {target} would overwrite an input; choose another output")
        elif target in taken:
            faults.append(f"{source}: its result {target} is already that of {taken[target]}; give it a folder of its own")
        elif target.exists() and not force:
            faults.append(f"{source}: {target} exists; --force overwrites it")
        else:
            taken[target] = source
            jobs.append(Job(source, target, format))
    return jobs, faults


def enlarge_file(job: Job, upscale: Callable[[Image.Image], Image.Image]) -> int:
    """Read, enlarge and write one picture; returns its pixels. Raises BadInput, leaving nothing half-written."""
    try:
        result = upscale(read_picture(job.source))
    except BadInput as error:
        raise BadInput(f"{job.source}: {error}") from error
    except MemoryError as error:
        raise BadInput(f"{job.source}: not enough memory for it; close other programs or choose a smaller --tile") from error
    if job.format == "jpg" and result.mode in ("LA", "RGBA"):
        raise BadInput(f"{job.source}: has transparency, which jpg cannot hold; use --format png or webp")
    if job.format == "webp" and max(result.size) > WEBP_LIMIT:
        raise BadInput(f"{job.source}: {result.width}x{result.height} is more than webp holds ({WEBP_LIMIT} a side); use png")
    write_whole(result, job.target, job.format)
    return result.width * result.height


def read_picture(path: Path, max_pixels: int | None = None) -> Image.Image:
    """The decoded picture. Raises BadInput if it is none, is damaged, or has more than `max_pixels`."""
    try:
        with Image.open(path) as image:
            if max_pixels and image.width * image.height > max_pixels:
                raise BadInput(
                    f"{image.width}x{image.height} are {image.width * image.height / 1e6:.1f} megapixels; up to "
                    f"{max_pixels / 1e6:g} can be enlarged here. Crop or shrink it, or use srgan-hub on your own machine."
                )
            image.load()
            return image
    except UnidentifiedImageError as error:
        raise BadInput("not a picture that can be read") from error
    except Image.DecompressionBombError as error:
        raise BadInput(f"too large to be read safely ({error})") from error
    except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for a broken PNG
        raise BadInput(f"damaged or not readable ({error})") from error


def write_whole(image: Image.Image, target: Path, format: str) -> None:
    """Write under a temporary name beside the target, then rename, so that a stop leaves no half file."""
    kind, settings = FORMATS[format]
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        image.save(unfinished, kind, **settings)
        unfinished.replace(target)
    except OSError as error:
        raise BadInput(f"{target}: cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
