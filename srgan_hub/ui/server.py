"""The server around the page. Photos given by address: fetched up to the size limit of uploads, within a time limit.

Gradio refuses addresses in its own network, but otherwise fetches anything into memory, however long it takes."""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from pathlib import Path
from threading import Thread

from gradio import processing_utils
from gradio.utils import get_upload_folder
from starlette.responses import JSONResponse

from srgan_hub.ui.models import Limits

httpx, safehttpx = processing_utils.httpx, processing_utils.sh  # whichever gradio uses

SECONDS = 30  # from the response's headers to its end


class Bounded(httpx.AsyncBaseTransport):
    """Like gradio's own transport, only to public addresses; most: the bytes that a response may have."""

    def __init__(self, most: int):
        self.most = most

    async def handle_async_request(self, request):
        request.headers["Accept-Encoding"] = "identity"  # compressed bytes do not tell how many they will be
        public = await safehttpx.async_validate_url(request.url.host)
        response = await safehttpx.AsyncSecureTransport(public).handle_async_request(request)
        body, start = bytearray(), time.monotonic()
        async with aclosing(response):
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise ValueError("the response is compressed")
            async for chunk in response.stream:
                body += chunk
                if len(body) > self.most or time.monotonic() - start > SECONDS:
                    raise ValueError(f"the response exceeds {self.most} bytes or {SECONDS} seconds")
        return httpx.Response(response.status_code, headers=response.headers, content=bytes(body))


logger = logging.getLogger(__name__)

API = "/gradio_api/"
# Routes that only other pages use: they fetch from elsewhere, write to the disk, print keys, or run what needs no queue.
SHUT = tuple(API + name for name in (
    "api/", "component_server", "custom_component", "deep_link", "dev/", "file/", "process_recording", "profiling", "proxy=",
    "run-history", "stream/", "vibe-",
)) + ("/monitoring",)  # fmt: skip
JSON = 256_000      # bytes of a request that is not an upload; the page's own have a few thousand
ROOM = 500_000_000  # bytes of the disk that uploads must leave free for results and ratings
STUMBLED = "This request is not valid: neither the page nor its clients send requests like it."


class TooLarge(Exception):
    """The request has more bytes than it may have."""


class Guard:
    """ASGI middleware around gradio's routes, which accept more than this page needs; home: the folder for uploads.

    Unused routes are closed, requests have a maximum size, uploads leave some of the disk free, and a request that would crash
    Gradio is refused with a sentence; otherwise Gradio would answer 500 and fill the log with a traceback."""

    def __init__(self, app, limits: Limits, home: Path):
        self.app, self.home = app, home
        file = round(1e6 * limits.file_megabytes)
        # What one request may hold: an upload, all files of a future zip; a tool's call, one file as a data URL in base64.
        self.largest = {API + "upload": limits.files * file + JSON, API + "mcp": file * 4 // 3 + JSON}

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path, started = scope["path"], False
        largest = next((most for start, most in self.largest.items() if path.startswith(start)), JSON)
        left = largest

        async def received():
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise TooLarge
            return message

        async def sent(message):
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if message["status"] == 500 and path.startswith(API + "run/"):  # gradio's answer to every mistake there
                    message["status"] = 400
            await send(message)

        try:
            if path.startswith(SHUT) or (path.startswith(API + "file=") and "://" in path):
                await refuse(send, 404, "There is no such route here.")
            elif int(dict(scope["headers"]).get(b"content-length", 0)) > largest:
                raise TooLarge
            elif path.startswith(API + "upload") and scope["method"] == "POST" and shutil.disk_usage(self.home).free < ROOM:
                await refuse(send, 507, "There is no room left for uploads. Please try again in an hour.")
            else:
                await self.app(scope, received, sent)
        except Exception as error:
            if started:
                raise
            if isinstance(error, TooLarge):
                await refuse(send, 413, f"A request may have at most {largest / 1e6:.1f} MB here.")
            else:
                logger.warning("refused %s %.100r: %s", scope["method"], path, type(error).__name__)
                await refuse(send, 400, STUMBLED)


async def refuse(send, status: int, sentence: str) -> None:
    await JSONResponse({"detail": sentence}, status)({"type": "http"}, None, send)


M_ARENA_MAX = -8  # from glibc's malloc.h


def one_heap() -> None:
    """One heap for all threads created from now on. Does nothing if the C library is not glibc.

    The C library gives every few threads a heap of their own. A request passes through many threads, and their allocations leave
    holes in each heap: without this, the page grew three times as fast (docs/reliability.md)."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


# The page's folders for results; they are deleted when it ends.


VARIABLE = "GRADIO_TEMP_DIR"  # gradio serves what is in this folder, deletes it when it is old, and puts uploads there too


def own_folder() -> Path:
    """A new temporary folder for uploads and results, deleted when the program ends, even by SIGTERM."""
    home = Path(tempfile.mkdtemp(prefix="srgan_hub-", dir=os.environ.get(VARIABLE)))
    os.environ[VARIABLE] = str(home)
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    return home


def fresh_folder() -> Path:
    """A new folder for one result."""
    home = Path(get_upload_folder())
    home.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=home))


def keep_swept(home: Path, kept: float, standing: Callable[[], set[str]]) -> None:
    """While the program runs, delete files that have not changed for `kept` seconds, except the `standing` ones, and folders
    empty for twice as long: every ten minutes, or every `kept` seconds if that is less.

    Gradio deletes the uploads and results that it knows of, but not what a broken connection or a canceled job leaves behind."""

    def run() -> None:
        while True:
            time.sleep(min(600, kept))
            now, stay = time.time(), standing()
            for folder, _, files in os.walk(home, topdown=False):
                for file in (Path(folder, name) for name in files):
                    with suppress(OSError):  # already gone
                        if str(file) not in stay and now - file.lstat().st_ctime > kept:
                            file.unlink()
                with suppress(OSError):  # not empty
                    if Path(folder) != home and now - Path(folder).stat().st_mtime > 2 * kept:
                        Path(folder).rmdir()

    Thread(target=run, daemon=True).start()
