"""Which benchmark images this project measures on: writes srgan_hub/data/benchmark_images.csv.

    python -m benchmarks.manifest FOLDER_OF_SETS"""

from __future__ import annotations

import csv
import sys

from PIL import Image

from srgan_hub.data.benchmarks import MANIFEST, find_sets, hashes


def main(folder: str) -> None:
    with MANIFEST.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["set", "image", "kind", "width", "height", "sha256"])
        for one in find_sets(folder):
            for name, kinds in hashes(one).items():
                for kind, sha256 in kinds.items():
                    with Image.open({"hr": one.hr, "lr": one.lr}[kind][name]) as image:
                        writer.writerow([one.name, name, kind, *image.size, sha256])


if __name__ == "__main__":
    main(sys.argv[1])
