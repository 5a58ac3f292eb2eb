"""The queue: a fixed number of photos is computed at a time, a fixed number may wait, and later visitors get a message.

Gradio's own queue counts every click on the page, so with many waiting nobody could even view a photo; and both of its clients
replace our message for a full queue by their own."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition
from typing import TypeVar

import gradio as gr

from srgan_hub.hub.load import CheckpointError
from srgan_hub.imaging.io import ImageError
from srgan_hub.ui.enlarge import Step
from srgan_hub.ui.jobs import duration

Result = TypeVar("Result")
PATIENCE = 3.0  # seconds until a waiting visitor who left is noticed; checking more often would slow the job at work


class Full(ImageError):
    """There is no place left in the queue."""


class Line:
    """jobs: how many are computed at a time; places: how many may wait."""

    def __init__(self, jobs: int, places: int):
        self.jobs, self.places = jobs, places
        self.moved = Condition()
        self.there: list[Generator] = []  # those at work, then those waiting
        self.usual = 0.0                  # seconds that the last jobs took, as a moving mean

    def steps(self, work: Generator[Step, None, Result]) -> Generator[Step, None, Result]:
        """Yields steps with the place in the queue, then those of the work; returns its result. Closing the iterator leaves the
        queue.

        Raises Full, a sentence, if all places are taken."""
        with self.moved:
            if len(self.there) >= self.jobs + self.places:
                raise Full(f"The queue is full ({self.places} waiting). Please try again in a minute or two.")
            self.there.append(work)
        try:
            while (before := self.there.index(work) - self.jobs) >= 0:
                yield Step(self.words(before), 0)
                with self.moved:
                    self.moved.wait_for(lambda: self.there.index(work) < self.jobs, PATIENCE)
            start = time.monotonic()
            result = yield from work
            self.usual += (time.monotonic() - start - self.usual) * (0.3 if self.usual else 1)
            return result
        finally:
            work.close()
            with self.moved:
                self.there.remove(work)
                self.moved.notify_all()

    def words(self, before: int) -> str:
        """before: how many wait further ahead in the queue."""
        place = f"You are number {before + 1} of {len(self.there) - self.jobs} in the queue"
        return f"{place}, about {duration(self.usual * (before + self.jobs) / self.jobs)} to go" if self.usual else place


# A visitor's mistakes: one sentence on the page, nothing in the server's log.


MISTAKES = (ImageError, CheckpointError, ValueError)  # what the work raises with a sentence


@contextmanager
def told(path: str | None = None) -> Iterator[None]:
    """Mistakes inside are shown as sentences."""
    try:
        yield
    except MISTAKES as error:
        raise mistake(path, error) from error


def mistake(path: str | None, error: Exception) -> gr.Error:
    """What to raise so that the sentence is shown, with the photo's name before it."""
    text, name = str(error), Path(path).name if path else ""
    if name and name not in text and not isinstance(error, Full):
        text = f"{name}: {text}"
    return gr.Error(text, print_exception=False, title="That did not work")
