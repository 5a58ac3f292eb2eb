"""What a rater is shown: the examples first, then every picture; a page that was closed goes on where it was."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from srgan_hub.mos.ratings import append, read
from srgan_hub.mos.study import Presentation, Study


class Turn(NamedTuple):
    picture: Path | None            # to be shown; None: everything is rated
    score: int | None = None        # of an example: what the rater is told
    shown: Presentation | None = None
    number: int = 0                 # of the examples, or of the pictures, from 1
    of: int = 0


class Sessions:
    """All raters of a study, and their ratings: files of one folder, one of which is this process's own."""

    def __init__(self, study: Study, folder: Path):
        """ValueError if what lies in the folder as *.jsonl holds no ratings."""
        self.study = study
        self.file = folder / f"ratings-{uuid4().hex}.jsonl"
        self.lock = threading.Lock()
        self.rated: dict[str, set[Presentation]] = {}
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

    def rate(self, rater: str, shown: Presentation, score: int) -> None:
        """Returns once the rating is on the disk. One that is there already stays: a key that was hit twice is one rating.

        ValueError as `append` raises it."""
        with self.lock:
            if shown in self.rated.get(rater, set()):
                return
            append(self.file, self.study, rater, shown, score)
            self.rated.setdefault(rater, set()).add(shown)
