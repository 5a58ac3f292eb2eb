"""Does a model enlarge JPEG blocks? Held-out photographs, shrunk by bicubic and saved as JPEG, under several methods.

    python -m benchmarks.compressed photos docs/compressed.png bicubic srresnet-x4 runs/srresnet-realistic

prints for several qualities what `srgan-hub benchmark` measures, and how much stronger steps are across the borders of JPEG's
blocks than in the middle of them (1: a photograph); draws LR | each method | HR at quality 40."""

from __future__ import annotations

import argparse

import numpy as np
from PIL import Image

from benchmarks.sheet import draw_sheet
from srgan_hub.data.benchmarks import as_jpeg
from srgan_hub.data.cache import open_cache
from srgan_hub.data.sources import open_splits
from srgan_hub.evaluation.benchmark import mean, measure, validation_pairs
from srgan_hub.evaluation.methods import open_methods
from srgan_hub.evaluation.metrics import blocks
from srgan_hub.evaluation.report import perceptual_measures

QUALITIES = (30, 50, 70)
DRAWN = 40
COLUMNS = {
    "psnr": 2, "ssim": 4, "niqe": 2, "feature_distance": 4, "lr_consistency": 2, "colour_shift": 2, "blocks": 3, "grid": 2,
}  # fmt: skip
SHOWN, SIDE = 3, 200                             # pictures, HR pixels of each part


def figure(pairs, methods) -> Image.Image:
    rows = []
    for _, lr, hr in pairs[:SHOWN]:
        small = as_jpeg(lr, DRAWN)
        shown = small.resize((hr.shape[1], hr.shape[0]), Image.Resampling.NEAREST)
        rows.append([shown, *(method.upscale(small) for method in methods), Image.fromarray(hr)])
    return draw_sheet([f"LR, JPEG {DRAWN}", *(method.name for method in methods), "HR"], rows, SIDE, SIDE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos")
    parser.add_argument("figure")
    parser.add_argument("models", nargs="+")
    options = parser.parse_args()
    methods, scale = open_methods(options.models, engine="auto", precision="auto")  # figures of how much, not of the last digit
    cache = open_cache(open_splits(options.photos)["validation"])
    pairs = validation_pairs([np.asarray(cache[i]) for i in range(0, len(cache), 2)], scale)  # half of them: minutes
    measures = {**perceptual_measures(), "blocks": lambda sr, hr: blocks(sr, scale)}
    print("| LR | | " + " | ".join(COLUMNS) + " |\n| --- | --- |" + " --- |" * len(COLUMNS))
    for quality in (None, *QUALITIES):
        given = [(name, as_jpeg(lr, quality) if quality else lr, hr) for name, lr, hr in pairs]
        for method in methods:
            row = measure(method.upscale, given, scale, measures)
            cells = [f"{mean(row, key):.{digits}f}" for key, digits in COLUMNS.items()]
            print(f"| {f'JPEG {quality}' if quality else 'clean'} | {method.name} | " + " | ".join(cells) + " |", flush=True)
    originals = np.mean([blocks(hr, scale) for _, _, hr in pairs])
    print(f"\nHR: {originals:.3f}; {len(pairs)} photographs")
    figure(pairs, methods).save(options.figure, optimize=True)


if __name__ == "__main__":
    main()
