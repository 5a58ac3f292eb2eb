"""Fifty visitors at once: is every request answered or refused with a sentence, is the page as fast as for one visitor, and does
its memory return to what it was?

    python -m benchmarks.clients [--clients 50] [--rounds 3] [--side 400] [--certificates]

Starts app.py with its default limits and calls `/upscale` through gradio_client, which uploads and downloads too. Rounds of
`clients` requests at once alternate with as many requests one after another as such a round answers. Real clients would be on
machines of their own; here they share the server's cores, so their core time is reported as well. By default, gradio_client reads
a file of certificates for every connection, which takes 0.2 to 0.3 core seconds per photo, even for an address like this one
that has no certificate to check. That is off here; --certificates turns it on. Memory is the resident set of the server, after a
warm-up of one request and one round, and 15 seconds after the last request."""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from operator import add, sub
from pathlib import Path
from threading import Barrier
from typing import NamedTuple

import psutil
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from benchmarks.inference_speed import picture

ROOT = Path(__file__).parent.parent
REST = 15  # seconds after which memory is read again
HEAD = (
    "| clients | requests | answered | refused | other | answered a second | median, s | 95 %, s |"
    " server, core s an answer | clients, core s an answer |"
)


class Answer(NamedTuple):
    kind: str        # "answered", "refused" because the queue is full, "other"
    seconds: float
    words: str       # the message for a request that was not answered


@contextmanager
def served(log: Path | None = None, **variables: str) -> Iterator[tuple[str, psutil.Process]]:
    """app.py on a free port, with these environment variables: its address, once it answers, and its process; log: file for its
    output."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "1"} | variables
    with open(log or os.devnull, "wb") as file:
        heard = dict(stdout=file, stderr=subprocess.STDOUT if log else None)
        server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, **heard)
    try:
        while True:
            try:
                urllib.request.urlopen(url)
                break
            except OSError:
                if server.poll() is not None:
                    raise SystemExit("app.py did not start") from None
                time.sleep(0.2)
        yield url, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait()


class Run(NamedTuple):
    answers: list[Answer]
    seconds: float
    server: float    # core seconds
    clients: float   # the same

    def __add__(self, other: Run) -> Run:
        return Run(*map(add, self, other))

    @property
    def answered(self) -> list[float]:
        """Seconds of each request that was answered."""
        return [answer.seconds for answer in self.answers if answer.kind == "answered"]

    @property
    def throughput(self) -> float:
        """Answers per second."""
        return len(self.answered) / self.seconds


def ask(client: Client, photo: str, **settings) -> Answer:
    """One request to /upscale."""
    start = time.perf_counter()
    kind, words = "answered", ""
    try:
        file, _ = client.predict(handle_file(photo), api_name="/upscale", **settings)
        os.remove(file)
    except AppError as error:
        words = str(error)
        kind = "refused" if "queue is full" in words else "other"
    return Answer(kind, time.perf_counter() - start, words)


def at_once(clients: list[Client], photo: str, **settings) -> list[Answer]:
    """One request from each client, all sent at the same time."""
    barrier = Barrier(len(clients))

    def one(client: Client) -> Answer:
        barrier.wait()
        return ask(client, photo, **settings)

    with ThreadPoolExecutor(len(clients)) as pool:
        return list(pool.map(one, clients))


def megabytes(server: psutil.Process) -> float:
    return server.memory_info().rss / 1e6


def computed(process: psutil.Process) -> float:
    """Core seconds that the process has used so far."""
    times = process.cpu_times()
    return times.user + times.system


def timed(work: Callable[[], list[Answer]], server: psutil.Process) -> Run:
    processes = server, psutil.Process()
    before, start = list(map(computed, processes)), time.perf_counter()
    answers = work()
    seconds = time.perf_counter() - start
    return Run(answers, seconds, *map(sub, map(computed, processes), before))


def row(name: str, run: Run) -> str:
    times = run.answered
    counts = [sum(answer.kind == kind for answer in run.answers) for kind in ("answered", "refused", "other")]
    late = statistics.quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]
    shares = [f"{seconds / len(times):.2f}" for seconds in (run.server, run.clients)]
    figures = [f"{run.throughput:.2f}", f"{statistics.median(times):.2f}", f"{late:.2f}", *shares]
    return "| " + " | ".join(map(str, [name, len(run.answers), *counts, *figures])) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3, help="in which all of them ask at once")
    parser.add_argument("--side", type=int, default=400, help="pixels of the uploads, which are square")
    parser.add_argument("--certificates", action="store_true", help="let the clients read their certificates, for nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(GRADIO_TEMP_DIR=folder) as (url, server):
        photo = str(Path(folder, "photo.png"))
        Image.fromarray(picture(options.side)).save(photo)
        places = [Path(folder, "downloads", str(number)) for number in range(options.clients)]  # equal files get equal names
        clients = [Client(url, verbose=False, ssl_verify=options.certificates, download_files=place) for place in places]
        ask(clients[0], photo)
        first = at_once(clients, photo)
        answered = sum(answer.kind == "answered" for answer in first)
        time.sleep(REST)
        before = megabytes(server)

        def alone() -> list[Answer]:
            return [ask(clients[0], photo) for _ in range(answered)]

        single = timed(alone, server)
        many = Run([], 0.0, 0.0, 0.0)
        for _ in range(options.rounds):  # alternating, because the machine's speed drifts during the run
            many += timed(lambda: at_once(clients, photo), server)
            single += timed(alone, server)
        time.sleep(REST)
        print(HEAD + "\n|" + " --- |" * (HEAD.count("|") - 1))
        print(row("1", single))
        print(row(f"{options.clients} at once", many))
        print(f"\nThroughput, of one client's: {many.throughput / single.throughput:.0%}. ", end="")
        print(f"Memory of the server: {before:.0f} MB before, {megabytes(server):.0f} MB after.")
        for words in sorted({answer.words for answer in first + many.answers + single.answers if answer.words}):
            print(f'Said: "{words}"')


if __name__ == "__main__":
    main()
