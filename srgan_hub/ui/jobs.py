"""Work that reports its progress, as an iterator: nothing is computed unless the next step is asked for, and it can be
cancelled."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from functools import wraps
from inspect import isgeneratorfunction
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import TypeVar

Result = TypeVar("Result")


class Stopped(Exception):
    """Raised inside the work when its iterator is closed."""


def steps(work: Callable[[Callable[..., None]], Result]) -> Generator[tuple, None, Result]:
    """Yield the arguments of every call that work(report) makes to `report`; return its result, or raise its error.

    The work has its own thread, and continues only while someone waits for the next report. Closing the iterator ends the work
    at its next report and waits for that. Gradio closes it when an event is canceled or its visitor has left."""
    reports, turn = SimpleQueue(), Semaphore(0)
    closed = False

    def report(*news) -> None:
        reports.put(("news", news))
        turn.acquire()
        if closed:
            raise Stopped

    def run() -> None:
        turn.acquire()
        try:
            reports.put(("result", work(report)))
        except BaseException as error:
            reports.put(("error", error))

    def heard():
        while True:
            turn.release()
            yield reports.get()

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        return (yield from told(heard()))
    finally:
        closed = True
        turn.release()
        thread.join()
        while not reports.empty():  # the traceback of an unread error would keep this queue and all results in memory
            reports.get()


def told(reports: Iterator[tuple[str, object]]) -> Generator:
    """Yield what is marked "news", return what is marked "result", and raise what is marked "error"."""
    for kind, content in reports:
        if kind == "result":
            return content
        if kind == "error":
            raise content
        yield content


# Durations in words.


def duration(seconds: float) -> str:
    """Such as "20 s", "3 min", "1.5 h"."""
    if seconds >= 3600:
        return f"{seconds / 3600:.2g} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(1, round(seconds))} s"


# ZeroGPU: Spaces that lend a GPU to a function while it runs, in a process of its own.
#
# The decorator comes from the package `spaces`, which such a Space has. Elsewhere it returns functions unchanged; without the
# package nothing is decorated. Not tried on ZeroGPU.


try:
    from spaces import GPU
except ImportError:
    GPU = None

# On ZeroGPU, models must be in the page's own process before the first visitor: what a lent process loads is lost with it.
PLACED_FIRST = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def lent(function: Callable) -> Callable:
    """The function, computed where a GPU is lent. Generators keep their results too, and ValueErrors remain what they are.

    By itself, `spaces` passes on neither a generator's result from the other process nor any errors but Gradio's own."""
    if GPU is None:
        return function

    @GPU
    @wraps(function)
    def there(*args, **kwargs) -> Generator[tuple]:
        try:
            if not isgeneratorfunction(function):
                yield "result", function(*args, **kwargs)
                return
            running = function(*args, **kwargs)
            try:
                while True:
                    yield "news", next(running)
            except StopIteration as end:
                yield "result", end.value
            finally:
                running.close()
        except ValueError as error:
            yield "error", error

    def steps(*args, **kwargs):
        running = there(*args, **kwargs)
        try:
            return (yield from told(running))
        finally:
            running.close()

    def result(*args, **kwargs):
        try:
            next(steps(*args, **kwargs))
        except StopIteration as end:
            return end.value

    return wraps(function)(steps if isgeneratorfunction(function) else result)
