"""Writes srgan_hub/data/benchmark_images.csv: which benchmark images this project measures on.

    python -m benchmarks.manifest FOLDER_OF_SETS"""

from __future__ import annotations

import csv
import sys

import numpy as np

from srgan_hub.data.benchmarks import MANIFEST, find_sets, hashes, perceptual_hash, read


def main(folder: str) -> None:
    with MANIFEST.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["set", "image", "kind", "width", "height", "sha256", "phash"])
        for one in find_sets(folder):
            sha256 = hashes(one)
            for name, kinds in sha256.items():
                for kind, digest in kinds.items():
                    picture = read({"hr": one.hr, "lr": one.lr}[kind][name], name)
                    phash = f"{perceptual_hash(np.asarray(picture)):016x}" if kind == "hr" else ""
                    writer.writerow([one.name, name, kind, *picture.size, digest, phash])


if __name__ == "__main__":
    main(sys.argv[1])
