"""Enlarge uploads: one image or several, into one file to download."""

from __future__ import annotations

import io
import math
import time
import zipfile
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from srgan_hub.imaging.color import DEEP, SIXTEEN_BIT, eight_bits, normalize, profile_of
from srgan_hub.imaging.io import ImageError, read_with_losses
from srgan_hub.imaging.resize import Target
from srgan_hub.imaging.tiles import Box
from srgan_hub.inference.batch import Job, enlarge_files
from srgan_hub.ui.models import Limits, open_upscaler
from srgan_hub.ui.queue import Report, Step, duration

# An uploaded photo: read once, cropped or shrunk if it is too large, and what its file holds besides pixels.


READABLE = 50_000_000  # pixels of the largest photo that is read at all, to be cropped or shrunk


class Photo(NamedTuple):
    image: Image.Image     # upright, 8-bit L, LA, RGB or RGBA
    profile: bytes | None  # ICC
    lost: tuple[str, ...]  # what of the file was dropped, in words


class Cut(NamedTuple):
    """What is enlarged of a photo: a region of it, or all of it, shrunk to at most so many pixels."""

    region: Box | None = None
    pixels: int | None = None


@lru_cache(maxsize=4)
def open_photo(path: str, cut: Cut = Cut()) -> Photo:  # noqa: B008 (a tuple)
    """Raises ImageError, a sentence with the file's name, if it is not an image, damaged, or too large even to be shrunk."""
    if cut != Cut():
        photo = open_photo(path)
        return photo._replace(image=apply(cut, photo.image))
    try:
        image, lost = read_with_losses(Path(path), READABLE)
        upright = eight_bits(normalize(image))
    except ValueError as error:
        raise ImageError(f"{Path(path).name}: {error}") from error
    if image.mode in (*SIXTEEN_BIT, *DEEP):
        lost += ("cut to 8 bits",)
    return Photo(upright, profile_of(image, upright.mode), lost)


def apply(cut: Cut, image: Image.Image) -> Image.Image:
    part = image.crop(cut.region) if cut.region else image
    if not cut.pixels or part.width * part.height <= cut.pixels:
        return part
    share = math.sqrt(cut.pixels / (part.width * part.height))
    size = [max(1, math.floor(share * side)) for side in part.size]
    return part.resize(size, Image.Resampling.LANCZOS)


FORMATS = {"PNG": "png", "WebP": "webp", "JPEG": "jpg"}


class Order(NamedTuple):
    model: str
    texture: float = 1.0         # for a model with a partner; see open_upscaler
    target: Target = Target()
    format: str = "PNG"          # a key of FORMATS
    cut: Cut = Cut()             # of every image


class Result(NamedTuple):
    file: Path                    # an image, or a zip of several
    given: tuple[int, int]        # size of the image, or of the first of several
    taken: tuple[int, int]        # size of what was enlarged, after any cut
    size: tuple[int, int]         # size of the result
    count: int                    # images
    seconds: float
    engine: str
    profile: bool                 # the ICC profile was kept
    lost: list[str]               # what a file has and its result lacks, each in words
    faults: list[str]             # one sentence for each image without a result


def enlarge(sources: Sequence[str], order: Order, folder: Path, limits: Limits, report: Report) -> Result:
    """Enlarge files into `folder`.

    Raises ImageError or CheckpointError, one sentence, if there is no result at all. If only some of several images fail, they
    become `faults`."""
    if not sources:
        raise ImageError("Choose a photo first.")
    if len(sources) > limits.files:
        raise ImageError(f"You chose {len(sources)} files; up to {limits.files} can be enlarged here in one go.")
    if order.format not in FORMATS:
        raise ImageError(f"The format must be one of {', '.join(FORMATS)}, got {order.format!r}.")
    start = time.perf_counter()
    report(Step("Opening the model", 0))
    upscaler = open_upscaler(order.model, order.texture)
    sizes, faults = {}, []  # of what will be enlarged of each file
    for source in sources:
        try:
            sizes[source] = admitted(source, order, limits)
        except ImageError as error:
            faults.append(fault(source, error))
    label = order.target.label(upscaler.scale)
    jobs, computing = jobs_of(list(sizes), order, folder, label), time.perf_counter()

    def progress(job: Job, done: int, tiles: int) -> None:
        number = jobs.index(job)
        share = (number + done / max(tiles, 1)) / len(jobs)
        name = f"{job.source.name}, {number + 1} of {len(jobs)}: " if len(sources) > 1 else ""
        doing = f"tile {done} of {tiles}" if done < tiles else "writing the file"
        if 0 < share < 1:
            doing += f", about {duration((time.perf_counter() - computing) * (1 - share) / share)} left"
        report(Step(f"{name}{doing}", share))

    there, lost, engines = {}, {}, {}
    for job, found in enlarge_files(jobs, upscaler, order.target, progress):
        if isinstance(found, ImageError):
            faults.append(fault(job.source, found, job.target))
        else:
            there[job.source] = job.target
            engines[str(upscaler.engine_for(found.deep))] = None
            of_it = open_photo(str(job.source)).lost if job.content else found.losses
            lost |= dict.fromkeys(words if len(sources) == 1 else f"{job.source.name}: {words}" for words in of_it)
    if not there:
        raise ImageError(" ".join(faults))
    first = str(next(iter(there)))
    return Result(
        file=there[Path(first)] if len(sources) == 1 else archive(list(there.values()), folder, label),
        given=open_photo(first).image.size,
        taken=sizes[first],
        size=order.target.size(*sizes[first], upscaler.scale),
        count=len(there),
        seconds=time.perf_counter() - start,
        engine="; ".join(engines),
        profile=bool(open_photo(first).profile),
        lost=list(lost),
        faults=faults,
    )


def admitted(source: str, order: Order, limits: Limits) -> tuple[int, int]:
    """The size of what will be enlarged of a file. Raises ImageError if it is too large or cannot be read."""
    size = open_photo(source, order.cut).image.size
    if too_large := limits.sentence(size, order.model):
        raise ImageError(too_large)
    return size


def jobs_of(sources: list[str], order: Order, folder: Path, label: str) -> list[Job]:
    """A job for each file, with a unique target: photo.jpg becomes photo_x4.png, a second photo.jpg becomes photo-2_x4.png.

    Images that are cut come from `open_photo`, in 8 bits."""
    jobs, taken = [], set()
    for source in sources:
        stem, number = Path(source).stem, 2
        name = stem
        while name.lower() in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name.lower())
        target = folder / f"{name}_{label}.{FORMATS[order.format]}"
        content = None if order.cut == Cut() else partial(content_of, source, order.cut)
        jobs.append(Job(Path(source), target, FORMATS[order.format], content))
    return jobs


def content_of(source: str, cut: Cut) -> bytes:
    """What is taken of a photo, as a PNG with fast compression."""
    photo, buffer = open_photo(source, cut), io.BytesIO()
    photo.image.save(buffer, "PNG", compress_level=1, icc_profile=photo.profile)
    return buffer.getvalue()


def archive(pictures: list[Path], folder: Path, label: str) -> Path:
    """A zip of the images, which are then deleted; they are stored without further compression."""
    file = folder / f"photos_{label}.zip"
    with zipfile.ZipFile(file, "w") as zipped:
        for picture in pictures:
            zipped.write(picture, picture.name)
            picture.unlink()
    return file


def fault(source: str | Path, error: ImageError, target: Path | None = None) -> str:
    """What is wrong with which file, without the server's folders, and without the advice for the command's users."""
    name, text = Path(source).name, str(error)
    for path in (source, name, target):
        text = text.removeprefix(f"{path}: ")
    text = text.partition("; use --")[0].partition("; close other")[0].rstrip(".")
    return f"{name}: {text[:1].lower() + text[1:]}."
