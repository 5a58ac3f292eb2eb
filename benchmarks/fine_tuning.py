"""What fine-tuning gained and what it cost: two checkpoints on the held-out images of two datasets, and a figure.

    python -m benchmarks.fine_tuning srresnet-x4 runs/scans scans photos docs/fine-tuning.png

prints PSNR and SSIM on Y for the validation splits of both datasets, and draws LR | before | after | HR for the first."""

from __future__ import annotations

import argparse

import numpy as np
from PIL import Image

from benchmarks.sheet import draw_sheet
from srgan_hub import Upscaler
from srgan_hub.data.cache import open_cache
from srgan_hub.data.sources import open_splits
from srgan_hub.evaluation.benchmark import mean, measure, validation_pairs

SHOWN, WIDTH, HEIGHT = 3, 240, 96  # images, HR pixels of each part


def figure(pairs, upscalers: dict[str, Upscaler]) -> Image.Image:
    rows = []
    for _, lr, hr in pairs[:SHOWN]:
        shown = lr.resize((hr.shape[1], hr.shape[0]), Image.Resampling.NEAREST)
        rows.append([shown, *(upscaler(lr) for upscaler in upscalers.values()), Image.fromarray(hr)])
    return draw_sheet(["LR", *upscalers, "HR"], rows, WIDTH, HEIGHT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("before", "after", "kind", "photos", "figure"):
        parser.add_argument(name)
    options = parser.parse_args()
    upscalers = {name: Upscaler.from_pretrained(getattr(options, name)) for name in ("before", "after")}
    rows = {}
    for dataset in (options.kind, options.photos):
        cache = open_cache(open_splits(dataset)["validation"])
        pairs = validation_pairs([np.asarray(cache[i]) for i in range(len(cache))], 4)
        rows[dataset] = [measure(up, pairs) for up in upscalers.values()]
        if dataset == options.kind:
            figure(pairs, upscalers).save(options.figure, optimize=True)
    print("| held-out pictures | before, dB / SSIM | after | gain, dB |\n| --- | --- | --- | --- |")
    for dataset, (before, after) in rows.items():
        cells = [f"{mean(r, 'psnr'):.2f} / {mean(r, 'ssim'):.4f}" for r in (before, after)]
        print(f"| {dataset} ({len(before)}) | {cells[0]} | {cells[1]} | {mean(after, 'psnr') - mean(before, 'psnr'):+.2f} |")


if __name__ == "__main__":
    main()
