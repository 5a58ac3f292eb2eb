"""Raters made by a program, whose true means are known. Every rating of theirs says that it is simulated."""

from __future__ import annotations

import itertools
from unittest.mock import patch

import numpy as np

from benchmarks.opinion_intervals import PICTURE, RATER, REST
from conftest import smooth_photo
from srgan_hub.evaluation.opinion.ratings import Rating
from srgan_hub.evaluation.opinion.study import Key, Study, make_study

OPINIONS = {"nearest": 1.2, "bicubic": 2.0, "model": 3.4, "HR": 4.3}


def pairs(count: int, first: int = 0):
    """Images of different sizes, with their LR."""
    found = []
    for number in range(count):
        photo = smooth_photo(32 + 4 * number, 24, seed=first + number)
        found.append((f"scene{number}", photo.reduce(4), np.asarray(photo)))
    return found


def small_study(folder, images: int = 5) -> tuple[Key, Study]:
    """Two sets of that many images, by nearest, bicubic, a "model" and HR; two calibration images. Its names, and so the orders
    and `rate`, are the same every time."""
    methods = {
        "bicubic": lambda lr: lr.resize((4 * lr.width, 4 * lr.height), 3),
        "model": lambda lr: lr.resize((4 * lr.width, 4 * lr.height), 1),
    }
    numbers = itertools.count()
    with patch("srgan_hub.evaluation.opinion.study.secrets.token_hex", lambda _: f"{next(numbers):016x}"):
        make_study(folder, {"Set5": pairs(images), "Mine": pairs(images, 20)}, methods, pairs(2, 50))
    return Key.load(folder), Study.load(folder / "public")


def rate(key: Key, study: Study, raters: int, seed: int = 0) -> list[Rating]:
    """What such raters say of every image of the study."""
    rng = np.random.default_rng(seed)
    of_picture = {names: PICTURE * rng.normal() for names in sorted(key.items.values())}
    ratings = []
    for number in range(raters):
        own = RATER * rng.normal()
        for item in study.order(f"r{number}"):
            names = key.items[item]
            score = min(max(round(OPINIONS[names[2]] + own + of_picture[names] + REST * rng.normal()), 1), 5)
            ratings.append(Rating(key.version, f"r{number}", item, score, f"{len(ratings):06d}", simulated=True))
    return ratings
