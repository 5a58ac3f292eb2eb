"""What is seen of a photograph: one region of it at full size, enlarged by one model or another, and where that region lies."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageDraw

from srgan_hub.imaging.region import Box, around, most_detailed
from srgan_hub.imaging.target import Target
from srgan_hub.ui.photo import Cut, open_photo
from srgan_hub.ui.upscalers import open_upscaler

BICUBIC = "bicubic"
MARGIN = 16      # LR pixels around the region that the network sees, as around a tile: within 1 grey level of the whole picture
THUMBNAIL = 240  # pixels of its longer side


def factor(target: Target, size: tuple[int, int], scale: int = 4) -> float:
    """How many times as wide the whole result is. Raises ValueError for a target that cannot be had."""
    return target.size(*size, scale)[0] / size[0]


def region(path: str, cut: Cut, place: tuple[float, float] | None, size: tuple[int, int], times: float) -> Box:
    """The part of the photograph that, enlarged, has `size` (width, height): around (x, y) of it, or where most is to see."""
    image = open_photo(path, cut).image
    wanted = max(1, round(size[0] / times)), max(1, round(size[1] / times))
    return around(place, wanted, image.size) if place else most_detailed(image, wanted)


@lru_cache(maxsize=48)
def enlarged(path: str, cut: Cut, box: Box, method: str, texture: float, target: Target) -> Image.Image:
    """The box of the photograph at its size in the result; method: a model, or BICUBIC. `info` holds the ICC profile.

    Raises BadInput, CheckpointError or ValueError, one sentence each."""
    photo = open_photo(path, cut)
    times = factor(target, photo.image.size)
    size = tuple(max(1, round(times * side)) for side in box.size)
    seen = Box(*(max(0, side - MARGIN) for side in box[:2]), *map(min, (side + MARGIN for side in box[2:]), photo.image.size))
    part = photo.image.crop(seen)
    if method == BICUBIC:
        scale, large = 1, part
    else:
        upscaler = open_upscaler(method, texture)
        scale, large = upscaler.scale, upscaler(part)
    inside = [scale * (b - s) for b, s in zip(box, seen[:2] * 2, strict=True)]
    result = large.resize(size, Image.Resampling.BICUBIC, box=inside)  # reads beyond `inside` where it has to, not only in it
    result.info = {"icc_profile": photo.profile} if photo.profile else {}
    return result


def thumbnail(path: str, cut: Cut, box: Box) -> Image.Image:
    """The whole photograph, small, with the region marked."""
    image = open_photo(path, cut).image
    share = min(1.0, THUMBNAIL / max(image.size))
    small = image.resize([max(1, round(share * side)) for side in image.size], Image.Resampling.BOX, reducing_gap=2.0).convert("RGB")
    per = small.width / image.width, small.height / image.height
    left, top, right, bottom = box[0] * per[0], box[1] * per[1], box[2] * per[0] - 1, box[3] * per[1] - 1
    draw = ImageDraw.Draw(small)
    for inset, colour in ((-1, "black"), (0, "white"), (1, "white"), (2, "black")):
        if right - left > 2 * inset + 1 and bottom - top > 2 * inset + 1:
            draw.rectangle((left + inset, top + inset, right - inset, bottom - inset), outline=colour)
    return small


def placed(click: tuple[int, int], path: str, cut: Cut) -> tuple[float, float]:
    """Where on the photograph a click on its thumbnail was."""
    image = open_photo(path, cut).image
    share = min(1.0, THUMBNAIL / max(image.size))
    return click[0] / share, click[1] / share
