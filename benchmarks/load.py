"""Two hundred requests at once, then half an hour of mixed ones: is each accounted for, and do speed and memory stay the same?

    python -m benchmarks.load [--minutes 30] [--queued 200] [--visitors 4] [--warm 2000]

Starts app.py with room for that many in its queue and speaks plain HTTP to it, with every request as a new visitor. The warm-up
is a round of that many at once, one request of each kind, and `warm` requests with files that are not images, because Gradio
keeps the last words of that many visitors. Then a second round is measured, and a soak, in which each of `visitors` sends one
request after another, of a random kind: enlarging, comparing or checking with a 64x64 photo, sending a file that is not an image,
canceling a job, or leaving in the middle. Memory is the resident set of the server, every few seconds; its slope is the
least-squares fit over the whole soak."""

from __future__ import annotations

import argparse
import io
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import NamedTuple
from uuid import uuid4

import httpx
import numpy as np
from PIL import Image

from benchmarks.clients import megabytes, served
from benchmarks.inference_speed import picture

MODEL = "srgan-x4-lite"
ORDER = [MODEL, 100, "x4", "PNG"]
ENDINGS = ("answered", "refused", "told", "cancelled", "left", "error")  # told: got a sentence about a mistake
EVERY = 2      # seconds between two readings of the memory
PATIENCE = 60  # seconds of silence until a request counts as an error; waiting visitors hear their place every three


class Ended(NamedTuple):
    kind: str
    how: str        # one of ENDINGS
    start: float    # seconds of time.monotonic()
    seconds: float
    words: str      # of a refusal or an error


class Visitor:
    """A new visitor, who asks for one thing."""

    def __init__(self, http: httpx.Client, url: str):
        self.http, self.url, self.api, self.session = http, url, f"{url}/gradio_api", uuid4().hex

    def upload(self, content: bytes) -> dict:
        (path,) = self.http.post(f"{self.api}/upload", files={"files": ("photo.png", content)}).raise_for_status().json()
        return {"path": path, "meta": {"_type": "gradio.FileData"}}

    def call(self, name: str, *data) -> str:
        """Starts a call and returns its event, for `hear`."""
        body = {"data": data, "session_hash": self.session}
        return self.http.post(f"{self.api}/call/{name}", json=body).raise_for_status().json()["event_id"]

    def hear(self, name: str, event: str, after: Callable[[], bool] = lambda: False) -> tuple[str, object]:
        """("complete" or "error", what came). `after` is called after each earlier message; if it returns True, that is all."""
        kind = ""
        with self.http.stream("GET", f"{self.api}/call/{name}/{event}") as stream:
            for line in stream.iter_lines():
                field, _, text = line.partition(": ")
                kind = text if field == "event" else kind
                if field == "data" and kind in ("complete", "error"):
                    return kind, json.loads(text)
                if field == "data" and after():
                    return "left", None
        return "error", "the stream ended without an end"

    def cancel(self, name: str, event: str) -> bool:
        body = {"session_hash": self.session, "fn_index": numbers(self.url)[name], "event_id": event}
        self.http.post(f"{self.api}/cancel", json=body).raise_for_status()
        return False


@cache
def numbers(url: str) -> dict[str, int]:
    """The number of each endpoint by its name; canceling needs the number."""
    return {event["api_name"]: event["id"] for event in httpx.get(f"{url}/config").json()["dependencies"]}


def png(side: int) -> bytes:
    Image.fromarray(picture(side)).save(file := io.BytesIO(), "PNG")
    return file.getvalue()


SMALL, LARGE = png(64), png(400)


def enlarge(visitor: Visitor) -> tuple[str, str]:
    kind, said = visitor.hear("upscale", visitor.call("upscale", visitor.upload(SMALL), *ORDER))
    if kind == "complete":
        file = visitor.http.get(f"{visitor.api}/file={said[0]['path']}").raise_for_status().content
        assert Image.open(io.BytesIO(file)).size == (256, 256)
    return ended(kind, said)


def evaluate(visitor: Visitor) -> tuple[str, str]:
    return ended(*visitor.hear("evaluate", visitor.call("evaluate", visitor.upload(SMALL), ["bicubic", MODEL])))


def mistake(visitor: Visitor) -> tuple[str, str]:
    kind, said = visitor.hear("upscale", visitor.call("upscale", visitor.upload(b"no picture"), *ORDER))
    how, words = ended(kind, said)
    return ("told", words) if "not a readable image" in words else (how, words)


def cancel(visitor: Visitor) -> tuple[str, str]:
    event = visitor.call("upscale", visitor.upload(LARGE), *ORDER)
    kind, said = visitor.hear("upscale", event, lambda: visitor.cancel("upscale", event))
    return ("cancelled", "") if kind == "complete" and not said else ended(kind, said)


def leave(visitor: Visitor) -> tuple[str, str]:
    kind, said = visitor.hear("upscale", visitor.call("upscale", visitor.upload(LARGE), *ORDER), lambda: True)
    return ("left", "") if kind == "left" else ended(kind, said)


def ended(kind: str, said) -> tuple[str, str]:
    words = "" if kind == "complete" else str(said.get("error") if isinstance(said, dict) else said)
    return {"complete": "answered"}.get(kind, "refused" if "queue is full" in words else "error"), words


KINDS = {"enlarge": enlarge, "check": evaluate, "no picture": mistake, "cancel": cancel, "leave": leave}
OFTEN = (12, 2, 2, 2, 2)  # times in 20


def one(url: str, kind: str) -> Ended:
    start = time.monotonic()
    try:
        with httpx.Client(timeout=PATIENCE) as http:
            how, words = KINDS[kind](Visitor(http, url))
    except Exception as error:  # any error is counted and reported
        how, words = "error", f"{type(error).__name__}: {error}"
    return Ended(kind, how, start, time.monotonic() - start, words)


def at_once(url: str, count: int) -> list[Ended]:
    barrier = Barrier(count)

    def wait_and_ask(_) -> Ended:
        barrier.wait()
        return one(url, "enlarge")

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(wait_and_ask, range(count)))


def soak(url: str, visitors: int, seconds: float) -> list[Ended]:
    """The requests of this many visitors until the time was over."""
    end = time.monotonic() + seconds

    def come(number: int) -> list[Ended]:
        chance, found = random.Random(number), []
        while time.monotonic() < end:
            found.append(one(url, *chance.choices(list(KINDS), OFTEN)))
        return found

    with ThreadPoolExecutor(visitors) as pool:
        return [request for requests in pool.map(come, range(visitors)) for request in requests]


class Memory:
    """Inside `with`, reads a process's memory every few seconds: (seconds of time.monotonic(), MB)."""

    def __init__(self, server):
        self.server, self.seen, self.over = server, [], Event()
        self.thread = Thread(target=self.look, daemon=True)

    def look(self) -> None:
        while True:
            self.seen.append((time.monotonic(), megabytes(self.server)))
            if self.over.wait(EVERY):
                return

    def __enter__(self) -> Memory:
        self.thread.start()
        return self

    def __exit__(self, *error) -> None:
        self.over.set()
        self.thread.join()

    def slope(self) -> float:
        """MB per minute, by least squares."""
        times, sizes = np.array(self.seen).T
        return 60 * float(np.polyfit(times - times[0], sizes, 1)[0])


def row(*cells) -> str:
    return "| " + " | ".join(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |"


def percentiles(requests: list[Ended]) -> list[float]:
    """Median, 95th and 99th percentile of the seconds of the requests that were answered."""
    times = [request.seconds for request in requests if request.how == "answered"]
    return [float(np.percentile(times, percent)) for percent in (50, 95, 99)] if times else [float("nan")] * 3


def by_kind(parts: dict[str, list[Ended]]) -> str:
    lines = [row("", "requests", *ENDINGS, "median, s", "95 %, s", "99 %, s"), "|" + " --- |" * (len(ENDINGS) + 5)]
    for name, requests in parts.items():
        how = Counter(request.how for request in requests)
        lines.append(row(name, len(requests), *(how[ending] for ending in ENDINGS), *percentiles(requests)))
    return "\n".join(lines)


def by_fifth(requests: list[Ended], memory: Memory) -> str:
    """For each fifth of the soak: requests that ended, times, and the memory at its end."""
    start = memory.seen[0][0]
    fifth = (memory.seen[-1][0] - start) / 5
    lines = [row("fifth", "ended a second", "median, s", "95 %, s", "99 %, s", "memory, MB"), "|" + " --- |" * 6]
    for number in range(5):
        within = [one for one in requests if number == min(4, int((one.start + one.seconds - start) / fifth))]
        times = percentiles([one for one in within if one.kind == "enlarge"])
        size = [size for when, size in memory.seen if when <= start + (number + 1) * fifth + 0.01][-1]
        lines.append(row(number + 1, len(within) / fifth, *times, f"{size:.0f}"))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--queued", type=int, default=200, help="requests at once")
    parser.add_argument("--visitors", type=int, default=4, help="who send one request after another in the soak")
    parser.add_argument("--warm", type=int, default=2000, help="requests before anything is measured")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder, "log"), GRADIO_TEMP_DIR=folder, SRGAN_QUEUE=str(options.queued)) as (url, server),
    ):
        at_once(url, options.queued)
        for kind in KINDS:
            one(url, kind)
        with ThreadPoolExecutor(options.visitors) as pool:
            list(pool.map(lambda _: one(url, "no picture"), range(options.warm)))
        start = time.monotonic()
        queued, seconds = at_once(url, options.queued), time.monotonic() - start
        with Memory(server) as memory:
            mixed = soak(url, options.visitors, 60 * options.minutes)
        files = sum(path.is_file() for path in Path(folder).rglob("*"))
        tracebacks = Path(folder, "log").read_text(errors="replace").count("Traceback")
    parts = {kind: [request for request in mixed if request.kind == kind] for kind in KINDS}
    print(by_kind({f"{options.queued} at once": queued, **parts, "mixed, all": mixed}))
    print(f"\n{options.queued} at once: {len(queued) / seconds:.2f} a second.\n")
    print(f"{options.minutes:g} minutes of {options.visitors} visitors (times of enlarging):\n")
    print(by_fifth(mixed, memory))
    print(f"\nMemory: {memory.slope():+.2f} MB a minute. Files at the end: {files}. Tracebacks in the log: {tracebacks}.")
    for (how, words), count in Counter((r.how, r.words) for r in queued + mixed if r.words and r.how != "told").most_common():
        print(f"{count} times {how}: {words[:300]}")


if __name__ == "__main__":
    main()
