"""Ratings on disk, one JSON object per line, and the raters who give them.

Every page appends to a file of its own, and a line is acknowledged once it is on the disk. A line that a crash or power cut left
incomplete is skipped when reading."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from srgan_hub.evaluation.opinion.study import BEST, WORST, Study

RATERS = 2000  # the most that a study may have: a few hundred MB of ratings


class Rating(NamedTuple):
    study: str                  # version
    rater: str
    item: str
    score: int                  # 1 (bad) to 5 (excellent)
    time: str                   # UTC, ISO 8601
    simulated: bool = False     # given by a program: never an opinion


def append(path: Path, rating: Rating) -> None:
    """Add one rating and return once it is on the disk. If that fails, the file stays as it was (OSError)."""
    line = json.dumps(rating._asdict()).encode() + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab", buffering=0) as file:
        size = file.tell()
        try:
            if file.write(line) < len(line):
                raise OSError(f"{path}: no space left for a rating")
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise


def read(files: Iterable[Path]) -> list[Rating]:
    """All ratings in the files, in the order they were written.

    Raises ValueError, which names the line, for a complete line that is not a rating: `append` did not write it."""
    ratings = []
    lines = ((path, *line) for path in files for line in enumerate(path.read_bytes().splitlines(), 1))
    for path, number, line in lines:
        try:
            ratings.append(Rating(**json.loads(line)))
            good = ratings[-1].score in range(WORST, BEST + 1)
        except TypeError:
            good = False
        except ValueError:  # incomplete
            continue
        if not good:
            raise ValueError(f"{path}, line {number} is not a rating: {line[:80]!r}")
    return ratings


# A rater is identified by a secret: a random number that only their browser and, during a session, the page know. Ratings are
# stored under its digest, so reading the ratings or a report does not let anyone rate in another's name. The number of raters is
# limited, and each rates an image once, so the size of the ratings on disk is limited too.


def new_secret() -> str:
    return secrets.token_hex(16)


def rater_of(secret: str) -> str:
    """The id under which ratings are stored. Raises ValueError for anything that is not one of our secrets."""
    if not isinstance(secret, str) or not re.fullmatch("[0-9a-f]{32}", secret):
        raise ValueError("This browser's number was not issued by this page. Clear the site's data and start again.")
    return hashlib.sha256(secret.encode()).hexdigest()[:32]


class Turn(NamedTuple):
    item: str | None    # the image to show; None: everything is rated
    score: int | None   # of an example: the rater is told
    number: int         # of this example or image, from 1
    of: int


class Sessions:
    """All raters of a study. They see the examples first, then every image, and after closing the page continue where they
    stopped."""

    def __init__(self, study: Study, folder: Path):
        """folder: of the ratings so far. Raises ValueError if a *.jsonl file in it does not hold ratings."""
        self.study = study
        self.file = folder / f"ratings-{uuid4().hex}.jsonl"  # this page's own
        self.lock = threading.Lock()
        self.rated: dict[str, set[str]] = {}
        for rating in read(folder.glob("*.jsonl")):
            if rating.study == study.version:
                self.rated.setdefault(rating.rater, set()).add(rating.item)

    def turn(self, rater: str, examples: int) -> Turn:
        """examples: how many this rater has seen; who has rated an image needs no more of them."""
        done, known = self.rated.get(rater, set()), self.study.calibration
        if examples < len(known) and not done:
            return Turn(*known[examples], examples + 1, len(known))
        order = self.study.order(rater)
        return Turn(next((item for item in order if item not in done), None), None, len(done) + 1, len(order))

    def rate(self, rater: str, item: str, score: int) -> None:
        """Returns once the rating is on the disk. An existing rating is kept, so a key that was hit twice gives one rating.

        Raises ValueError if the study has no such image, or as many raters as it can take."""
        if item not in self.study.items:
            raise ValueError("The rating was not saved: the study has no such picture.")
        with self.lock:
            if rater not in self.rated and len(self.rated) >= RATERS:
                raise ValueError("This study has as many raters as it can take. Thank you.")
            if item not in (done := self.rated.get(rater, set())):
                now = datetime.now(UTC).isoformat(timespec="microseconds")
                append(self.file, Rating(self.study.version, rater, item, score, now))
                self.rated[rater] = done | {item}
