"""Image files: read safely, written completely or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import re
import warnings
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from srgan_hub.imaging.color import DEEP, eight_bits
from srgan_hub.imaging.encoders import JPEG_MOST, write_jpeg, write_png, write_tiff
from srgan_hub.signals import being_written

FORMATS = {  # --format: options of Pillow, which encodes WebP and the strips of JPEG
    "png": {},
    "webp": {"lossless": True, "quality": 20},  # quality means effort; the default, 80, takes three times as long
    "jpg": {"quality": 95, "subsampling": 0},
    "tif": {},
}
SUFFIXES = {f".{name}": name for name in FORMATS} | {".jpeg": "jpg", ".tiff": "tif"}
STREAMED = ("png", "tif", "jpg")  # written strip by strip; large images while they are computed
MOST = {"webp": 16383, "jpg": JPEG_MOST}  # largest side, in pixels, that the format can hold
SIXTEEN_BITS = ("png", "tif")     # formats that can hold grayscale of 16 bits
WHOLE = ("MPO", "PSD")  # their further images are previews and layers, not frames


class ImageError(ValueError):
    """An image that cannot be enlarged or written; the message names the file and the reason."""


def read_picture(file: Path | BinaryIO, max_pixels: int | None = None) -> Image.Image:
    """The decoded image. Raises ImageError if the file is not an image, is damaged, or has more than `max_pixels`."""
    return read_with_losses(file, max_pixels)[0]


def read_with_losses(file: Path | BinaryIO, max_pixels: int | None = None) -> tuple[Image.Image, tuple[str, ...]]:
    """As `read_picture`, and in words what the file holds that the decoded image does not."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(file) as image:  # large size or odd EXIF: no matter
            if max_pixels and image.width * image.height > max_pixels:
                raise ImageError(
                    f"{image.width}x{image.height} is {image.width * image.height / 1e6:.1f} megapixels; the limit here is "
                    f"{max_pixels / 1e6:g}. Crop or shrink it, or use srgan-hub on your own machine."
                )
            if 0 in image.size:
                raise ImageError("the image has no pixels")
            lost = losses(image)
            image.load()
            return image, lost
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError("not a readable image") from error
    except MemoryError as error:
        raise ImageError("not enough memory to read it; close other programs") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"too large to be read safely ({error})") from error
    except Exception as error:  # on damaged files, Pillow's decoders can raise anything
        raise ImageError(f"damaged or not readable ({' '.join(str(error).split())})") from error


def losses(image: Image.Image) -> tuple[str, ...]:
    """What Pillow loses from an image that it has opened but not yet decoded, in words."""
    found = []
    with contextlib.suppress(Exception):  # a damaged second frame does not affect the first
        if getattr(image, "is_animated", False) and image.format not in WHOLE:
            found.append("first frame only")
    if any(re.search(r";16|65535", str(tile.args)) for tile in image.tile) and image.mode in ("LA", "RGB", "RGBA", "CMYK"):
        found.append("16 bits per channel read as 8")
    return tuple(found)


def format_of(target: Path) -> str:
    """The format that a file's name says. Raises ImageError for any other name."""
    if format := SUFFIXES.get(target.suffix.lower()):
        return format
    raise ImageError(f"{target}: cannot write {target.suffix or 'a name without suffix'}; use one of {', '.join(SUFFIXES)}")


def write_whole(image: Image.Image, target: Path, format: str) -> None:
    """Write an image, completely or not at all, with no more depth than the format can hold. Raises ImageError on failure."""
    image = image if format in SIXTEEN_BITS else eight_bits(image)
    if format == "jpg" and "A" in image.getbands():
        raise ImageError(f"{target}: jpg does not support transparency; use png, tif or webp")
    if format in STREAMED:
        stream([np.atleast_3d(np.asarray(image))], image.size, image, target, format)
        return
    encoded = io.BytesIO()  # writing to a file, Pillow does not notice if the disk takes fewer bytes than it was given
    try:
        image.save(encoded, format, icc_profile=image.info.get("icc_profile"), **FORMATS[format])
    except (OSError, ValueError, RuntimeError) as error:  # such as a longer side than the format can hold
        raise ImageError(f"{target}: cannot be written as {format} ({error})") from error
    with atomic_write(target) as unfinished:
        unfinished.write_bytes(encoded.getbuffer())


def stream(bands: Iterable[np.ndarray], size: tuple[int, int], like: Image.Image, target: Path, format: str) -> None:
    """Write a PNG, TIFF or JPEG, completely or not at all, from parts (h, width, channels) of its mode.

    size: (width, height); like: an image with the same mode and ICC profile; 16 bits only for PNG and TIFF."""
    channels, profile = len(like.getbands()), like.info.get("icc_profile")
    with atomic_write(target) as unfinished, unfinished.open("wb") as file:
        if format == "jpg":
            write_jpeg(file, bands, size[1], profile, **FORMATS["jpg"])
        else:
            write = {"png": write_png, "tif": write_tiff}[format]
            write(file, bands, *size, channels, profile, np.uint16 if like.mode in DEEP else np.uint8)


@contextlib.contextmanager
def atomic_write(target: Path) -> Iterator[Path]:
    """Yields a temporary name beside the target to write to. It is renamed at the end, so stopping leaves no partial file.

    Temporary files for this target that a killed process left are deleted."""
    name = f".{zlib.crc32(os.fsencode(target.name)):08x}"  # a hash: the target's own name may already have the maximum length
    unfinished = target.with_name(f"{name}.{os.getpid()}.tmp")
    being_written.add(unfinished)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for left in target.parent.glob(f"{name}.*.tmp"):
            if abandoned(left):
                left.unlink(missing_ok=True)
        yield unfinished
        unfinished.replace(target)
    except OSError as error:
        raise ImageError(f"{target}: cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        being_written.discard(unfinished)


def abandoned(unfinished: Path) -> bool:
    """Whether the process that the temporary name belongs to has ended (as far as this can be known: not on Windows)."""
    if os.name != "posix":
        return False
    try:
        os.kill(int(unfinished.suffixes[-2][1:]), 0)
    except (OSError, ValueError) as error:  # it may exist, but belong to another user, or be no number
        return isinstance(error, ProcessLookupError)
    return False
