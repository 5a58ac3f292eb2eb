"""Work that reports as it goes, made into an iterator: nothing is computed while nobody asks, and it can be given up."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import TypeVar

Result = TypeVar("Result")


class Stopped(Exception):
    """Raised inside the work when its iterator is closed."""


def steps(work: Callable[[Callable[..., None]], Result]) -> Generator[tuple, None, Result]:
    """Yield the arguments of every call that work(report) makes to `report`; return its result, or raise its error.

    The work goes on, in a thread of its own, only while the next report is waited for. Closing the iterator, as Gradio does
    for an event that is cancelled or whose visitor has left, ends the work at its next report and waits for that."""
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
        while not reports.empty():  # an error that nobody heard holds, by its traceback, this queue and all that was computed
            reports.get()


def told(reports: Iterator[tuple[str, object]]) -> Generator:
    """Yield what comes under "news"; return what comes under "result", raise what comes under "error"."""
    for kind, content in reports:
        if kind == "result":
            return content
        if kind == "error":
            raise content
        yield content
