"""Check on a sharp picture: make it small, restore it by each model, and compare with what it was."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from PIL import Image

from srgan_hub.evaluation import features
from srgan_hub.evaluation.benchmark import bicubic, measure
from srgan_hub.evaluation.niqe import niqe_of_result
from srgan_hub.files import BadInput
from srgan_hub.imaging.region import most_detailed
from srgan_hub.imaging.resize import shrunk
from srgan_hub.ui.enlarge import Step
from srgan_hub.ui.photo import open_photo
from srgan_hub.ui.steps import steps
from srgan_hub.ui.upscalers import open_upscaler
from srgan_hub.ui.view import BICUBIC
from srgan_hub.ui.zero_gpu import lent

SIDE = 1024    # pixels: of a larger picture the most detailed part is measured
SMALLEST = 64  # pixels a side that the measures can do with
# measure: heading, form of a number, whether more is better
COLUMNS = {
    "psnr": ("PSNR, dB", ".2f", True),
    "ssim": ("SSIM", ".4f", True),
    "niqe": ("NIQE", ".2f", False),
    "feature_distance": ("feature distance", ".4f", False),
    "seconds": ("s", ".2f", False),
}


class Check(NamedTuple):
    original: Image.Image             # what was measured against
    small: tuple[int, int]            # size that it was shrunk to
    rows: dict[str, dict]             # method -> numbers, those of COLUMNS that there are
    results: dict[str, Image.Image]   # method -> what it restored
    niqe: float                       # of the original; nan if it is too small for that


@lent
def evaluate(path: str, methods: Sequence[str], scale: int = 4) -> Generator[Step, None, Check]:
    """Yield every step and return the comparison; methods: models and BICUBIC.

    Raises BadInput or CheckpointError, one sentence, for a picture that cannot be used, no or too many methods, and for a
    model of another scale."""
    if not path:
        raise BadInput("Choose a photo first.")
    methods = list(dict.fromkeys(methods))
    if not methods:
        raise BadInput("Choose at least one model to check.")
    image = open_photo(path).image.convert("RGB")
    if min(image.size) < SMALLEST:
        size = f"{image.width}×{image.height}"
        raise BadInput(f"this check needs at least {SMALLEST}×{SMALLEST} pixels, and the picture has {size}")
    if max(image.size) > SIDE:
        image = image.crop(most_detailed(image, (SIDE, SIDE)))
    lr, hr = shrunk(np.asarray(image), scale)
    rows, results = {}, {}
    for number, method in enumerate(methods):
        yield Step(f"{method}, {number + 1} of {len(methods)}: opening it", number / len(methods))
        upscale = bicubic(scale) if method == BICUBIC else open_upscaler(method)
        if method != BICUBIC and upscale.scale != scale:
            raise BadInput(f"{method} enlarges {upscale.scale} times, and this check is for {scale}")
        running = steps(partial(restore, upscale, lr, hr, scale))
        try:
            while True:
                done, tiles = next(running)
                share = (number + done / max(tiles, 1)) / len(methods)
                yield Step(f"{method}, {number + 1} of {len(methods)}: tile {done} of {tiles}", share)
        except StopIteration as end:
            rows[method], results[method] = end.value
        finally:
            running.close()
    return Check(Image.fromarray(hr), lr.size, rows, results, niqe_of_result(hr, hr))


def restore(upscale, lr: Image.Image, hr: np.ndarray, scale: int, report) -> tuple[dict, Image.Image]:
    """One method's numbers and picture."""
    kept = []

    def once(lr):
        kept.append(upscale(lr, report) if hasattr(upscale, "engine") else upscale(lr))
        return kept[0]

    (row,) = measure(once, [("", lr, hr)], scale, measures())
    return {name: row[name] for name in COLUMNS if name in row}, kept[0]


@lru_cache(maxsize=1)
def measures() -> dict:
    found = {"niqe": niqe_of_result}
    if features.available():
        found["feature_distance"] = features.FeatureDistance()
    return found
