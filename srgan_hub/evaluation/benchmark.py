"""Measure any image -> image callable over (name, LR, HR) pairs: PSNR and SSIM on Y, border cut; rows -> a table."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

import numpy as np
import torch
from PIL import Image

from srgan_hub.evaluation.features import SMALLEST
from srgan_hub.evaluation.metrics import SSIM_WINDOW, measured_area, psnr, ssim
from srgan_hub.imaging.resize import crop_to_multiple, downsample

logger = logging.getLogger(__name__)

PROTOCOL = "Y (BT.601, MATLAB rgb2ycbcr), {scale} px cut from each border, mean over images; SSIM: Wang et al., Gaussian window"

Upscale = Callable[[Image.Image], Image.Image]
Measure = Callable[[np.ndarray, np.ndarray], float]
Pairs = Iterable[tuple[str, Image.Image, np.ndarray]]


def bicubic(scale: int) -> Upscale:
    """Pillow's bicubic enlargement, the baseline of every table."""
    return lambda lr: lr.resize((scale * lr.width, scale * lr.height), Image.Resampling.BICUBIC)


def measure(upscale: Upscale, pairs: Pairs, scale: int = 4, measures: dict[str, Measure] | None = None) -> list[dict]:
    """One row an image: {"image", "psnr" in dB, "ssim", "seconds"}, and each of `measures`: (SR, HR) uint8 -> number.

    A measure gives nan for an image that it cannot judge."""
    rows = []
    for name, lr, hr in pairs:
        start = time.perf_counter()
        sr = np.asarray(upscale(lr).convert("RGB"))
        seconds = time.perf_counter() - start
        sr_y, hr_y = measured_area(sr, hr, border=scale)
        more = {key: function(sr, hr) for key, function in (measures or {}).items()}
        rows.append({"image": name, "psnr": psnr(sr_y, hr_y), "ssim": ssim(sr_y, hr_y), **more, "seconds": seconds})
    return rows


def mean(rows: list[dict], key: str) -> float:
    """Over the images that have the measure; nan if none has."""
    return float(np.mean([row[key] for row in rows if not np.isnan(row[key])] or np.nan))


def validation_pairs(photos: Iterable[np.ndarray], scale: int) -> list[tuple[str, Image.Image, np.ndarray]]:
    """HR photographs (H, W, 3) uint8 -> pairs, LR by MATLAB-compatible bicubic; too small a photograph is left out."""
    pairs = []
    for number, photo in enumerate(photos):
        if min(photo.shape[:2]) < max(3 * scale + SSIM_WINDOW, SMALLEST):
            logger.warning("left out a %dx%d photograph: too small to measure", photo.shape[1], photo.shape[0])
            continue
        hr = crop_to_multiple(photo, scale).copy()
        lr = downsample(torch.from_numpy(hr).permute(2, 0, 1), scale).permute(1, 2, 0).contiguous()
        pairs.append((f"{number:04d}", Image.fromarray(lr.numpy()), hr))
    return pairs


def markdown(results: dict[str, dict[str, list[dict]]]) -> str:
    """{set: {method: rows}} -> one table, PSNR / SSIM in each cell."""
    methods = list(next(iter(results.values())))
    lines = ["| | images | " + " | ".join(methods) + " |", "| --- | --- |" + " --- |" * len(methods)]
    for name, by_method in results.items():
        cells = [f"{mean(rows, 'psnr'):.2f} / {mean(rows, 'ssim'):.4f}" for rows in by_method.values()]
        lines.append(f"| {name} | {len(next(iter(by_method.values())))} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
