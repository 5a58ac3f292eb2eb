"""An uploaded photograph: read once, cut or shrunk where it is too large, and what its file said besides pixels."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from srgan_hub.files import BadInput, read_with_losses
from srgan_hub.imaging.convert import DEEP, SIXTEEN_BIT, eight_bits, normalise, profile_of
from srgan_hub.imaging.region import Box
from srgan_hub.ui.limits import Limits

GPS = 0x8825  # EXIF's pointer to where a photograph was taken


class Photo(NamedTuple):
    image: Image.Image     # upright, 8-bit L, LA, RGB or RGBA
    profile: bytes | None  # ICC
    lost: tuple[str, ...]  # what of the file is not in it, in words


class Cut(NamedTuple):
    """What of a photograph is enlarged: a region of it, or all of it with at most so many pixels."""

    region: Box | None = None
    pixels: int | None = None


@lru_cache(maxsize=4)
def open_photo(path: str, cut: Cut = Cut()) -> Photo:  # noqa: B008 (a tuple)
    """Raises BadInput, a sentence without the file's name, if it is no picture, damaged or too large even to be shrunk."""
    if cut != Cut():
        photo = open_photo(path)
        return photo._replace(image=apply(cut, photo.image))
    image, lost = read_with_losses(Path(path), round(1e6 * Limits.from_environment().read))
    try:
        upright = eight_bits(normalise(image))
    except ValueError as error:  # a mode that Pillow cannot convert
        raise BadInput(f"not a picture that can be enlarged ({error})") from error
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
    """Whether the file says where the photograph was taken."""
    try:
        with Image.open(path) as image:
            return bool(image.getexif().get_ifd(GPS))
    except Exception:  # damaged EXIF spoils no pixel
        return False


def is_deep(path: str) -> bool:
    """Whether the file has grey of more than 8 bits. It is a picture: `size_of` has read its head."""
    with Image.open(path) as image:
        return image.mode in (*SIXTEEN_BIT, *DEEP)


def size_of(path: str | Path) -> tuple[int, int]:
    """(width, height) as the file's head says them; nothing is decoded. Raises BadInput where it has none."""
    try:
        with Image.open(path) as image:
            return image.size
    except Image.DecompressionBombError as error:
        raise BadInput("too large to be read safely") from error
    except Exception as error:  # for damaged files Pillow raises whatever comes
        raise BadInput("not a picture that can be read") from error


def as_file(photo: Photo) -> bytes:
    """A PNG of it, quickly packed."""
    buffer = io.BytesIO()
    photo.image.save(buffer, "PNG", compress_level=1, icc_profile=photo.profile)
    return buffer.getvalue()
