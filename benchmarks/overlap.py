"""How much of its surroundings must a tile see?

    python -m benchmarks.overlap FOLDER_OF_SETS MODEL...

For several overlaps, the largest difference between a picture enlarged in tiles of 48 LR pixels and the same picture in one
piece, in grey levels, over every image of the sets; float32. The receptive field reaches 39.5 LR pixels: 40 are exact."""

from __future__ import annotations

import sys

import numpy as np
from tqdm import tqdm

from srgan_hub import Upscaler
from srgan_hub.data.benchmarks import find_sets, pairs

OVERLAPS, TILE = (8, 12, 16, 20, 24, 40), 48


def main(folder: str, *models: str) -> None:
    pictures = [lr.convert("RGB") for one in find_sets(folder) for _, lr, _ in pairs(one)]
    print(f"{len(pictures)} pictures, tiles of {TILE}: largest difference in grey levels (share of values that differ)\n")
    print("| overlap | " + " | ".join(models) + " |\n|" + " --- |" * (len(models) + 1))
    worst = {}
    for model in models:
        whole = Upscaler.from_pretrained(model, precision="fp32", tile=10**6)
        tiled = {n: Upscaler.from_pretrained(model, precision="fp32", tile=TILE, overlap=n) for n in OVERLAPS}
        for picture in tqdm(pictures, disable=None):
            expected = np.asarray(whole(picture)).astype(int)
            for overlap, upscaler in tiled.items():
                difference = abs(np.asarray(upscaler(picture)) - expected)
                worst.setdefault((model, overlap), []).append((difference.max(), (difference > 0).mean()))
    for overlap in OVERLAPS:
        found = [np.array(worst[model, overlap]) for model in models]
        cells = [f"{values[:, 0].max():.0f} ({values[:, 1].mean():.2%})" for values in found]
        print(f"| {overlap} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(*sys.argv[1:])
