"""What is shown of a photo: one region at full size, enlarged by one model or another, and where that region lies.

A place on an image is (x, y) in shares of its width and height."""

from __future__ import annotations

import filecmp
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from srgan_hub.evaluation.invented import colored, invented, lr_error
from srgan_hub.hub.space import name_of
from srgan_hub.imaging.io import read_picture
from srgan_hub.imaging.tiles import Box, around, most_detailed
from srgan_hub.ui.enlarge import Cut, Order, open_photo
from srgan_hub.ui.models import about, is_quick, open_upscaler

BICUBIC, SUPPORT = "bicubic", 4  # LR pixels that bicubic may see around a box
THUMBNAIL = 240  # pixels of its longer side
CLEAR = 4        # gray levels from which a difference is called clear in words


Place = tuple[float, float]

# Examples and their results, which come with the page, so that they are shown before any model is loaded.
FOLDER = Path(__file__).parents[2] / "examples"  # beside app.py; a package that was installed without it has no examples
SHIPPED = "srgan-x4-photo-large"                 # the model that made the results


def examples() -> list[str]:
    return sorted(map(str, FOLDER.glob("*.png")))


def result_of(example: str) -> Path:
    """Made by `srgan-hub upscale examples -o examples/results --model srgan-x4-photo-large`."""
    return FOLDER / "results" / f"{Path(example).stem}_x4.png"


def shipped(path: str, model: str, texture: float) -> Path | None:
    """The result that comes with the page, for an upload that is one of its examples."""
    if (model, texture) != (SHIPPED, 1):
        return None
    return next((result_of(example) for example in examples() if filecmp.cmp(path, example, shallow=False)), None)


def region(path: str, order: Order, place: Place | None, size: tuple[int, int]) -> Box:
    """The part of the cut photo that has `size` (width, height) in the result: around a place, or the most detailed.

    Raises ImageError, CheckpointError or ValueError, one sentence each."""
    image = open_photo(path, order.cut).image
    times = factor(order, image.size)
    wanted = max(1, int(size[0] / times)), max(1, int(size[1] / times))  # no wider than the room for it
    if not place:
        return most_detailed(image, wanted)
    return around((place[0] * image.width, place[1] * image.height), wanted, image.size)


def factor(order: Order, size: tuple[int, int]) -> float:
    """How many times as wide the whole result is. Raises ValueError for a target that is not possible."""
    return order.target.size(*size, about(order.model).scale)[0] / size[0]


class Doubts(NamedTuple):
    """What to doubt in a region; the maps have its size in the result."""

    invented: Image.Image | None  # map of texture beyond the mean estimate; None for a model without a partner
    changed: Image.Image          # map of where the result, shrunk again, differs from the photo
    words: str                    # what to make of it, as HTML


class Look(NamedTuple):
    """What is shown of a photo with the current settings."""

    box: Box                      # in the cut photo
    first: Image.Image            # by the method on the left
    second: Image.Image           # by the model
    names: tuple[str, str]        # of the two
    doubts: Doubts | None         # if they were asked for
    thumbnail: Image.Image        # the whole cut photo, with the box marked


def look(path: str, order: Order, place: Place | None, size: tuple[int, int], against: str, doubt: bool = False) -> Look:
    """A `region`; against: the method on the left. Raises the same errors."""
    cut, box = order.cut, region(path, order, place, size)
    times = factor(order, open_photo(path, cut).image.size)
    first = enlarged(path, cut, box, against, 1.0, times)
    second = enlarged(path, cut, box, order.model, order.texture, times)
    texture = f", texture {order.texture:.0%}" if order.texture != 1 else ""
    found = doubts(path, cut, box, order.model, order.texture, times) if doubt else None
    return Look(box, first, second, (title(against), title(order.model) + texture), found, thumbnail(path, cut, box))


def title(method: str) -> str:
    return "Bicubic" if method == BICUBIC else f"{name_of(method)} model"


@lru_cache(maxsize=48)
def enlarged(path: str, cut: Cut, box: Box, method: str, texture: float, times: float) -> Image.Image:
    """The box of the photo, `times` as large; method: a model, or BICUBIC. `info` holds the ICC profile.

    Raises ImageError, CheckpointError or ValueError, one sentence each."""
    photo = open_photo(path, cut)
    size = size_of(box, times)
    if method == BICUBIC:
        seen = surroundings(box, photo.image.size, SUPPORT)
        scale, large = 1, photo.image.crop(seen)
    elif cut == Cut() and (ready := shipped(path, method, texture)):
        large = read_picture(ready)
        seen, scale = Box(0, 0, *photo.image.size), large.width // photo.image.width
    else:
        upscaler = open_upscaler(method, texture)
        seen = surroundings(box, photo.image.size, upscaler.overlap)
        scale, large = upscaler.scale, upscaler(photo.image.crop(seen))
    inside = [scale * (b - s) for b, s in zip(box, seen[:2] * 2, strict=True)]
    result = large.resize(size, Image.Resampling.BICUBIC, box=inside)  # also reads pixels beyond `inside` where it has to
    result.info = {"icc_profile": photo.profile} if photo.profile else {}
    return result


@lru_cache(maxsize=16)
def doubts(path: str, cut: Cut, box: Box, model: str, texture: float, times: float) -> Doubts:
    """What not to rely on in the region; raises the same errors as `enlarged`."""
    image = open_photo(path, cut).image
    upscaler, faithful = open_upscaler(model, texture), about(model).partner
    seen, size = surroundings(box, image.size, upscaler.overlap), size_of(box, times)
    part = image.crop(seen).convert("RGB")
    scale, sr = upscaler.scale, np.asarray(upscaler(part))
    rows, columns = (slice(box[i] - seen[i], box[i + 2] - seen[i]) for i in (1, 0))
    large = tuple(slice(scale * one.start, scale * one.stop) for one in (rows, columns))
    changed = lr_error(sr, np.asarray(part), scale)[rows, columns]
    beyond = invented(sr, np.asarray(open_upscaler(faithful)(part)))[large] if faithful else None
    return Doubts(
        invented=None if beyond is None else as_map(beyond, size),
        changed=as_map(changed, size),
        words=doubted(beyond, changed, is_quick(model)),
    )


def doubted(beyond: np.ndarray | None, changed: np.ndarray, quick: bool) -> str:
    """What the maps say in plain words; quick: as docs/page.md measured, the first says little of such a model's errors."""
    if beyond is None:
        first = (
            "This model has no faithful partner to compare it with, so what it invented cannot be shown. Any detail may be a "
            "guess: faces, number plates and words are not evidence."
        )
    else:
        first = (
            "<b>The darker the map, the more was invented.</b> The model's faithful partner saw the same small photo and shows "
            "the mean of everything that could have been there; the map shows what this model adds to it. The result may look "
            "right and still be wrong: faces, number plates and words in dark areas are not evidence. Here the model adds "
            f"{beyond.mean():.1f} gray levels on average, and {CLEAR} or more in {(beyond >= CLEAR).mean():.0%} of the region. "
            "In light areas the two agree, but both may be wrong."
        )
        if quick:
            first += (
                " <b>For this quick model the map is a weak sign:</b> how much the result differs from plain enlargement says "
                "about as much about where it is wrong (see the slider, with bicubic on the left)."
            )
    second = (
        f"Shrunk again, this region differs from your photo by {changed.mean():.1f} gray levels on average (of 219): that "
        "part was not invented but changed."
    )
    return f"<p>{first}</p><p>{second}</p>"


def as_map(levels: np.ndarray, size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(colored(levels)).resize(size, Image.Resampling.BILINEAR)


def surroundings(box: Box, whole: tuple[int, int], margin: int) -> Box:
    """What the network sees: with the margin of a tile, the box comes out as in the whole image."""
    return Box(*(max(0, side - margin) for side in box[:2]), *map(min, (side + margin for side in box[2:]), whole))


def size_of(box: Box, times: float) -> tuple[int, int]:
    return max(1, round(times * box.size[0])), max(1, round(times * box.size[1]))


def thumbnail(path: str, cut: Cut, box: Box) -> Image.Image:
    """The whole cut photo, small, with the region marked."""
    image = open_photo(path, cut).image
    small = image.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    small = small.convert("RGB")
    per = small.width / image.width, small.height / image.height
    left, top, right, bottom = box[0] * per[0], box[1] * per[1], box[2] * per[0] - 1, box[3] * per[1] - 1
    draw = ImageDraw.Draw(small)
    for inset, color in ((-1, "black"), (0, "white"), (1, "white"), (2, "black")):
        if right - left > 2 * inset + 1 and bottom - top > 2 * inset + 1:
            draw.rectangle((left + inset, top + inset, right - inset, bottom - inset), outline=color)
    return small


def placed(click: tuple[int, int], path: str, cut: Cut) -> Place:
    """The place of a click on the thumbnail."""
    image = open_photo(path, cut).image
    share = min(1.0, THUMBNAIL / max(image.size))
    return click[0] / (share * image.width), click[1] / (share * image.height)
