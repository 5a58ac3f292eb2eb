"""`srgan-hub mos plan` and `srgan-hub mos report`."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from srgan_hub.data.benchmarks import find_sets, images, pairs
from srgan_hub.data.benchmarks import read as read_picture
from srgan_hub.evaluation.benchmark import open_methods, validation_pairs
from srgan_hub.evaluation.opinion.ratings import read
from srgan_hub.evaluation.opinion.statistics import histograms, report
from srgan_hub.evaluation.opinion.study import KEY, PUBLIC, Key, Pairs, Upscale, make_study
from srgan_hub.signals import status_of

EXAMPLES = 20       # calibration photos, as in the paper
OWN_EXAMPLES = 4    # from the sets themselves, if there are no others: just enough to show what is meant


def plan(options: argparse.Namespace) -> int:
    """Make a blind study of image sets: nearest, bicubic, the models and HR, for people to rate from 1 to 5."""
    opened, scale = open_methods(["bicubic", *options.models])
    sets = {one.name: list(pairs(one, scale)) for one in find_sets(options.data, scale)}
    examples = photographs(options.calibration, scale) if options.calibration else mirrored(sets, options.seed)
    bar = tqdm(total=sum(map(len, sets.values())) * len(opened), disable=None, unit=" pictures", leave=False)

    def counted(upscale: Upscale) -> Upscale:
        return lambda lr: (upscale(lr), bar.update())[0]

    methods = {method.name: counted(method.upscale) for method in opened}
    try:
        with bar:
            key = make_study(options.output, sets, methods, examples, options.seed, options.repeats)
    except KeyboardInterrupt as stop:
        print("srgan-hub: stopped; no study was made", file=sys.stderr)
        return status_of(stop)
    print(
        f"study {key.version}: {len(key.items)} pictures per rater, {len(key.methods)} methods. Raters may see "
        f"{options.output / PUBLIC}; no rater may see {options.output / KEY}, which is needed to read the ratings"
    )
    return 0


def photographs(folder: Path, scale: int) -> Pairs:
    """The first images of a folder, for calibration. Raises ValueError if none can be used."""
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    found = [np.asarray(read_picture(path, path)) for path in list(images(folder).values())[:EXAMPLES]]
    if not (examples := validation_pairs(found, scale)):
        raise ValueError(f"{folder} holds no pictures to calibrate raters with")
    return examples


def mirrored(sets: dict[str, list], seed: int) -> Pairs:
    """A few of the sets' own images, mirrored left to right, so that no example is byte for byte one of the images to rate."""
    everything = [pair for loaded in sets.values() for pair in loaded]
    chosen = random.Random(seed).sample(everything, min(OWN_EXAMPLES, len(everything)))
    return [(name, lr.transpose(Image.Transpose.FLIP_LEFT_RIGHT), hr[:, ::-1]) for name, lr, hr in chosen]


def show_report(options: argparse.Namespace) -> int:
    """Mean opinion scores with 95 % intervals, paired tests, raters, and histograms. Without ratings by people: not rated."""
    key = Key.load(options.study)
    ratings, torn = [], 0
    for path in options.ratings:
        if not path.is_file():
            raise ValueError(f"there is no file {path}")
        more, bad = read(path)
        ratings, torn = ratings + more, torn + bad
    text, analysis = report(key, ratings, torn)
    print(text)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        if analysis:
            histograms(analysis).save(options.output / "histograms.png")
            text += "\n![Votes by method, the mean in red](histograms.png)\n"
        (options.output / "report.md").write_text(text)
    return 0


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add `mos` with its two commands; each sets `run`."""
    group = commands.add_parser("mos", help="have people rate the results", description="Mean opinion scores.")
    parts = group.add_subparsers(required=True, metavar="COMMAND")

    command = parts.add_parser("plan", help="make a blind study", description=plan.__doc__)
    command.set_defaults(run=plan)
    add = command.add_argument
    add("--data", required=True, metavar="FOLDER", help="folder of sets: SET/HR/*.png and SET/LR_x4/*.png")
    add("--models", required=True, nargs="+", metavar="NAME", help="bundled checkpoints, folders, or Hub ids user/name")
    add("-o", "--output", required=True, type=Path, metavar="STUDY", help="new folder")
    add("--calibration", type=Path, metavar="FOLDER",
        help=f"photos that are in none of the sets, to show raters what 1 and 5 mean; the first {EXAMPLES} are used "
        f"[{OWN_EXAMPLES} of the sets' own, mirrored]")  # fmt: skip
    add("--repeats", type=int, metavar="N", help="pictures that each rater sees twice, to measure consistency [20, or a third]")
    add("--seed", type=int, default=0, metavar="N", help="seed of the order that each rater sees [0]")

    command = parts.add_parser("report", help="scores, intervals, tests, figure", description=show_report.__doc__)
    command.set_defaults(run=show_report)
    add = command.add_argument
    add("study", type=Path, metavar="STUDY", help="folder made by `mos plan`, with its key")
    add("--ratings", required=True, nargs="+", type=Path, metavar="FILE", help="JSON lines, as the rating page writes them")
    add("-o", "--output", type=Path, metavar="FOLDER", help="write report.md and histograms.png to this folder")
