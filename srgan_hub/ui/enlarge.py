"""Enlarge uploads: one image or several, step by step, into one file to download."""

from __future__ import annotations

import io
import math
import time
import zipfile
from collections.abc import Generator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from srgan_hub.imaging.color import DEEP, SIXTEEN_BIT, eight_bits, normalize, profile_of
from srgan_hub.imaging.io import ImageError, read_with_losses
from srgan_hub.imaging.resize import Target
from srgan_hub.imaging.tiles import Box
from srgan_hub.inference.batch import Job, enlarge_files
from srgan_hub.ui.jobs import duration, lent, steps
from srgan_hub.ui.models import Limits, open_upscaler

# An uploaded photo: read once, cropped or shrunk if it is too large, and what its file holds besides pixels.


GPS = 0x8825  # EXIF's pointer to where a photo was taken


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
    """Raises ImageError, a sentence without the file's name, if it is not an image, damaged, or too large even to be shrunk."""
    if cut != Cut():
        photo = open_photo(path)
        return photo._replace(image=apply(cut, photo.image))
    image, lost = read_with_losses(Path(path), round(1e6 * Limits.from_environment().read))
    try:
        upright = eight_bits(normalize(image))
    except ValueError as error:  # a mode that Pillow cannot convert
        raise ImageError(f"not an image that can be enlarged ({error})") from error
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


def is_located(path: str | Path) -> bool:
    """Whether the file says where the photo was taken."""
    try:
        with Image.open(path) as image:
            return bool(image.getexif().get_ifd(GPS))
    except Exception:  # damaged EXIF does not harm the pixels
        return False


def is_deep(path: str) -> bool:
    """Whether the file has gray of more than 8 bits. It is known to be an image: `size_of` has read its header."""
    with Image.open(path) as image:
        return image.mode in (*SIXTEEN_BIT, *DEEP)


def size_of(path: str | Path) -> tuple[int, int]:
    """(width, height) from the file's header; nothing is decoded. Raises ImageError if the header has none."""
    try:
        with Image.open(path) as image:
            return image.size
    except Image.DecompressionBombError as error:
        raise ImageError("too large to be read safely") from error
    except Exception as error:  # for damaged files, Pillow may raise anything
        raise ImageError("not a readable image") from error


def as_file(photo: Photo) -> bytes:
    """The photo as a PNG, with fast compression."""
    buffer = io.BytesIO()
    photo.image.save(buffer, "PNG", compress_level=1, icc_profile=photo.profile)
    return buffer.getvalue()


FORMATS = {"PNG": "png", "WebP": "webp", "JPEG": "jpg"}


class Order(NamedTuple):
    model: str
    texture: float = 1.0         # for a model with a partner; see open_upscaler
    target: Target = Target()
    format: str = "PNG"          # a key of FORMATS
    cut: Cut = Cut()             # of every image


class Step(NamedTuple):
    words: str
    share: float  # of the work that is done, 0 to 1


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
    located: bool                 # the photo said where it was taken; the result does not
    faults: list[str]             # one sentence for each image without a result


@lent
def enlarge(
    sources: Sequence[str], order: Order, folder: Path, limits: Limits = Limits()  # noqa: B008 (frozen)
) -> Generator[Step, None, Result]:  # fmt: skip
    """Yield every step and return the result, which is in `folder`; closing the iterator stops the computation.

    Raises ImageError or CheckpointError, one sentence, if there is no result at all. If only some of several images fail, they
    become `faults`."""
    if not sources:
        raise ImageError("Choose a photo first.")
    if len(sources) > limits.files:
        raise ImageError(f"You chose {len(sources)} files; up to {limits.files} can be enlarged here in one go.")
    if order.format not in FORMATS:
        raise ImageError(f"The format must be one of {', '.join(FORMATS)}, got {order.format!r}.")
    start = time.perf_counter()
    yield Step("Opening the model", 0)
    upscaler = open_upscaler(order.model, order.texture)
    sizes, faults = {}, []
    for source in sources:
        try:
            sizes[source] = admitted(source, order, limits)
        except ImageError as error:
            faults.append(sentence(source, error))
    jobs, there, lost, engines = jobs_of(sizes, order, folder, upscaler.scale, limits), {}, {}, {}
    running = steps(lambda report: list(enlarge_files(jobs, upscaler, order.target, report)))
    whole, computing = sum(w * h for w, h in sizes.values()), time.perf_counter()
    try:
        while jobs:
            job, done, tiles = next(running)
            number = jobs.index(job)
            before = sum(w * h for w, h in list(sizes.values())[:number])
            width, height = list(sizes.values())[number]
            share = (before + width * height * done / max(tiles, 1)) / whole
            name = f"{job.source.name}, {number + 1} of {len(jobs)}: " if len(sources) > 1 else ""
            doing = f"tile {done} of {tiles}" if done < tiles else "writing the file"
            yield Step(f"{name}{doing}{left(time.perf_counter() - computing, share)}", share)
    except StopIteration as end:
        for job, found in end.value:
            if isinstance(found, ImageError):
                faults.append(sentence(job.source, found, job.target))
            else:
                there[job.source] = job.target
                engines[str(upscaler.engine_for(found.deep))] = None
                of_it = open_photo(str(job.source)).lost if job.content else found.losses
                lost |= dict.fromkeys(words if len(sources) == 1 else f"{job.source.name}: {words}" for words in of_it)
    finally:
        running.close()
    if not there:
        raise ImageError(" ".join(faults))
    pictures = list(there.values())
    first = str(next(iter(there)))
    taken = open_photo(first, order.cut).image.size
    return Result(
        file=pictures[0] if len(sources) == 1 else archive(pictures, folder, order.target.label(upscaler.scale)),
        given=open_photo(first).image.size,
        taken=taken,
        size=order.target.size(*taken, upscaler.scale),
        count=len(there),
        seconds=time.perf_counter() - start,
        engine="; ".join(engines),
        profile=bool(open_photo(first).profile),
        lost=list(lost),
        located=any(map(is_located, there)),
        faults=faults,
    )


def admitted(source: str, order: Order, limits: Limits) -> tuple[int, int]:
    """The size of what will be enlarged of a file. Raises ImageError if it is too large or cannot be read."""
    megabytes = Path(source).stat().st_size / 1e6
    if megabytes > limits.file_megabytes:
        raise ImageError(f"the file has {megabytes:.0f} MB; up to {limits.file_megabytes:g} MB are accepted here")
    size = size_of(source) if order.cut == Cut() else open_photo(source, order.cut).image.size
    if too_large := limits.sentence(size, order.model):
        raise ImageError(too_large)
    return size


def jobs_of(sizes: dict[str, tuple[int, int]], order: Order, folder: Path, scale: int, limits: Limits) -> list[Job]:
    """A job for each file, with a unique target: photo.jpg becomes photo_x4.png, a second photo.jpg becomes photo-2_x4.png.

    Images that are cut, or that would take too long with more than 8 bits, come from `open_photo` in 8 bits."""
    jobs, taken = [], set()
    for source, size in sizes.items():
        stem, suffix, number = Path(source).stem, f"_{order.target.label(scale)}.{FORMATS[order.format]}", 2
        name = stem
        while name.lower() in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name.lower())
        as_it_is = order.cut == Cut() and (limits.keeps_depth(size, order.model) or not is_deep(source))
        content = None if as_it_is else partial(content_of, source, order.cut)
        jobs.append(Job(Path(source), folder / (name + suffix), FORMATS[order.format], content))
    return jobs


def content_of(source: str, cut: Cut) -> bytes:
    return as_file(open_photo(source, cut))


def archive(pictures, folder: Path, label: str) -> Path:
    """A zip of the images, which are then deleted; they are stored without further compression."""
    file = folder / f"photos_{label}.zip"
    with zipfile.ZipFile(file, "w") as zipped:
        for picture in pictures:
            zipped.write(picture, picture.name)
            picture.unlink()
    return file


def sentence(source: str | Path, error: ImageError, target: Path | None = None) -> str:
    """What is wrong with which file, without the server's folders. It names the page's formats, not the command's options."""
    text = str(error).removeprefix(f"{source}: ").removeprefix(f"{target}: ").rstrip(".")
    for given, said in (
        ("use --format png, tif or webp", "choose PNG or WebP"), ("use --format png or tif", "choose PNG"),
        ("close other programs or choose a smaller --tile", "choose a smaller photo or a region of it"),
    ):  # fmt: skip
        text = text.replace(given, said)
    text = text.replace("close other programs or use --format png", "choose PNG").replace("use --format png", "choose PNG")
    return f"{Path(source).name}: {text[:1].lower() + text[1:]}."


def left(seconds: float, share: float) -> str:
    """How long the rest will take, if that is known yet."""
    if share <= 0 or share >= 1:
        return ""
    return f", about {duration(seconds * (1 - share) / share)} left"
