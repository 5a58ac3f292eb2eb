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
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from srgan_hub.data.benchmarks import in_order

NEAREST, HR = "nearest", "HR"   # part of every study: the ends of the scale
WORST, BEST = 1, 5              # their scores in the calibration
REPEATS = 20                    # images that a rater sees twice, unless there are too few
RULES = {                       # for excluding raters (ratings.py); a study's key keeps the rules it was made with
    "fewest_ratings": 20,           # or all images, if there are fewer
    "fewest_extremes": 3,           # of nearest, and of HR, that it takes to judge a rater by them
    "fewest_repeats": 10,           # that it takes to judge a rater by them
    "largest_difference": 1.3,      # mean |first - second rating|; 1.6 for scores by dice, about 0.8 for careful raters
}
PUBLIC, KEY, STUDY, PICTURES = "public", "key.json", "study.json", "pictures"

Upscale = Callable[[Image.Image], Image.Image]
Pairs = Iterable[tuple[str, Image.Image, np.ndarray]]


class Presentation(NamedTuple):
    item: str       # name of an image
    repeat: bool    # whether this rater has already seen it, earlier in the order


class Example(NamedTuple):
    item: str
    score: int      # the rater is told: 1 for nearest, 5 for HR


def make_study(
    folder: str | Path, sets: dict[str, Pairs], methods: dict[str, Upscale], calibration: Pairs, seed: int = 0,
    repeats: int | None = None,
) -> Key:  # fmt: skip
    """Write a study to a new folder, completely or not at all: every image of `sets` by nearest, each of `methods`, and HR.

    sets: {name: (image, LR, HR (H, W, 3) uint8) ...}; calibration: pairs of the same kind, shown first as examples, never rated;
    repeats: how many images each rater sees twice, at most a third of them (default: 20, or that third if it is less). Raises
    ValueError if the folder is not empty, if a method has a name that is taken, or if a result differs in size from HR."""
    folder = Path(folder).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} already exists; a study never changes, so choose a new folder")
    if taken := methods.keys() & {NEAREST, HR}:
        raise ValueError(f"no method may be called {taken.pop()}: every study already has that one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        draft = Path(temporary) / "study"
        pictures = draft / PUBLIC / PICTURES
        pictures.mkdir(parents=True)
        items, digests = {}, {}
        for name, pairs in sets.items():
            for image, lr, hr in pairs:
                for method, upscale in {NEAREST: nearest_to(hr), **methods, HR: lambda _, hr=hr: Image.fromarray(hr)}.items():
                    item = write_picture(pictures, upscale(lr), hr, f"{method}, {image} of {name}")
                    items[item] = (name, image, method)
                    digests[item] = hashlib.sha256((pictures / f"{item}.png").read_bytes()).hexdigest()
        examples = []
        for image, lr, hr in calibration:
            for score, picture in ((WORST, nearest_to(hr)(lr)), (BEST, Image.fromarray(hr))):
                examples.append((write_picture(pictures, picture, hr, image), score))
        if not items or not examples:
            raise ValueError("a study needs pictures to rate, and others to calibrate the raters with")
        most = len(items) // 3
        repeats = min(REPEATS, most) if repeats is None else repeats
        if not 0 <= repeats <= most:
            raise ValueError(f"repeats must be 0 to {most}, a third of the {len(items)} pictures, got {repeats}")
        key = {
            "seed": seed, "repeats": repeats, "rules": RULES, "methods": [NEAREST, *methods, HR],
            "items": dict(sorted(items.items())), "sha256": dict(sorted(digests.items())),
        }  # fmt: skip
        (draft / KEY).write_text(json.dumps(key, indent=1) + "\n")
        public = {
            "version": version_of(draft / KEY), "seed": seed, "repeats": repeats,
            "calibration": examples, "items": sorted(items),
        }  # fmt: skip
        (draft / PUBLIC / STUDY).write_text(json.dumps(public, indent=1) + "\n")
        draft.chmod(0o755)
        os.replace(draft, folder)
    return Key.load(folder)


def nearest_to(hr: np.ndarray) -> Upscale:
    return lambda lr: lr.resize((hr.shape[1], hr.shape[0]), Image.Resampling.NEAREST)


def write_picture(folder: Path, picture: Image.Image, hr: np.ndarray, what: str) -> str:
    """Write an image and return its random name. Only the pixels are written. Raises ValueError if its size is not HR's."""
    pixels = np.asarray(picture.convert("RGB"))
    if pixels.shape != hr.shape:
        raise ValueError(f"{what}: {pixels.shape[1]}x{pixels.shape[0]} pixels, but HR has {hr.shape[1]}x{hr.shape[0]}")
    item = secrets.token_hex(8)  # not from the seed, which is public
    Image.fromarray(pixels).save(folder / f"{item}.png", compress_level=0)
    os.utime(folder / f"{item}.png", (0, 0))
    return item


def version_of(key: Path) -> str:
    """What every rating carries: any change to an image, its meaning, the order or the rules makes it another study."""
    return hashlib.sha256(key.read_bytes()).hexdigest()[:16]


def read_json(path: Path, wanted: tuple[str, ...]) -> dict:
    """The object in a study's file. Raises ValueError if it is not one with the wanted keys."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ValueError(f"{path.parent} holds no study: there is no {path.name}") from error
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(found, dict) or not found.keys() >= set(wanted):
        raise ValueError(f"{path} is not a file of a study: it lacks one of {', '.join(wanted)}")
    return found


@dataclass(frozen=True)
class Study:
    """What the rating page may know. Neither it nor the folder it is read from names a method, a set or an image."""

    folder: Path                            # STUDY/public
    version: str
    seed: int
    repeats: int
    calibration: tuple[Example, ...]        # shown first, each with its score
    items: tuple[str, ...]

    @classmethod
    def load(cls, folder: str | Path) -> Study:
        """From STUDY/public. Raises ValueError if it holds no study."""
        found = read_json(Path(folder) / STUDY, ("version", "seed", "repeats", "calibration", "items"))
        calibration = tuple(Example(*example) for example in found["calibration"])
        return cls(Path(folder), found["version"], found["seed"], found["repeats"], calibration, tuple(found["items"]))

    def picture(self, item: str) -> Path:
        if item not in {*self.items, *(example.item for example in self.calibration)}:
            raise ValueError(f"the study has no picture {item!r}")
        return self.folder / PICTURES / f"{item}.png"

    def order(self, rater: str) -> list[Presentation]:
        """Every image once, and `repeats` of the first third again in the second half; always the same for a rater.

        Sorted by a hash instead of drawn: no random generator promises the same numbers forever."""

        def draw(item: str, purpose: str) -> bytes:
            return hashlib.sha256(f"{self.version}/{self.seed}/{purpose}/{item}/{rater}".encode()).digest()

        order = [Presentation(item, False) for item in sorted(self.items, key=lambda item: draw(item, "order"))]
        early = sorted(order[: len(order) // 3], key=lambda seen: draw(seen.item, "repeat"))
        half = len(order) // 2
        late = order[half:] + [Presentation(seen.item, True) for seen in early[: self.repeats]]
        return order[:half] + sorted(late, key=lambda seen: draw(seen.item, "late"))


@dataclass(frozen=True)
class Key:
    """What only the organizer may know."""

    version: str
    methods: tuple[str, ...]                    # nearest first, HR last
    items: dict[str, tuple[str, str, str]]      # set, image, method
    rules: dict[str, float]                     # for exclusion (ratings.py), fixed before anyone rated

    @classmethod
    def load(cls, folder: str | Path) -> Key:
        """From STUDY. Raises ValueError if it holds no key, or if the key does not belong to the public part beside it."""
        path = Path(folder) / KEY
        found, version = read_json(path, ("methods", "items", "rules")), version_of(path)
        if (public := Study.load(Path(folder) / PUBLIC)).version != version:
            raise ValueError(f"{path} is not the key of this study: its version is {version}, the pages say {public.version}")
        items = {item: tuple(names) for item, names in found["items"].items()}
        return cls(version, tuple(found["methods"]), items, found["rules"])

    @property
    def sets(self) -> list[str]:
        return sorted({name for name, _, _ in self.items.values()}, key=in_order)
