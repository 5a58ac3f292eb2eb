"""Many pictures: while one is enlarged, the next is decoded and the last is encoded."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from PIL import Image

from srgan_hub.files import DEEPEST, STREAMED, WEBP_LIMIT, BadInput, Job, read_with_losses, stream, write_whole
from srgan_hub.imaging.convert import DEEP, normalise, profile_of
from srgan_hub.imaging.target import Target

LARGE = 32_000_000  # pixels of a result; with its copies it takes 0.3 GB

Progress = Callable[[Job, int, int], None]  # of a job, tiles done, of how many


class Picture(NamedTuple):
    image: Image.Image     # as it was read
    upright: Image.Image   # as it is enlarged
    size: tuple[int, int]  # of the result
    losses: tuple[str, ...]  # what of the file the result does not have


class Done(NamedTuple):
    pixels: int              # of the result
    losses: tuple[str, ...]  # what of the file it does not have, in words


def enlarge_files(
    jobs: Sequence[Job], upscaler, target: Target, progress: Progress | None = None
) -> Iterator[tuple[Job, Done | BadInput]]:
    """Do the jobs in order; of each, what is Done once its result is on the disk, or why there is none.

    upscaler: an Upscaler. A PNG or TIFF of more than LARGE pixels is written while it is computed, in memory that does not grow
    with it; other formats, and sizes that are shrunk to, need the whole result there. Nothing is left half-written."""
    reader, writer = ThreadPoolExecutor(1), ThreadPoolExecutor(1)

    def start(number: int) -> Future | None:
        return reader.submit(prepare, jobs[number], upscaler.scale, target) if number < len(jobs) else None

    try:
        coming, written = start(0), None
        for number, job in enumerate(jobs):
            picture, found, result = None, None, None
            try:
                picture = coming.result()
                coming = start(number + 1)
                result = compute(job, picture, upscaler, target, progress)
            except BadInput as error:
                found = error
                coming = start(number + 1) if picture is None else coming
            if written:
                yield outcome(*written)
            if found is None:
                done = Done(picture.size[0] * picture.size[1], picture.losses)
                found = writer.submit(store, result, job, done) if result else done
            written = job, found
        if written:
            yield outcome(*written)
    finally:  # who stops does not wait for what is being read or encoded
        for pool in (reader, writer):
            pool.shutdown(wait=False, cancel_futures=True)


def outcome(job: Job, found: Future | Done | BadInput) -> tuple[Job, Done | BadInput]:
    try:
        return job, found.result() if isinstance(found, Future) else found
    except BadInput as error:
        return job, error


def prepare(job: Job, factor: int, target: Target) -> Picture:
    """The picture of a job that can be done; BadInput for any other, before the work."""
    try:
        image, losses = read_with_losses(io.BytesIO(job.content()) if job.content else job.source)
        upright = normalise(image)
        if upright.mode in DEEP and upright.mode not in DEEPEST.get(job.format, ()):
            losses += (f"cut to {16 if job.format == 'png' else 8} bits, as {job.format} holds no more",)
        try:
            size = target.size(*upright.size, factor)
        except ValueError as error:
            raise BadInput(str(error)) from error
        if job.format == "jpg" and "A" in upright.getbands() and upright.getchannel("A").getextrema()[0] < 255:
            raise BadInput("it has transparency, which jpg cannot hold; use --format png, tif or webp")
        if job.format == "webp" and max(size) > WEBP_LIMIT:
            raise BadInput(f"its result would be more than the {WEBP_LIMIT} pixels a side that webp holds; use --format png")
        room = shutil.disk_usage(next(folder for folder in job.target.absolute().parents if folder.is_dir())).free
        needed = size[0] * size[1] * len(upright.getbands())
        if needed > LARGE and needed > room:
            raise BadInput(
                f"its result of {size[0]}x{size[1]} may take {needed / 1e9:.1f} GB, and {room / 1e9:.1f} GB are free in "
                f"{job.target.parent}; choose another output"
            )
        return Picture(image, upright, size, losses)
    except BadInput as error:
        raise BadInput(f"{job.source}: {error}") from error
    except ValueError as error:  # a mode that Pillow cannot convert, or content that cannot be had
        raise BadInput(f"{job.source}: not a picture that can be enlarged ({error})") from error


def compute(job: Job, picture: Picture, upscaler, target: Target, progress: Progress | None) -> Image.Image | None:
    """The result; None where it is on the disk already."""
    image, upright, size, _ = picture
    report = (lambda done, total: progress(job, done, total)) if progress else None
    try:
        if job.format in STREAMED and size[0] * size[1] > LARGE and target == Target() and upright.mode not in DEEP:
            stream(upscaler.bands(upright, report), size, upright, profile_of(image, upright.mode), job.target, job.format)
            return None
        return upscaler(image, report, scale=target.scale, longest=target.longest)
    except (MemoryError, RuntimeError) as error:  # torch says "can't allocate memory" in a RuntimeError
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        raise BadInput(f"{job.source}: not enough memory for it; close other programs or choose a smaller --tile") from error


def store(result: Image.Image, job: Job, done: Done) -> Done:
    if job.format == "jpg" and "A" in result.getbands():  # wholly opaque
        result = result.convert("L" if result.mode == "LA" else "RGB")
    write_whole(result, job.target, job.format)
    return done
