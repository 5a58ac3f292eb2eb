"""One photograph that a checkpoint's card may show: made smaller, then enlarged by interpolation and by the checkpoint.

The photograph is *chelsea* (Stéfan van der Walt, CC0), as scikit-image has it; no network of ours was trained on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from srgan_hub.evaluation.benchmark import interpolation
from srgan_hub.evaluation.figure import Box, comparison
from srgan_hub.evaluation.methods import Method
from srgan_hub.pipeline import Upscaler

PHOTO = Path(__file__).with_name("specimen.jpg")
FACE = Box(128, 56, 96)  # an eye, fur and whiskers


def specimen(upscaler: Upscaler, name: str) -> Image.Image:
    """The picture, some 1500 pixels wide; name: of the checkpoint, as the picture shows it."""
    with Image.open(PHOTO) as image:
        photo = np.asarray(image.convert("RGB"))
    plain = [Method(kind, interpolation(kind, upscaler.scale), {}) for kind in ("nearest", "bicubic")]
    return comparison(photo, [*plain, Method(name, upscaler, {})], upscaler.scale, FACE)
