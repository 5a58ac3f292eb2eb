"""Pictures on disk: which file becomes which, read safely, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from srgan_hub.imaging.convert import normalise, profile_of
from srgan_hub.imaging.png import PNGWriter
from srgan_hub.imaging.target import Target

FORMATS = {  # --format: Pillow's name, its options
    "png": ("PNG", {}),
    "webp": ("WEBP", {"lossless": True}),
    "jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
}
SUFFIXES = {".png": "png", ".webp": "webp", ".jpg": "jpg", ".jpeg": "jpg"}
LARGE = 32_000_000  # pixels of a result; with its copies it takes 0.3 GB
WEBP_LIMIT = 16383  # pixels a side that the format can hold


class BadInput(ValueError):
    """A picture that cannot be enlarged or written; the message names the file and the reason."""


class Job(NamedTuple):
    source: Path
    target: Path
    format: str  # a key of FORMATS


def plan(inputs: list[Path], output: Path, label: str, format: str | None, force: bool) -> tuple[list[Job], list[str]]:
    """What becomes what, and one sentence for everything that cannot be done.

    One picture and an output with a picture's suffix: that file. Otherwise `output` is a folder, where photo.jpg becomes
    photo_x4.png (label "x4"; or the suffix of `format`). No target is an input, a second job's target, or, without force,
    there yet.
    """
    sources, faults = [], []
    for path in inputs:
        if path.is_dir():
            pictures = [p for p in sorted(path.iterdir()) if is_picture(p)]
            if _same(path, output):  # what an earlier run put there is no input
                pictures = [p for p in pictures if not p.stem.endswith(f"_{label}")]
            if not pictures:
                faults.append(f"{path}: there is no picture in this folder")
            sources += pictures
        elif path.is_file():
            sources.append(path)
        else:
            faults.append(f"{path}: there is no such file or folder")
    sources = list({os.path.abspath(path): path for path in sources}.values())  # a file named twice is one picture

    if output.suffix and not output.is_dir() and len(sources) <= 1 and not any(path.is_dir() for path in inputs):
        named = SUFFIXES.get(output.suffix.lower())
        if format is None and named is None:
            raise BadInput(f"{output}: cannot write {output.suffix}; use one of {', '.join(SUFFIXES)}, or --format")
        if format and named and format != named:
            raise BadInput(f"{output}: the name says {named}, --format says {format}; make them agree")
        targets = [(source, output) for source in sources]
        format = format or named
    else:
        if not output.is_dir() and (output.exists() or output.suffix.lower() in SUFFIXES):
            raise BadInput(f"{output} is no folder; several pictures need one")
        format = format or "png"
        targets = [(source, output / f"{source.stem}_{label}.{format}") for source in sources]

    jobs, taken, originals = [], {}, {os.path.realpath(path) for path in sources}
    for source, target in targets:
        if os.path.realpath(target) in originals:
            faults.append(f"{source}: its result {target} would overwrite an input; choose another output")
        elif target in taken:
            faults.append(f"{source}: its result {target} is already that of {taken[target]}; give it a folder of its own")
        elif target.exists() and not force:
            faults.append(f"{source}: {target} exists; --force overwrites it")
        else:
            taken[target] = source
            jobs.append(Job(source, target, format))
    return jobs, faults


def is_picture(path: Path) -> bool:
    """Whether the name is that of a picture that Pillow opens; hidden files (macOS's ._photo.jpg) are none."""
    kind = Image.registered_extensions().get(path.suffix.lower())
    return kind in Image.OPEN and not path.name.startswith(".") and path.is_file()


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def enlarge_file(job: Job, upscaler, target: Target, progress: Callable[[int, int], None] | None = None) -> int:
    """Read, enlarge and write one picture; returns its pixels. Raises BadInput, leaving nothing half-written.

    upscaler: an Upscaler, or what is called alike. A PNG of more than LARGE pixels is written while it is computed, in memory
    that does not grow with it; other formats, and sizes that are shrunk to, need the whole result there."""
    try:
        image = read_picture(job.source)
        upright = normalise(image)
        try:
            size = target.size(*upright.size, upscaler.scale)
        except ValueError as error:
            raise BadInput(str(error)) from error
        if job.format == "jpg" and "A" in upright.getbands() and upright.getchannel("A").getextrema()[0] < 255:
            raise BadInput("it has transparency, which jpg cannot hold; use --format png or webp")
        if job.format == "webp" and max(size) > WEBP_LIMIT:
            raise BadInput(f"its result would be more than the {WEBP_LIMIT} pixels a side that webp holds; use --format png")
        room = shutil.disk_usage(next(folder for folder in job.target.absolute().parents if folder.is_dir())).free
        needed = size[0] * size[1] * len(upright.getbands())
        if needed > LARGE and needed > room:
            raise BadInput(
                f"its result of {size[0]}x{size[1]} may take {needed / 1e9:.1f} GB, and {room / 1e9:.1f} GB are free in "
                f"{job.target.parent}; choose another output"
            )
        if job.format == "png" and size[0] * size[1] > LARGE and target == Target():
            stream_png(upscaler.bands(upright, progress), size, upright, profile_of(image, upright.mode), job.target)
            return size[0] * size[1]
        result = upscaler(image, progress, scale=target.scale, longest=target.longest)
    except BadInput as error:
        raise BadInput(f"{job.source}: {error}") from error
    except ValueError as error:  # a mode that Pillow cannot convert
        raise BadInput(f"{job.source}: not a picture that can be enlarged ({error})") from error
    except (MemoryError, RuntimeError) as error:  # torch says "can't allocate memory" in a RuntimeError
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        raise BadInput(f"{job.source}: not enough memory for it; close other programs or choose a smaller --tile") from error
    if job.format == "jpg" and "A" in result.getbands():
        result = result.convert("L" if result.mode == "LA" else "RGB")
    write_whole(result, job.target, job.format)
    return result.width * result.height


def read_picture(path: Path, max_pixels: int | None = None) -> Image.Image:
    """The decoded picture. Raises BadInput if it is none, is damaged, or has more than `max_pixels`."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:  # large, or odd EXIF: no matter
            if max_pixels and image.width * image.height > max_pixels:
                raise BadInput(
                    f"{image.width}x{image.height} are {image.width * image.height / 1e6:.1f} megapixels; up to "
                    f"{max_pixels / 1e6:g} can be enlarged here. Crop or shrink it, or use srgan-hub on your own machine."
                )
            if 0 in image.size:
                raise BadInput("the picture has no pixels")
            image.load()
            return image
    except BadInput:
        raise
    except UnidentifiedImageError as error:
        raise BadInput("not a picture that can be read") from error
    except Image.DecompressionBombError as error:
        raise BadInput(f"too large to be read safely ({error})") from error
    except Exception as error:  # for damaged files Pillow's decoders raise whatever comes
        raise BadInput(f"damaged or not readable ({error})") from error


def write_whole(image: Image.Image, target: Path, format: str) -> None:
    """Write a picture, whole or not at all. Raises BadInput if it cannot be written."""
    kind, settings = FORMATS[format]
    with whole(target) as unfinished:
        image.save(unfinished, kind, icc_profile=image.info.get("icc_profile"), **settings)


def stream_png(
    bands: Iterator[np.ndarray], size: tuple[int, int], like: Image.Image, profile: bytes | None, target: Path
) -> None:
    """Write a PNG, whole or not at all, from parts (h, width, channels) uint8; like: a picture of its mode."""
    with whole(target) as unfinished, unfinished.open("wb") as file:
        writer = PNGWriter(file, *size, len(like.getbands()), profile)
        for band in bands:
            writer.write(band)
        writer.finish()


@contextlib.contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A temporary name beside the target to write to, renamed in the end, so that a stop leaves no half file."""
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        unfinished.replace(target)
    except OSError as error:
        raise BadInput(f"{target}: cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
