"""How much of its surroundings must a tile see?

    python -m benchmarks.overlap FOLDER_OF_SETS [--models MODEL ...] [--overlaps N ...] [--precision fp32]

Enlarges every image of the sets in tiles of 48 LR pixels and in one piece. Prints the largest difference between the two, in gray
levels, and the share of values that differ. The receptive field reaches 39.5 LR pixels (55.5 with the lite pair's 24 blocks), so
an overlap of 40 (56) gives the same as one piece. Default: every bundled checkpoint, with the overlap that `Upscaler` has."""

from __future__ import annotations

import argparse

import numpy as np
from tqdm import tqdm

from srgan_hub import Upscaler
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.hub.load import bundled

TILE = 48  # LR pixels: smaller than the sides of every image of Set5, Set14 and BSD100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--models", nargs="+", default=bundled())
    parser.add_argument("--overlaps", nargs="+", type=int, default=[None])
    parser.add_argument("--precision", default="fp32")
    options = parser.parse_args()
    sets = {one.name: [lr.convert("RGB") for _, lr, _ in pairs(one)] for one in find_sets(options.folder)}
    heads = [f"{name} ({len(pictures)})" for name, pictures in sets.items()]
    print("| model | overlap | " + " | ".join(heads) + " |\n| --- | --- |" + " --- |" * len(heads), flush=True)
    for model in options.models:
        whole = Upscaler.from_pretrained(model, precision=options.precision, tile=10**6)
        compute = dict(precision=options.precision, tile=TILE)
        tiled = {n: Upscaler.from_pretrained(model, overlap=n, **compute) for n in options.overlaps}
        found = {n: {name: [] for name in sets} for n in tiled}
        for name, pictures in sets.items():
            for picture in tqdm(pictures, desc=f"{model}, {name}", leave=False, disable=None):
                expected = np.asarray(whole(picture)).astype(int)
                for overlap, upscaler in tiled.items():
                    difference = abs(np.asarray(upscaler(picture)) - expected)
                    found[overlap][name].append((difference.max(), (difference > 0).mean()))
        for overlap, by_set in found.items():
            values = map(np.array, by_set.values())
            cells = [f"{one[:, 0].max():.0f} ({one[:, 1].mean():.3%})" for one in values]
            print(f"| {model} | {tiled[overlap].overlap} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
