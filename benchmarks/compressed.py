"""Does a model enlarge JPEG blocks? Held-out photographs, shrunk by bicubic and saved as JPEG, under several methods.

    python -m benchmarks.compressed photos docs/compressed.png bicubic srresnet-x4 runs/srresnet-realistic

prints PSNR on Y and how much stronger steps are across the borders of JPEG's blocks than in the middle of them (1: a
photograph), for several qualities, and draws LR | each method | HR at quality 40."""

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

QUALITIES = (40, 75)
SHOWN, SIDE = 3, 200                             # pictures, HR pixels of each part


def figure(pairs, methods) -> Image.Image:
    rows = []
    for _, lr, hr in pairs[:SHOWN]:
        small = as_jpeg(lr, QUALITIES[0])
        shown = small.resize((hr.shape[1], hr.shape[0]), Image.Resampling.NEAREST)
        rows.append([shown, *(method.upscale(small) for method in methods), Image.fromarray(hr)])
    return draw_sheet([f"LR, JPEG {QUALITIES[0]}", *(method.name for method in methods), "HR"], rows, SIDE, SIDE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos")
    parser.add_argument("figure")
    parser.add_argument("models", nargs="+")
    options = parser.parse_args()
    methods, scale = open_methods(options.models)
    cache = open_cache(open_splits(options.photos)["validation"])
    pairs = validation_pairs([np.asarray(cache[i]) for i in range(0, len(cache), 2)], scale)  # half of them: minutes
    print("| LR | " + " | ".join(f"{method.name}, dB / blocks" for method in methods) + " |")
    print("| --- |" + " --- |" * len(methods))
    for quality in (None, *QUALITIES):
        given = [(name, as_jpeg(lr, quality) if quality else lr, hr) for name, lr, hr in pairs]
        rows = [measure(m.upscale, given, scale, {"blocks": lambda sr, hr: blocks(sr, scale)}) for m in methods]
        cells = [f"{mean(row, 'psnr'):.2f} / {mean(row, 'blocks'):.3f}" for row in rows]
        print(f"| {f'JPEG {quality}' if quality else 'clean'} | " + " | ".join(cells) + " |")
    originals = np.mean([blocks(hr, scale) for _, _, hr in pairs])
    print(f"\nHR: {originals:.3f}; {len(pairs)} photographs")
    figure(pairs, methods).save(options.figure, optimize=True)


if __name__ == "__main__":
    main()
