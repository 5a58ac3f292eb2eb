"""What a rater is shown: the examples first, then every picture; a page that was closed goes on where it was.

A rater is who has a secret: a random number that only their browser and, while they rate, the page know. Ratings are kept under
its digest, so that who reads them, or a report, can rate for nobody else. How many raters there may be is bounded, and each rates
a picture once: so are the ratings on the disk."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import deque
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from srgan_hub.mos.ratings import append, read
from srgan_hub.mos.study import Presentation, Study

RATERS = 2000  # that a study may have: a few hundred MB of ratings
NEW = 60       # that may begin within an hour


class Turn(NamedTuple):
    picture: Path | None            # to be shown; None: everything is rated
    score: int | None = None        # of an example: what the rater is told
    shown: Presentation | None = None
    number: int = 0                 # of the examples, or of the pictures, from 1
    of: int = 0


def new_secret() -> str:
    return uuid4().hex


def rater_of(secret: str) -> str:
    """The id under which ratings are kept. ValueError for what is no secret of ours."""
    if not isinstance(secret, str) or not re.fullmatch("[0-9a-f]{32}", secret):
        raise ValueError("this browser's number is none that the page gave; clear the site's data and begin again")
    return hashlib.sha256(secret.encode()).hexdigest()[:32]


class Sessions:
    """All raters of a study, and their ratings: files of one folder, one of which is this process's own."""

    def __init__(self, study: Study, folder: Path):
        """ValueError if what lies in the folder as *.jsonl holds no ratings."""
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
        """examples: how many of them the rater has seen."""
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
        """ValueError, a sentence, if this one has not rated yet and no more raters can be taken."""
        if rater in self.rated:
            return
        if len(self.rated) >= RATERS:
            raise ValueError("this study has all the raters that it can take; thank you")
        if len(self.begun) == NEW and time.monotonic() - self.begun[0] < 3600:
            raise ValueError("very many people have begun within this hour; please come again in an hour")

    def rate(self, rater: str, shown: Presentation, score: int) -> None:
        """Returns once the rating is on the disk. One that is there already stays: a key that was hit twice is one rating.

        ValueError as `append` and `admit` raise it."""
        with self.lock:
            if shown in self.rated.get(rater, set()):
                return
            self.admit(rater)
            append(self.file, self.study, rater, shown, score)
            if rater not in self.rated:
                self.begun.append(time.monotonic())
            self.rated.setdefault(rater, set()).add(shown)
