"""Measure any image -> image callable on (name, LR, HR) pairs: one row of metrics per image."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from srgan_hub.evaluation.distances import SMALLEST
from srgan_hub.evaluation.metrics import METRICS, SSIM_WINDOW, Compared, Metric
from srgan_hub.hub.load import WEIGHTS, fetch, locate
from srgan_hub.imaging.resize import shrunk
from srgan_hub.inference.upscaler import Upscaler
from srgan_hub.models.registry import is_network_file

logger = logging.getLogger(__name__)

BASELINES = {
    "nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS,
}  # fmt: skip

Upscale = Callable[[Image.Image], Image.Image]
Pairs = Iterable[tuple[str, Image.Image, np.ndarray]]


def interpolation(name: str, scale: int) -> Upscale:
    """Enlargement with Pillow, by one of BASELINES."""
    return lambda lr: lr.resize((scale * lr.width, scale * lr.height), BASELINES[name])


def bicubic(scale: int) -> Upscale:
    """Pillow's bicubic enlargement, the baseline of every table."""
    return interpolation("bicubic", scale)


def measure(
    upscale: Upscale, pairs: Pairs, scale: int = 4, metrics: Sequence[Metric] = (METRICS["psnr"], METRICS["ssim"]),
    device: str | torch.device = "cpu",
) -> list[dict]:  # fmt: skip
    """One row per image: {"image", the key of each metric, "megapixels" of the result}.

    device: where networks of metrics compute. Raises ValueError if a result is not `scale` times its LR."""
    rows = []
    for name, lr, hr in pairs:
        start = time.perf_counter()
        sr = np.asarray(upscale(lr).convert("RGB"))
        compared = Compared(sr, hr, np.asarray(lr.convert("RGB")), scale, time.perf_counter() - start, device)
        numbers = {metric.key: metric.compute(compared) for metric in metrics}
        rows.append({"image": name, **numbers, "megapixels": sr.shape[0] * sr.shape[1] / 1e6})
    return rows


def mean(rows: list[dict], key: str) -> float:
    """Mean over the images that have the metric; nan if none does."""
    return float(np.mean([row[key] for row in rows if not np.isnan(row[key])] or np.nan))


def validation_pairs(photos: Iterable[np.ndarray], scale: int) -> list[tuple[str, Image.Image, np.ndarray]]:
    """HR photos (H, W, 3) uint8 -> pairs, with LR made by MATLAB-compatible bicubic. Photos that are too small are left out."""
    pairs = []
    for number, photo in enumerate(photos):
        if min(photo.shape[:2]) < max(3 * scale + SSIM_WINDOW, SMALLEST):
            logger.warning("left out a %dx%d photograph: too small to measure", photo.shape[1], photo.shape[0])
            continue
        pairs.append((f"{number:04d}", *shrunk(photo, scale)))
    return pairs


# Methods by name, for tables and figures: Pillow's interpolations and checkpoints.


class Method(NamedTuple):
    name: str               # as shown in tables
    upscale: Upscale        # PIL image -> PIL image, `scale` times as wide and high
    about: dict[str, str]   # what computed it, and the sha256 of the weights


def open_methods(
    names: Sequence[str], engine: str = "pytorch", precision: str = "fp32", faithful: bool = False
) -> tuple[list[Method], int]:
    """The methods with these names, and their common scale (without a checkpoint: 4).

    names: of BASELINES, bundled checkpoints, folders, files and Hub ids; engine, precision, faithful: as for Upscaler.
    Raises ValueError if the checkpoints differ in scale, or if a name is given twice."""
    if twice := sorted({name for name in names if list(names).count(name) > 1}):
        raise ValueError(f"{', '.join(twice)}: named twice")
    compute = dict(engine=engine, precision=precision, faithful=faithful)
    upscalers = {name: Upscaler.from_pretrained(name, **compute) for name in names if name not in BASELINES}
    if len({upscaler.scale for upscaler in upscalers.values()}) > 1:
        found = ", ".join(f"{name} enlarges {upscaler.scale} times" for name, upscaler in upscalers.items())
        raise ValueError(f"all methods must have one scale, but {found}; measure them separately")
    scale = next((upscaler.scale for upscaler in upscalers.values()), 4)
    short = [Path(name).name for name in names]
    methods = []
    for name, last in zip(names, short, strict=True):
        label = last if short.count(last) == 1 else name
        if name in BASELINES:
            about = {"engine": f"Pillow {version('pillow')}"}
            methods.append(Method(label, interpolation(name, scale), about))
        else:
            weights = Path(os.path.expanduser(name) if is_network_file(name) else fetch(locate(name), WEIGHTS)).read_bytes()
            about = {
                "engine": str(upscalers[name].engine) + ", back-projected" * faithful,
                "weights_sha256": hashlib.sha256(weights).hexdigest(),
            }
            methods.append(Method(label, upscalers[name], about))
    return methods, scale
