"""A blind study: STUDY/public, which the rating page shows, and STUDY/key.json, which says what each image is.

Nothing in public/ reveals a method: random names, PNGs without metadata or compression (so that all images of a scene have the
same size in bytes and pixels), the same date for all. The organiser must keep the key secret."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

NEAREST, HR = "nearest", "HR"   # part of every study: the ends of the scale
WORST, BEST = 1, 5              # their scores in the calibration
RULES = {                       # for excluding raters (scores.py); a study's key keeps the rules it was made with
    "fewest_ratings": 20,           # or all images, if there are fewer
    "fewest_extremes": 3,           # of nearest, and of HR, that it takes to judge a rater by them
    "least_difference": 1,          # mean of HR - mean of nearest; 0 for scores by dice, about 3 for careful raters
}
PUBLIC, KEY, STUDY = "public", "key.json", "study.json"

Pairs = Iterable[tuple[str, Image.Image, np.ndarray]]  # name, LR, HR (H, W, 3) uint8


def make_study(folder: str | Path, sets: dict[str, Pairs], methods: dict[str, Callable], calibration: Pairs) -> None:
    """Write a study to a new folder, completely or not at all: every image of `sets` by nearest, each of `methods`, and HR.

    methods: {name: LR image -> image of HR's size}; calibration: shown first as examples of the lowest and the highest score,
    never rated. Raises ValueError if the folder exists."""
    folder = Path(folder).absolute()
    if folder.exists():
        raise ValueError(f"{folder} already exists; a study never changes, so choose a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        draft = Path(temporary) / "study"
        public = draft / PUBLIC
        public.mkdir(parents=True)
        items = {}
        for name, pairs in sets.items():
            for image, lr, hr in pairs:
                results = {NEAREST: nearest(lr, hr), **{method: upscale(lr) for method, upscale in methods.items()}}
                for method, result in {**results, HR: Image.fromarray(hr)}.items():
                    items[write_picture(public, result)] = (name, image, method)
        examples = []
        for _, lr, hr in calibration:
            for score, picture in ((WORST, nearest(lr, hr)), (BEST, Image.fromarray(hr))):
                examples.append((write_picture(public, picture), score))
        key = {"rules": RULES, "methods": [NEAREST, *methods, HR], "items": dict(sorted(items.items()))}
        (draft / KEY).write_text(json.dumps(key, indent=1) + "\n")
        study = {"version": version_of(draft / KEY), "calibration": examples, "items": sorted(items)}
        (public / STUDY).write_text(json.dumps(study, indent=1) + "\n")
        draft.chmod(0o755)
        os.replace(draft, folder)


def nearest(lr: Image.Image, hr: np.ndarray) -> Image.Image:
    return lr.resize((hr.shape[1], hr.shape[0]), Image.Resampling.NEAREST)


def write_picture(folder: Path, picture: Image.Image) -> str:
    """Write the pixels, and nothing else, and return the image's random name."""
    item = secrets.token_hex(8)
    path = folder / f"{item}.png"
    Image.fromarray(np.asarray(picture.convert("RGB"))).save(path, compress_level=0)
    os.utime(path, (0, 0))
    return item


def version_of(key: Path) -> str:
    """What every rating carries. Names are random, so no two studies have the same."""
    return hashlib.sha256(key.read_bytes()).hexdigest()[:16]


def read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path.parent} holds no study: {path.name} cannot be read ({error})") from error


class Study(NamedTuple):
    """What the rating page may know. Neither it nor the folder it is read from names a method, a set or an image."""

    folder: Path                            # STUDY/public
    version: str
    calibration: list[tuple[str, int]]      # images shown first, each with its score
    items: list[str]

    @classmethod
    def load(cls, folder: str | Path) -> Study:
        """From STUDY/public. Raises ValueError if it holds no study."""
        return cls(Path(folder), **read_json(Path(folder) / STUDY))

    def picture(self, item: str) -> Path:
        return self.folder / f"{item}.png"

    def order(self, rater: str) -> list[str]:
        """Every image once; always in the same order for a rater.

        Sorted by a hash instead of drawn: no random generator promises the same numbers forever."""
        return sorted(self.items, key=lambda item: hashlib.sha256(f"{self.version}/{item}/{rater}".encode()).digest())


class Key(NamedTuple):
    """What only the organizer may know."""

    version: str
    rules: dict[str, float]                     # for exclusion, fixed before anyone rated
    methods: list[str]                          # nearest first, HR last
    items: dict[str, tuple[str, str, str]]      # set, image, method

    @classmethod
    def load(cls, folder: str | Path) -> Key:
        """From STUDY. Raises ValueError if it holds no key, or if the key does not belong to the public part beside it."""
        path = Path(folder) / KEY
        key = cls(version_of(path) if path.is_file() else "", **read_json(path))
        if (public := Study.load(Path(folder) / PUBLIC)).version != key.version:
            raise ValueError(f"{path} is not the key of this study: its version is {key.version}, the page's {public.version}")
        return key._replace(items={item: tuple(names) for item, names in key.items.items()})
