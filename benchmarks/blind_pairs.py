"""Draws pairs of results without names, in random order, to be judged by eye, and counts the answers.

    python -m benchmarks.blind_pairs draw PHOTOS_OR_SET realesrgan_x4plus.safetensors srgan-x4-photo other ... -o pairs
    python -m benchmarks.blind_pairs count pairs

`draw` writes a PNG for each pair, from 001.png on, and key.json, which says on which side the first model is and must not be
looked at. The pairs show every image's most detailed parts at 1:1, damaged in turn in the ways of beside_real_esrgan: the first
model beside each other model and Real-ESRGAN. The answers go into pairs/answers.txt, one per line: a number and l, r or =
(neither)."""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import beside_real_esrgan as beside
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.data.cache import open_cache
from srgan_hub.data.sources import open_splits
from srgan_hub.evaluation.benchmark import Method, open_methods, validation_pairs

SIDE, GAP = 448, 8  # HR pixels: side of a part (less of a smaller image), gap between two
PARTS = 3           # of every photo, at most: one from each half or third
DAMAGES = ("clean", "JPEG 50", "messenger", "JPEG 70", "realistic", "WebP 50", "JPEG 30")


def parts(hr: np.ndarray) -> list[tuple[int, int, int, int]]:
    """The box of the most detailed part of each vertical stripe of the image, of which there are at most PARTS."""
    side = min(SIDE, min(hr.shape[:2]) - 1)  # differences of neighbors are one fewer than pixels
    stripes = np.array_split(np.arange(hr.shape[1]), max(1, min(PARTS, hr.shape[1] // SIDE)))
    corners = [(int(stripe[0]) + x, y) for stripe in stripes for x, y in [beside.detailed(hr[:, stripe], side)]]
    return [(x, y, x + side, y + side) for x, y in corners]


def draw(options: argparse.Namespace) -> None:
    if any(Path(options.photos).rglob("HR")):
        loaded = [pair for one in find_sets(options.photos) for pair in pairs(one, beside.SCALE)]
    else:
        cache = open_cache(open_splits(options.photos)["validation"])
        loaded = validation_pairs([cache[i] for i in range(len(cache))], beside.SCALE)
    options.output.mkdir(parents=True)
    first, *others = [*open_methods(options.models, engine="auto", precision="auto")[0], beside.peer(options.peer, options.keep)]
    chance, drawn = random.Random(0), []
    for number, (name, lr, hr) in enumerate(loaded):
        for part, box in enumerate(parts(hr)):
            damage = DAMAGES[(number + part) % len(DAMAGES)]
            given = beside.DAMAGES[damage](lr, hr, number)
            mine = cut(first, given, box)
            drawn += [(mine, cut(other, given, box), dict(picture=name, damage=damage, other=other.name)) for other in others]
    chance.shuffle(drawn)
    key = {}
    for number, (mine, its, about) in enumerate(drawn, start=1):
        left = chance.random() < 0.5
        sheet = Image.new("RGB", (2 * SIDE + GAP, SIDE), "white")
        for place, part in enumerate((mine, its) if left else (its, mine)):
            sheet.paste(part, (place * (SIDE + GAP), 0))
        sheet.save(options.output / f"{number:03}.png")
        key[f"{number:03}"] = {**about, "first": "l" if left else "r"}
    (options.output / "key.json").write_text(json.dumps(key, indent=1))
    print(f"{len(key)} pairs in {options.output}")


def cut(method: Method, given: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    return method.upscale(given).convert("RGB").crop(box)


def count(options: argparse.Namespace) -> None:
    key = json.loads((options.pairs / "key.json").read_text())
    found: dict[tuple[str, str], Counter] = {}
    for line in (options.pairs / "answers.txt").read_text().split("\n"):
        if not line.strip():
            continue
        number, answer = line.split()[:2]
        about = key[number]
        kind = "clean" if about["damage"] == "clean" else "damaged"
        said = "neither" if answer == "=" else "first" if answer == about["first"] else "other"
        found.setdefault((about["other"], kind), Counter())[said] += 1
    for (other, kind), said in sorted(found.items()):
        print(f"beside {other}, {kind}: first {said['first']}, other {said['other']}, neither {said['neither']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("draw")
    command.set_defaults(run=draw)
    command.add_argument("photos", help="photographs with a validation split, or a folder of benchmark sets")
    command.add_argument("peer")
    command.add_argument("models", nargs="+", metavar="MODEL")
    command.add_argument("--keep", type=Path, help="folder for the results of Real-ESRGAN, which are not computed twice")
    command.add_argument("-o", "--output", type=Path, required=True)
    command = commands.add_parser("count")
    command.set_defaults(run=count)
    command.add_argument("pairs", type=Path)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
