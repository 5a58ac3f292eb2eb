"""What fine-tuning gave and what it cost: two checkpoints on the held-out pictures of two datasets, and a figure.

    python benchmarks/fine_tuning.py srresnet-x4 runs/scans scans photos docs/fine-tuning.png

prints PSNR and SSIM on Y of the validation splits of both datasets, and draws LR | before | after | HR of the first."""

from __future__ import annotations

import argparse

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from srgan_hub import Upscaler
from srgan_hub.data.cache import open_cache
from srgan_hub.data.sources import open_splits
from srgan_hub.evaluation.benchmark import mean, measure, validation_pairs

SHOWN, WIDTH, HEIGHT, LABEL, GAP = 3, 240, 96, 22, 4  # pictures, HR pixels of each part, of the labels, between


def figure(pairs, upscalers: dict[str, Upscaler]) -> Image.Image:
    names = ["LR", *upscalers, "HR"]
    sheet = Image.new("RGB", (len(names) * (WIDTH + GAP) - GAP, LABEL + SHOWN * (HEIGHT + GAP) - GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for column, name in enumerate(names):
        draw.text((column * (WIDTH + GAP), 2), name, fill="black", font=ImageFont.load_default(15))
    for row, (_, lr, hr) in enumerate(pairs[:SHOWN]):
        size = (hr.shape[1], hr.shape[0])
        images = [lr.resize(size, Image.Resampling.NEAREST), *(up(lr) for up in upscalers.values()), Image.fromarray(hr)]
        x, y = (size[0] - WIDTH) // 2, (size[1] - HEIGHT) // 2
        for column, image in enumerate(images):
            sheet.paste(image.crop((x, y, x + WIDTH, y + HEIGHT)), (column * (WIDTH + GAP), LABEL + row * (HEIGHT + GAP)))
    return sheet


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
