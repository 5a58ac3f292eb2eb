"""Many images: while one is enlarged, the next is decoded and the last is encoded."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from PIL import Image

from srgan_hub.imaging.color import DEEP, SIXTEEN_BIT, eight_bits, normalize, profile_of
from srgan_hub.imaging.io import (
    MOST,
    SIXTEEN_BITS,
    STREAMED,
    SUFFIXES,
    ImageError,
    format_of,
    read_with_losses,
    stream,
    write_whole,
)
from srgan_hub.imaging.resize import Target

# Which image becomes which file: turn the inputs of a command line into a list of jobs.


T = TypeVar("T")


class Job(NamedTuple):
    source: Path                              # file, or the name of what `content` returns
    target: Path
    format: str                               # a key of FORMATS
    content: Callable[[], bytes] | None = None  # returns an encoded image that is not a file


class Plan(NamedTuple):
    jobs: list[Job]
    faults: list[str]  # one sentence for each thing that cannot be done
    there: int         # images skipped because their result already exists in the output folder


def plan(inputs: list[Path], output: Path, label: str, format: str | None, force: bool) -> Plan:
    """Decide which input becomes which output.

    For one image and an output with an image suffix, the output is that file. Otherwise `output` is a folder, where photo.jpg
    becomes photo_x4.png (label "x4"; or the suffix of `format`). No target is an input or another job's target. Without force,
    an existing named file is a fault, and existing outputs in a folder are skipped.
    """
    sources, faults = [], []
    for path in inputs:
        try:
            kind = path.stat().st_mode
        except OSError as error:  # not there, no permission, a loop of links, a name too long
            faults.append(f"{path}: cannot be opened ({error.strerror})")
            continue
        if stat.S_ISDIR(kind):
            pictures = [p for p in sorted(path.iterdir()) if is_picture(p)]
            if os.path.realpath(path) == os.path.realpath(output):  # results of an earlier run are not inputs
                pictures = [p for p in pictures if not p.stem.endswith(f"_{label}")]
            if not pictures:
                faults.append(f"{path}: this folder contains no images")
            sources += pictures
        elif stat.S_ISREG(kind):
            sources.append(path)
        else:
            faults.append(f"{path}: is neither a file nor a folder")
    sources = list({os.path.abspath(path): path for path in sources}.values())  # a file named twice is one image

    if output.suffix and not output.is_dir() and len(sources) <= 1 and not any(path.is_dir() for path in inputs):
        format = format or format_of(output)
        if (named := SUFFIXES.get(output.suffix.lower(), format)) != format:
            raise ImageError(f"{output}: the name says {named}, --format says {format}; make them agree")
        targets, into_folder = [(source, output) for source in sources], False
    else:
        if not output.is_dir() and (output.exists() or output.suffix.lower() in SUFFIXES):
            raise ImageError(f"{output} is not a folder; several images need one")
        format, into_folder = format or "png", True
        targets = [(source, output / f"{source.stem}_{label}.{format}") for source in sources]

    there = 0
    jobs, taken, originals = [], {}, {os.path.realpath(path) for path in sources}
    for source, target in targets:
        if os.path.realpath(target) in originals:
            faults.append(f"{source}: its result {target} would overwrite an input; choose another output")
        elif target in taken:
            faults.append(f"{source}: its result {target} is already the result of {taken[target]}; use a separate folder")
        elif not force and os.path.exists(target) and into_folder:  # Path.exists raises an error for a name that is too long
            there, taken[target] = there + 1, source
        elif not force and os.path.exists(target):
            faults.append(f"{source}: {target} exists; --force overwrites it")
        else:
            taken[target] = source
            jobs.append(Job(source, target, format))
    return Plan(jobs, faults, there)


def is_picture(path: Path) -> bool:
    """Whether the name is that of an image that Pillow opens; hidden files (macOS's ._photo.jpg) do not count."""
    kind = Image.registered_extensions().get(path.suffix.lower())
    return kind in Image.OPEN and not path.name.startswith(".") and path.is_file()


LARGE = 4_000_000   # pixels of a result; from here on, it pays to pack finished parts while the rest is computed

Progress = Callable[[Job, int, int], None]  # job, tiles done, tiles in total


class Picture(NamedTuple):
    image: Image.Image       # as it will be enlarged, with a profile that fits
    size: tuple[int, int]    # of the result
    losses: tuple[str, ...]  # what the file has and the result does not


class Done(NamedTuple):
    pixels: int              # of the result
    losses: tuple[str, ...]  # what the file has and the result does not, in words
    deep: bool = False       # computed with more than 8 bits, by the Upscaler's engine_for(True)


def enlarge_files(
    jobs: Sequence[Job], upscaler, target: Target, progress: Progress | None = None
) -> Iterator[tuple[Job, Done | ImageError]]:
    """Do the jobs in order. For each, yields Done once its result is on disk, or the reason why there is none.

    upscaler: an Upscaler. A PNG, TIFF or JPEG of more than LARGE pixels is written while it is computed, so memory does not
    grow with its size. A WebP needs the whole result in memory. No file is left partial."""
    reader, writer = ThreadPoolExecutor(1), ThreadPoolExecutor(1)

    def begin(job: Job, read: Future) -> Future:
        picture = read.result()
        result = compute(job, picture, upscaler, target, partial(progress, job) if progress else None)
        return writer.submit(store, result, job, picture)

    def finished(job: Job, writing: Future | ImageError) -> tuple[Job, Done | ImageError]:
        return job, writing if isinstance(writing, ImageError) else outcome(job, writing.result)

    try:
        reading = [reader.submit(prepare, job, upscaler.scale, target) for job in jobs[:1]]
        written = None
        for number, job in enumerate(jobs):
            read = reading.pop()
            reading += [reader.submit(prepare, job, upscaler.scale, target) for job in jobs[number + 1 : number + 2]]
            found = outcome(job, partial(begin, job, read))
            if written:
                yield finished(*written)
            written = job, found
        if written:
            yield finished(*written)
    finally:  # a caller that stops does not wait for reading or encoding
        for pool in (reader, writer):
            pool.shutdown(wait=False, cancel_futures=True)


def outcome(job: Job, work: Callable[[], T]) -> T | ImageError:
    """What the work returns, or why it cannot be done."""
    try:
        return work()
    except ImageError as error:
        return error
    except (MemoryError, RuntimeError) as error:
        # torch says "can't allocate memory" in a RuntimeError, OpenVINO "bad_alloc"
        if isinstance(error, RuntimeError) and "memory" not in str(error) and "bad_alloc" not in str(error):
            raise
        remedy = "choose a smaller --tile" if job.format in STREAMED else "use --format png, which is written row by row"
        return ImageError(f"{job.source}: not enough memory for it; close other programs or {remedy}")


def prepare(job: Job, factor: int, target: Target) -> Picture:
    """The image of a job that can be done. Raises ImageError for any other job, before the work starts."""
    try:
        image, losses = read_with_losses(io.BytesIO(job.content()) if job.content else job.source)
        upright = normalize(image)
        if image.mode in SIXTEEN_BIT and upright.mode not in DEEP:
            losses += ("cut to 8 bits because it has transparency",)
        elif upright.mode in DEEP and job.format not in SIXTEEN_BITS:
            losses += (f"cut to 8 bits because {job.format} supports no more",)
            upright = eight_bits(upright)  # 8 bits are computed faster
        elif image.mode == "F":
            losses += ("floating point cut to 16 bits",)
        try:
            size = target.size(*upright.size, factor)
        except ValueError as error:
            raise ImageError(str(error)) from error
        profile = profile_of(image, upright.mode)
        if job.format == "jpg" and "A" in upright.getbands():
            if upright.getchannel("A").getextrema()[0] < 255:
                raise ImageError("it has transparency, which jpg does not support; use --format png, tif or webp")
            upright = upright.convert(upright.mode[:-1])
        upright.info = {"icc_profile": profile} if profile else {}
        if (most := MOST.get(job.format)) and max(size) > most:
            raise ImageError(
                f"its result of {size[0]}x{size[1]} exceeds the {most} pixels per side that {job.format} supports; use "
                "--format png or tif"
            )
        folder = next(folder for folder in job.target.absolute().parents if folder.is_dir())
        if not os.access(folder, os.W_OK):
            raise ImageError(f"{folder} cannot be written to; choose another output")
        return Picture(upright, size, losses)
    except ImageError as error:
        raise ImageError(f"{job.source}: {error}") from error
    except (ValueError, OSError) as error:  # a mode that Pillow cannot convert, or content that is not available
        raise ImageError(f"{job.source}: not an image that can be enlarged ({error})") from error


def compute(job: Job, picture: Picture, upscaler, target: Target, report: Callable | None) -> Image.Image | None:
    """The result, or None if it is already on disk. report(tiles done, tiles in total)."""
    image, size, _ = picture
    if job.format in STREAMED and size[0] * size[1] > LARGE:
        stream(upscaler.bands(image, report, size), size, image, job.target, job.format)
        return None
    return upscaler(image, report, scale=target.scale, longest=target.longest)


def store(result: Image.Image | None, job: Job, picture: Picture) -> Done:
    """Write the result, if it is not yet on disk."""
    if result is not None:
        write_whole(result, job.target, job.format)
    return Done(picture.size[0] * picture.size[1], picture.losses, picture.image.mode in DEEP)
