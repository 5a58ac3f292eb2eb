"""The queue: one photo is computed at a time, a fixed number may wait, and later visitors get a message. Work is an iterator of
its steps, so that a visitor can follow and cancel it.

Gradio's own queue counts every click on the page, so with many waiting nobody could even view a photo; and both of its clients
replace our message for a full queue by their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Hashable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Condition, Event, Thread
from typing import NamedTuple, TypeVar

import gradio as gr

from srgan_hub.imaging.io import ImageError

PATIENCE = 3.0  # seconds until a waiting visitor who left is noticed; checking more often would slow the job at work

Result = TypeVar("Result")


class Step(NamedTuple):
    words: str
    share: float  # of the work that is done, 0 to 1


Report = Callable[[Step], None]  # takes what the work has come to
Work = Callable[[Report], Result]


class Stopped(Exception):
    """Raised inside the work when its iterator is closed, and by the iterator of a job that was stopped."""


def steps(work: Work) -> Generator[Step | Result, None, None]:
    """Yield every step that the work reports, and its result last; its errors come out here.

    The work has its own thread. Closing the iterator ends it at its next report and waits for that. Gradio closes the iterator
    when an event is canceled or its visitor has left."""
    reports, closed = SimpleQueue(), Event()

    def report(step: Step) -> None:
        if closed.is_set():
            raise Stopped
        reports.put(step)

    def run() -> None:
        try:
            reports.put(work(report))
        except BaseException as error:
            reports.put(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        while isinstance(news := reports.get(), Step):
            yield news
        if isinstance(news, BaseException):
            raise news
        yield news
    finally:
        closed.set()
        thread.join()
        while not reports.empty():  # the traceback of an unread error would keep this queue and all results in memory
            reports.get()


@dataclass(eq=False)
class Ticket:
    owner: Hashable
    stopped: bool = False

    def check(self) -> None:
        if self.stopped:
            raise Stopped


class Line:
    """places: how many may wait."""

    def __init__(self, places: int):
        self.places = places
        self.moved = Condition()
        self.there: list[Ticket] = []  # the one at work, then those waiting
        self.usual = 0.0               # seconds that the last jobs took, as a moving mean

    def steps(self, work: Work, owner: Hashable = None) -> Generator[Step | Result, None, None]:
        """As `steps`, after steps with the place in the queue. Closing the iterator leaves the queue.

        Raises ImageError, a sentence, if all places are taken, and Stopped after `stop(owner)`."""
        ticket = Ticket(owner)
        with self.moved:
            if len(self.there) > self.places:
                raise ImageError(f"The queue is full ({self.places} waiting). Please try again in a minute or two.")
            self.there.append(ticket)
        try:
            while place := self.there.index(ticket):
                yield Step(self.words(place), 0)
                with self.moved:
                    self.moved.wait_for(lambda: ticket.stopped or self.there[0] is ticket, PATIENCE)
                ticket.check()
            start = time.monotonic()
            with closing(steps(work)) as running:
                for news in running:
                    ticket.check()
                    yield news
            self.usual += (time.monotonic() - start - self.usual) * (0.3 if self.usual else 1)
        finally:
            with self.moved:
                self.there.remove(ticket)
                self.moved.notify_all()

    def stop(self, owner: Hashable) -> None:
        """End the owner's jobs: each raises Stopped instead of its next step or its result."""
        with self.moved:
            for ticket in self.there:
                ticket.stopped |= ticket.owner == owner
            self.moved.notify_all()

    def words(self, place: int) -> str:
        """place: 1 for whoever is next."""
        words = f"You are number {place} of {len(self.there) - 1} in the queue"
        return f"{words}, about {duration(self.usual * place)} to go" if self.usual else words


def duration(seconds: float) -> str:
    """Such as "20 s", "3 min", "1.5 h"."""
    if seconds >= 3600:
        return f"{seconds / 3600:.2g} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(1, round(seconds))} s"


@contextmanager
def told() -> Iterator[None]:
    """A visitor's mistake inside (a ValueError with a sentence) is shown on the page, and leaves nothing in the server's log."""
    try:
        yield
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False, title="That did not work") from error
