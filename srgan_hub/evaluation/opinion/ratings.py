"""Ratings on disk: one JSON object per line, append-only, from any number of processes.

A line is acknowledged once it is on the disk. Lines that a crash or power cut left incomplete are skipped when reading."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np
from filelock import FileLock

from srgan_hub.evaluation.opinion.study import BEST, HR, NEAREST, WORST, Presentation, Study

LONGEST_NAME = 100  # characters of a rater's id


class Rating(NamedTuple):
    study: str              # version
    rater: str
    item: str
    repeat: bool            # the rater's second look at this image
    score: int              # 1 (bad) to 5 (excellent)
    time: str               # UTC, ISO 8601
    simulated: bool         # given by a program: never an opinion


def append(path: str | Path, study: Study, rater: str, shown: Presentation, score: int, *, simulated: bool = False) -> Rating:
    """Add one rating and return once it is on the disk. A program that rates must set `simulated`.

    Raises ValueError if the score is not a whole number from 1 to 5, or if the study does not show this rater that image."""
    if type(score) is not int or not WORST <= score <= BEST:
        raise ValueError(f"a score must be a whole number from {WORST} to {BEST}, got {score!r}")
    if not isinstance(rater, str) or not 0 < len(rater) <= LONGEST_NAME:
        raise ValueError(f"a rater's id must be 1 to {LONGEST_NAME} characters, got {rater!r}")
    if shown not in study.order(rater):
        raise ValueError(f"the study has no picture {shown[0]!r} for this rater{' to see again' if shown[1] else ''}")
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    rating = Rating(study.version, rater, shown[0], bool(shown[1]), score, now, simulated)
    fields = rating._asdict() if simulated else {k: v for k, v in rating._asdict().items() if k != "simulated"}
    write_line(Path(path), json.dumps(fields))
    return rating


def write_line(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock", poll_interval=0.005):  # a write takes about a millisecond
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(file).st_size
            torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"  # a writer died here: start a new line
            data = (b"\n" if torn else b"") + line.encode() + b"\n"
            if os.write(file, data) != len(data):
                os.ftruncate(file, size)
                raise OSError(f"{path}: no space left for a rating")
            os.fsync(file)
        finally:
            os.close(file)


def read(path: str | Path) -> tuple[list[Rating], int]:
    """All ratings in the order they were written, and the number of torn lines. If there is no file, there are none.

    Raises ValueError, which names the line, for a complete line that is not a rating: `append` did not write it."""
    path, ratings, torn = Path(path), [], 0
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except ValueError:
            torn += 1
            continue
        try:
            rating = Rating(**{"simulated": False} | fields)
        except TypeError as error:
            raise ValueError(f"{path}, line {number} is not a rating: {line[:80]!r}") from error
        whole = type(rating.score) is int and WORST <= rating.score <= BEST
        if not whole or not all(isinstance(text, str) for text in (rating.study, rating.rater, rating.item, rating.time)):
            raise ValueError(f"{path}, line {number} is not a rating: {line[:80]!r}")
        ratings.append(rating)
    return ratings, torn


def latest(ratings: Iterable[Rating]) -> dict[tuple[str, str, bool], Rating]:
    """{(rater, item, repeat): rating}: if a rater changed their mind, only the last rating counts."""
    return {(rating.rater, rating.item, rating.repeat): rating for rating in sorted(ratings, key=lambda r: r.time)}


def left(study: Study, rater: str, ratings: Iterable[Rating]) -> list[Presentation]:
    """What the rater still has to rate, in order: after the page was closed, it resumes there."""
    done = {(r.item, r.repeat) for r in ratings if r.rater == rater and r.study == study.version}
    return [shown for shown in study.order(rater) if shown not in done]


# Which raters count, by rules that the study's key fixes in advance, and how consistent they are.


def faults(scores: dict[str, int], repeated: list[tuple[int, int]], methods: dict[str, str], rules: dict) -> list[str]:
    """Why a rater is not counted, in words; empty if nothing is wrong.

    scores: {item: 1..5}, first ratings; repeated: (first, second) rating of the same image; methods: {item: method}."""
    found = []
    if len(scores) < (fewest := min(rules["fewest_ratings"], len(methods))):
        found.append(f"{len(scores)} ratings, fewer than {fewest}")
    elif len(set(scores.values())) == 1:
        found.append(f"always {next(iter(scores.values()))}")
    nearest, hr = ([score for item, score in scores.items() if methods[item] == method] for method in (NEAREST, HR))
    if min(len(nearest), len(hr)) >= rules["fewest_extremes"] and np.mean(nearest) >= np.mean(hr):
        found.append(f"nearest {np.mean(nearest):.2f}, not below HR, {np.mean(hr):.2f}")
    if len(repeated) >= rules["fewest_repeats"] and (apart := difference(repeated)) > rules["largest_difference"]:
        found.append(f"second ratings differ by {apart:.2f}, more than {rules['largest_difference']}")
    return found


def difference(repeated: list[tuple[int, int]]) -> float:
    """Mean |first - second rating| of the same image by the same rater, in points; nan if there are none."""
    return float(np.mean([abs(first - second) for first, second in repeated])) if repeated else float("nan")


def agreement(scores: dict[str, int], others: list[dict[str, int]]) -> float:
    """Correlation of a rater with the mean of the others, over the images that both rated; nan without spread or overlap."""
    means = {item: np.mean(given) for item in scores if (given := [other[item] for other in others if item in other])}
    own, theirs = [scores[item] for item in means], list(means.values())
    if len(means) < 3 or np.ptp(own) == 0 or np.ptp(theirs) == 0:
        return float("nan")
    return float(np.corrcoef(own, theirs)[0, 1])


# A rater sees the examples first, then every image. After closing the page, they continue where they stopped.
#
# A rater is identified by a secret: a random number that only their browser and, during a session, the page know. Ratings are
# stored under its digest, so reading the ratings or a report does not let anyone rate in another's name. The number of raters is
# limited, and each rates an image once, so the size of the ratings on disk is limited too.


RATERS = 2000  # the most that a study may have: a few hundred MB of ratings
NEW = 60       # the most that may begin within an hour


class Turn(NamedTuple):
    picture: Path | None            # to show; None: everything is rated
    score: int | None = None        # of an example: the rater is told
    shown: Presentation | None = None
    number: int = 0                 # of this example or image, from 1
    of: int = 0


def new_secret() -> str:
    return uuid4().hex


def rater_of(secret: str) -> str:
    """The id under which ratings are stored. Raises ValueError for anything that is not one of our secrets."""
    if not isinstance(secret, str) or not re.fullmatch("[0-9a-f]{32}", secret):
        raise ValueError("this browser's number was not issued by this page; clear the site's data and start again")
    return hashlib.sha256(secret.encode()).hexdigest()[:32]


class Sessions:
    """All raters of a study and their ratings, which are files in one folder. One of these files belongs to this process."""

    def __init__(self, study: Study, folder: Path):
        """Raises ValueError if a *.jsonl file in the folder does not hold ratings."""
        self.study = study
        self.file = folder / f"ratings-{uuid4().hex}.jsonl"
        self.lock = threading.Lock()
        self.rated: dict[str, set[Presentation]] = {}
        self.begun: deque[float] = deque(maxlen=NEW)  # when the last new raters gave their first rating
        for path in sorted(folder.glob("*.jsonl")):
            for rating in read(path)[0]:
                if rating.study == study.version:
                    self.rated.setdefault(rating.rater, set()).add(Presentation(rating.item, rating.repeat))

    def turn(self, rater: str, examples: int) -> Turn:
        """examples: how many examples the rater has seen."""
        known = self.study.calibration
        if examples < len(known):
            example = known[examples]
            return Turn(self.study.picture(example.item), example.score, None, examples + 1, len(known))
        order, done = self.study.order(rater), self.rated.get(rater, set())
        for shown in order:
            if shown not in done:
                return Turn(self.study.picture(shown.item), None, shown, len(done) + 1, len(order))
        return Turn(None, number=len(order), of=len(order))

    def admit(self, rater: str) -> None:
        """Raises ValueError, a sentence, if this rater has not rated yet and no more raters can be accepted."""
        if rater in self.rated:
            return
        if len(self.rated) >= RATERS:
            raise ValueError("this study has as many raters as it can take; thank you")
        if len(self.begun) == NEW and time.monotonic() - self.begun[0] < 3600:
            raise ValueError("too many people have started within the last hour; please come back in an hour")

    def rate(self, rater: str, shown: Presentation, score: int) -> None:
        """Returns once the rating is on the disk. An existing rating is kept, so a key that was hit twice gives one rating.

        Raises ValueError as `append` and `admit` do."""
        with self.lock:
            if shown in self.rated.get(rater, set()):
                return
            self.admit(rater)
            append(self.file, self.study, rater, shown, score)
            if rater not in self.rated:
                self.begun.append(time.monotonic())
            self.rated.setdefault(rater, set()).add(shown)
