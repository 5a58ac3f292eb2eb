"""Do NIQE and the feature distance rank correctly what anybody can rank?

    python -m benchmarks.metric_validation FOLDER_OF_SETS MODEL...

prints the table of docs/metrics.md.

Every fourth image of BSD100: HR degraded in three ways, mildly and strongly, and enlargements by bicubic and the models."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.third_judge import as_jpeg
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.evaluation.benchmark import open_methods
from srgan_hub.evaluation.metrics import Compared, Metric, metrics_for

Worse = Callable[[Image.Image], Image.Image]


def blurred(sigma: float) -> Worse:
    return lambda image: image.filter(ImageFilter.GaussianBlur(sigma))


def noisy(sigma: float) -> Worse:
    def worse(image: Image.Image) -> Image.Image:
        noise = np.random.default_rng(0).normal(0, sigma, (image.height, image.width, 3))
        return Image.fromarray((np.asarray(image) + noise).clip(0, 255).round().astype(np.uint8))

    return worse


WAYS = {
    "blur": {"mild (sigma 1)": blurred(1), "strong (sigma 2)": blurred(2)},
    "JPEG": {"quality 50": partial(as_jpeg, quality=50), "quality 10": partial(as_jpeg, quality=10)},
    "noise": {"slight (sigma 5)": noisy(5), "strong (sigma 20)": noisy(20)},
}


def main(folder: str, *models: str) -> None:
    one = next(one for one in find_sets(folder) if one.name == "BSD100")
    loaded = list(pairs(one))[::4]
    columns = [metric for metric in metrics_for("table") if metric.key in ("niqe", "feature_distance", "lpips")]
    lines = [
        "# Do the metrics see what people see?",
        "",
        f"NIQE judges a picture alone, the others beside HR; less is better in all. {len(loaded)} images of BSD100",
        "(every fourth), means, and in brackets the share of images where it is worse than what stands above it in its part.",
        "",
        "| | | " + " | ".join(metric.name for metric in columns) + " |",
        "| --- | --- |" + " --- |" * len(columns),
    ]

    def values(change: Callable[[Image.Image, np.ndarray], Image.Image]) -> dict[Metric, np.ndarray]:
        results = [Compared(np.asarray(change(lr, hr).convert("RGB")), hr, np.asarray(lr)) for _, lr, hr in loaded]
        return {metric: np.array([metric.compute(result) for result in results]) for metric in columns}

    original = values(lambda lr, hr: Image.fromarray(hr))
    lines.append("| HR | | " + " | ".join(f"{original[name].mean():.4g}" for name in columns) + " |")
    for way, strengths in WAYS.items():
        above = original
        for strength, worse in strengths.items():
            found = values(lambda lr, hr, worse=worse: worse(Image.fromarray(hr)))
            cells = [f"{found[n].mean():.4g} ({(found[n] > above[n]).mean():.0%})" for n in columns]
            lines.append(f"| {way} | {strength} | " + " | ".join(cells) + " |")
            above = found
    plain = None
    for method in open_methods(["bicubic", *models])[0]:
        found = values(lambda lr, hr, method=method: method.upscale(lr))
        cells = [f"{found[n].mean():.4g}" + (f" ({(found[n] > plain[n]).mean():.0%})" if plain else "") for n in columns]
        lines.append(f"| enlarged | {method.name} | " + " | ".join(cells) + " |")
        plain = plain or found
    print("\n".join(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
