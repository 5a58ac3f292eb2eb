"""Ratings on disk: one JSON object a line, only ever appended, by as many processes as like.

A line is acknowledged once it is on the disk. What a crash or a power cut leaves half written is passed over on reading."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from srgan_hub.mos.study import BEST, WORST, Presentation, Study

LONGEST_NAME = 100  # characters of a rater's id


class Rating(NamedTuple):
    study: str              # version
    rater: str
    item: str
    repeat: bool            # the rater's second look at this picture
    score: int              # 1 (bad) to 5 (excellent)
    time: str               # UTC, ISO 8601
    simulated: bool         # given by a program: never an opinion


def append(path: str | Path, study: Study, rater: str, shown: Presentation, score: int, *, simulated: bool = False) -> Rating:
    """Add one rating and return once it is on the disk. A program that rates must say `simulated`.

    ValueError if the score is no whole number from 1 to 5, or the study does not show this rater that picture."""
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
    with FileLock(f"{path}.lock", poll_interval=0.005):  # a writing takes about a millisecond
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(file).st_size
            torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"  # a writer died here: begin a line of our own
            data = (b"\n" if torn else b"") + line.encode() + b"\n"
            if os.write(file, data) != len(data):
                os.ftruncate(file, size)
                raise OSError(f"{path}: no room left for a rating")
            os.fsync(file)
        finally:
            os.close(file)


def read(path: str | Path) -> tuple[list[Rating], int]:
    """All ratings in the order of writing, and how many lines are torn. No file: none.

    ValueError names a whole line that is no rating: nobody wrote it with `append`."""
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
            raise ValueError(f"{path}, line {number} is no rating: {line[:80]!r}") from error
        whole = type(rating.score) is int and WORST <= rating.score <= BEST
        if not whole or not all(isinstance(text, str) for text in (rating.study, rating.rater, rating.item, rating.time)):
            raise ValueError(f"{path}, line {number} is no rating: {line[:80]!r}")
        ratings.append(rating)
    return ratings, torn


def latest(ratings: Iterable[Rating]) -> dict[tuple[str, str, bool], Rating]:
    """{(rater, item, repeat): rating}: a changed mind is one rating, the last."""
    return {(rating.rater, rating.item, rating.repeat): rating for rating in sorted(ratings, key=lambda r: r.time)}


def left(study: Study, rater: str, ratings: Iterable[Rating]) -> list[Presentation]:
    """What the rater has still to rate, in order; where a page that was closed goes on."""
    done = {(r.item, r.repeat) for r in ratings if r.rater == rater and r.study == study.version}
    return [shown for shown in study.order(rater) if shown not in done]
