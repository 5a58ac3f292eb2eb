"""How well the map of invented detail tells where a GAN's result is wrong: Spearman's rank correlation with |SR - HR| of Y.

    python -m benchmarks.invented_detail SETS/Set14

Beside it the difference to bicubic, smoothed alike, which needs no second network: the map is worth computing only if it
tells more. "a pixel": |SR - HR| as it is; "around it": smoothed as the maps are. Means over the images of a set."""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import numpy as np

from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.evaluation.benchmark import bicubic
from srgan_hub.evaluation.invented import SPREAD, invented, rank_correlation, smoothed
from srgan_hub.evaluation.metrics import inside_border
from srgan_hub.imaging.color import luma
from srgan_hub.pipeline import Upscaler
from srgan_hub.ui.upscalers import partner

MODELS = ("srgan-x4", "srgan-x4-vivid", "srgan-x4-photo", "srgan-x4-lite")


def correlations(sr: np.ndarray, other: np.ndarray, hr: np.ndarray) -> tuple[float, float]:
    """Of the difference to `other` with the error, by pixel and around it; (H, W, 3) uint8 each."""
    sr, hr = (side.copy() for side in inside_border(sr, hr))
    other = inside_border(other, other)[0]
    error = np.abs(luma(sr) - luma(hr))
    levels = invented(sr, other)
    return rank_correlation(levels, error), rank_correlation(levels, smoothed(error, SPREAD))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path, help="folder of a benchmark set")
    parser.add_argument("--models", nargs="+", default=MODELS, help="checkpoints with a partner")
    options = parser.parse_args()
    given = list(pairs(find_sets(options.set, 4, bare=True)[0], 4))
    print("| | a pixel: to the partner | to bicubic | around it: to the partner | to bicubic |\n| --- |" + " --- |" * 4)
    for model in options.models:
        gan, mean, plain = Upscaler.from_pretrained(model), Upscaler.from_pretrained(partner(model)), bicubic(4)
        found = []
        for _, lr, hr in given:
            sr, one, other = (np.asarray(upscale(lr).convert("RGB")) for upscale in (gan, mean, plain))
            found.append((*correlations(sr, one, hr), *correlations(sr, other, hr)))
        partner_pixel, partner_around, bicubic_pixel, bicubic_around = map(statistics.fmean, zip(*found, strict=True))
        row = (partner_pixel, bicubic_pixel, partner_around, bicubic_around)
        print(f"| {model} | " + " | ".join(f"{value:.3f}" for value in row) + " |", flush=True)


if __name__ == "__main__":
    main()
