"""How well the map of invented detail shows where a GAN's result is wrong: Spearman's rank correlation with |SR - HR| of Y.

    python -m benchmarks.invented_detail --photos PHOTOS --spreads 2 3 4 6 8
    python -m benchmarks.invented_detail SETS/Set14

The first command is for choosing how widely the map is smoothed, on the photos that a dataset holds out from training; the second
measures the map. Beside it is the difference to bicubic, smoothed in the same way, which needs no second network: the map is
worth computing only if it tells more. "a pixel": |SR - HR| as it is; "around it": smoothed like the maps. Means over the
images."""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.data.held_out import open_photos
from srgan_hub.evaluation.benchmark import bicubic, validation_pairs
from srgan_hub.evaluation.invented import SPREAD, invented, smoothed
from srgan_hub.imaging.color import luma
from srgan_hub.inference.upscaler import Upscaler
from srgan_hub.ui.models import about

MODELS = ("srgan-x4", "srgan-x4-vivid", "srgan-x4-photo", "srgan-x4-lite")


def correlations(sr: np.ndarray, other: np.ndarray, hr: np.ndarray, spread: float) -> tuple[float, float]:
    """Correlations of the difference to `other` with the error, by pixel and around it; (H, W, 3) uint8 each."""
    sr, hr, other = (image[4:-4, 4:-4] for image in (sr, hr, other))
    error = np.abs(luma(sr) - luma(hr))
    levels = invented(sr, other, spread)
    return tuple(spearmanr(levels, of, axis=None).statistic for of in (error, smoothed(error, spread)))


def validation(dataset: str) -> list[tuple]:
    """(name, LR, HR) of the photos that training on that dataset is measured on."""
    settings = dict(split="train", validation="auto", count=16, cache_dir=None)
    return validation_pairs(open_photos(dataset, **settings)[2].photos, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path, nargs="?", help="folder of a benchmark set")
    parser.add_argument("--photos", metavar="DATASET", help="instead: the photographs that it keeps from training")
    parser.add_argument("--models", nargs="+", default=MODELS, help="checkpoints with a partner")
    parser.add_argument("--partner", help="another checkpoint for all of them [each one's own]")
    parser.add_argument("--spreads", nargs="+", type=float, default=[SPREAD], help="pixels, standard deviation of the smoothing")
    options = parser.parse_args()
    if bool(options.set) == bool(options.photos):
        parser.error("name a benchmark set, or --photos")
    given = validation(options.photos) if options.photos else list(pairs(find_sets(options.set, 4, bare=True)[0], 4))
    print("| | spread | a pixel: to the partner | to bicubic | around it: to the partner | to bicubic |\n|" + " --- |" * 6)
    for model in options.models:
        gan, mean = Upscaler.from_pretrained(model), Upscaler.from_pretrained(options.partner or about(model).partner)
        results = [
            (*(np.asarray(upscale(lr).convert("RGB")) for upscale in (gan, mean, bicubic(4))), hr) for _, lr, hr in given
        ]
        for spread in options.spreads:
            found = [(*correlations(sr, one, hr, spread), *correlations(sr, other, hr, spread)) for sr, one, other, hr in results]
            partner_pixel, partner_around, bicubic_pixel, bicubic_around = map(statistics.fmean, zip(*found, strict=True))
            row = (partner_pixel, bicubic_pixel, partner_around, bicubic_around)
            print(f"| {model} | {spread:g} | " + " | ".join(f"{value:.3f}" for value in row) + " |", flush=True)


if __name__ == "__main__":
    main()
