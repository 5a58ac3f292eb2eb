"""Fifty visitors at once: is every request answered or refused in a sentence, is the page as fast as for one, does its memory
come back?

    python -m benchmarks.clients [--clients 50] [--rounds 3] [--side 400] [--nice 0]

Starts app.py with its default limits and sends it `/upscale` through gradio_client, which uploads and downloads too: requests
one after another, `clients` at once (as often as there are rounds), and one after another again. The clients would be on
machines of their own; here they share the server's cores, which of small photos is most of the work: --nice 19 gives them what it
leaves. Memory is the resident set of the server, after a warm-up of one
request and one round, and 15 seconds after the last."""

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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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


class Answer(NamedTuple):
    kind: str        # "answered", "refused" because the queue is full, "other"
    seconds: float
    words: str       # of a request that was not answered


@contextmanager
def served(log: Path | None = None, **variables: str) -> Iterator[tuple[str, psutil.Process]]:
    """app.py on a free port, with those variables: its address, once it answers, and its process; log: what it writes."""
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


def at_once(clients: list[Client], photo: str, **settings) -> tuple[list[Answer], float]:
    """A request of each, sent together; the answers, and seconds until the last."""
    barrier = Barrier(len(clients))

    def one(client: Client) -> Answer:
        barrier.wait()
        return ask(client, photo, **settings)

    start = time.perf_counter()
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(one, clients))
    return answers, time.perf_counter() - start


def megabytes(server: psutil.Process) -> float:
    return server.memory_info().rss / 1e6


def row(name: str, answers: list[Answer], seconds: float) -> str:
    times = [answer.seconds for answer in answers if answer.kind == "answered"]
    counts = [sum(answer.kind == kind for answer in answers) for kind in ("answered", "refused", "other")]
    late = statistics.quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]
    cells = [name, len(answers), *counts, f"{len(times) / seconds:.2f}", f"{statistics.median(times):.2f}", f"{late:.2f}"]
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3, help="in which all of them ask at once")
    parser.add_argument("--side", type=int, default=400, help="pixels of the uploads, which are square")
    parser.add_argument("--nice", type=int, default=0, help="priority of the clients: 0 as the server's, 19 the lowest")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(GRADIO_TEMP_DIR=folder) as (url, server):
        photo = str(Path(folder, "photo.png"))
        Image.fromarray(picture(options.side)).save(photo)
        places = [Path(folder, "downloads", str(number)) for number in range(options.clients)]  # equal files have equal names
        clients = [Client(url, verbose=False, download_files=place) for place in places]
        os.nice(options.nice)
        ask(clients[0], photo)
        first, _ = at_once(clients, photo)
        answered = sum(answer.kind == "answered" for answer in first)
        time.sleep(REST)
        before = megabytes(server)

        def alone() -> tuple[list[Answer], float]:
            start = time.perf_counter()
            return [ask(clients[0], photo) for _ in range(answered)], time.perf_counter() - start

        together: tuple[list[Answer], float] = ([], 0.0)
        single = alone()
        for _ in range(options.rounds):
            more = at_once(clients, photo)
            together = together[0] + more[0], together[1] + more[1]
        more = alone()
        single = single[0] + more[0], single[1] + more[1]
        time.sleep(REST)
        print("| clients | requests | answered | refused | other | answered a second | median, s | 95 %, s |\n|" + " --- |" * 8)
        print(row("1", *single))
        print(row(f"{options.clients} at once", *together))
        speeds = [sum(answer.kind == "answered" for answer in some) / seconds for some, seconds in (single, together)]
        print(f"\nThroughput, of one client's: {speeds[1] / speeds[0]:.0%}. ", end="")
        print(f"Memory of the server: {before:.0f} MB before, {megabytes(server):.0f} MB after.")
        for words in sorted({answer.words for answer in first + together[0] + single[0] if answer.words}):
            print(f'Said: "{words}"')


if __name__ == "__main__":
    main()
