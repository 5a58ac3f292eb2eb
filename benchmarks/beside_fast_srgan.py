"""Our checkpoints beside the public weights of Fast-SRGAN, which are not needed here because their numbers are known.

    python -m benchmarks.beside_fast_srgan FOLDER_OF_SETS MODEL...

Every fourth image of BSD100, with the definitions by which Fast-SRGAN was measured: LR consistency by Pillow's bicubic, and a
feature distance over the five narrow maps at the ends of EfficientNet-Lite0's stages (16 to 320 channels, signed) instead of the
wide ones that ours compares. Bicubic, measured both times, shows that the definitions are the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.evaluation.benchmark import mean, measure, open_methods
from srgan_hub.evaluation.distances import feature_distance
from srgan_hub.evaluation.metrics import METRICS, Metric, psnr

KNOWN = {  # measured with the weights of github.com/HasnainRaz/Fast-SRGAN, 0.93 M parameters
    "bicubic, then": (26.09, 0.649, 7.59, 0.683, 38.2),
    "Fast-SRGAN": (25.46, 0.637, 3.73, 0.634, 33.8),
}


def narrow_maps(net: nn.Module, x: Tensor) -> Iterator[Tensor]:
    """(N, 3, H, W) in [-1, 1] -> maps of 16, 24, 40, 112 and 320 channels, strides 2 to 32."""
    x = net._swish(net._bn0(net._conv_stem(x)))
    for block in net._blocks:
        y = block(x)
        if y.shape[-1] < x.shape[-1]:
            yield x
        x = y
    yield x


def shrunk_again(sr: np.ndarray, lr: np.ndarray) -> float:
    """PSNR over RGB between LR and the result shrunk by Pillow."""
    small = Image.fromarray(sr).resize((lr.shape[1], lr.shape[0]), Image.Resampling.BICUBIC)
    return psnr(np.asarray(small), lr)


@torch.inference_mode()
def main(folder: str, *models: str) -> None:
    loaded = list(pairs(next(one for one in find_sets(folder) if one.name == "BSD100")))[::4]
    metrics = [
        *(METRICS[key] for key in ("psnr", "ssim", "niqe")),
        Metric("narrow", "narrow", "", ".3f", min, lambda c: feature_distance(c.sr, c.hr, levels=narrow_maps), ""),
        Metric("pillow", "pillow", "", ".1f", max, lambda c: shrunk_again(c.sr, c.lr), ""),
    ]
    print("| | PSNR-Y, dB | SSIM-Y | NIQE | feature distance, narrow maps | LR consistency by Pillow, dB |\n|" + " --- |" * 6)
    numbers = dict(KNOWN)
    for method in open_methods(["bicubic", *models])[0]:
        rows = measure(method.upscale, loaded, metrics=metrics)
        numbers[method.name] = tuple(mean(rows, metric.key) for metric in metrics)
    for name, (db, ssim, niqe, narrow, again) in numbers.items():
        print(f"| {name} | {db:.2f} | {ssim:.3f} | {niqe:.2f} | {narrow:.3f} | {again:.1f} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
