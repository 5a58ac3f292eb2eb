"""`srgan-hub mos plan` and `srgan-hub mos report`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from srgan_hub.data.benchmarks import find_sets, images, pairs
from srgan_hub.data.benchmarks import read as read_picture
from srgan_hub.evaluation.benchmark import open_methods, validation_pairs
from srgan_hub.evaluation.opinion.ratings import read
from srgan_hub.evaluation.opinion.scores import report
from srgan_hub.evaluation.opinion.study import KEY, PUBLIC, Key, Study, make_study

EXAMPLES = 20       # calibration photos, as in the paper


def plan(options: argparse.Namespace) -> int:
    """Make a blind study of image sets: nearest, bicubic, the models and HR, for people to rate from 1 to 5."""
    opened, scale = open_methods(["bicubic", *options.models])
    sets = {
        one.name: tqdm(list(pairs(one, scale)), desc=one.name, leave=False, disable=None)
        for one in find_sets(options.data, scale)
    }
    photos = [np.asarray(read_picture(path, path)) for path in list(images(options.calibration).values())[:EXAMPLES]]
    if not (examples := validation_pairs(photos, scale)):
        raise ValueError(f"{options.calibration} holds no pictures to calibrate raters with")
    make_study(options.output, sets, {method.name: method.upscale for method in opened}, examples)
    study = Study.load(options.output / PUBLIC)
    print(
        f"study {study.version}: {len(study.items)} pictures per rater. Raters may see {study.folder}; no rater may see "
        f"{options.output / KEY}, which is needed to read the ratings"
    )
    return 0


def show_report(options: argparse.Namespace) -> int:
    """Mean opinion scores with 95 % intervals, votes, paired tests, and raters. Without ratings by people: not rated."""
    key = Key.load(options.study)
    print(report(key, *read(options.ratings)), end="")
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
    add("--calibration", required=True, type=Path, metavar="FOLDER",
        help=f"photos that are in none of the sets, to show raters what 1 and 5 mean; the first {EXAMPLES} are used")  # fmt: skip
    add("-o", "--output", required=True, type=Path, metavar="STUDY", help="new folder")

    command = parts.add_parser("report", help="scores, intervals, tests", description=show_report.__doc__)
    command.set_defaults(run=show_report)
    add = command.add_argument
    add("study", type=Path, metavar="STUDY", help="folder made by `mos plan`, with its key")
    add("--ratings", required=True, nargs="+", type=Path, metavar="FILE", help="JSON lines, as the rating page writes them")
