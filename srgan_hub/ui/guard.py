"""What stands before gradio's own routes, which answer more than this page asks of them.

Routes that no part of the page uses are shut, a request has a largest size, uploads leave some of the disk free, and a request
that gradio stumbles over is refused in a sentence, where it would answer 500 and fill the log with a traceback."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

from srgan_hub.ui.limits import Limits

logger = logging.getLogger(__name__)

API = "/gradio_api/"
# Of other pages: they fetch from elsewhere, write to the disk, print keys, or run what needs no queue.
SHUT = tuple(API + name for name in (
    "api/", "component_server", "custom_component", "deep_link", "dev/", "file/", "process_recording", "profiling", "proxy=",
    "run-history", "stream/", "vibe-",
)) + ("/monitoring",)  # fmt: skip
JSON = 256_000      # bytes of a request that is no upload: what the page sends has a few thousand
ROOM = 500_000_000  # bytes of the disk that uploads leave free, for results and ratings
STUMBLED = "This request cannot be answered: neither the page nor its clients send such a one."


class TooLarge(Exception):
    """More bytes came than a request may have."""


class Guard:
    """ASGI middleware around gradio's routes; home: the folder where uploads go."""

    def __init__(self, app, limits: Limits, home: Path):
        self.app, self.home = app, home
        file = round(1e6 * limits.file_megabytes)
        # What may come in one request: all files of a zip to be; the one of a tool's call, as a data URL in base64.
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
                if message["status"] == 500 and path.startswith(API + "run/"):  # so gradio answers every mistake there
                    message["status"] = 400
            await send(message)

        try:
            if path.startswith(SHUT) or (path.startswith(API + "file=") and "://" in path):
                await refuse(send, 404, "There is no such route here.")
            elif announced(scope) > largest:
                raise TooLarge
            elif path.startswith(API + "upload") and scope["method"] == "POST" and shutil.disk_usage(self.home).free < ROOM:
                await refuse(send, 507, "There is no room left for uploads. Please try again in an hour.")
            else:
                await self.app(scope, received, sent)
        except Exception as error:
            if started:
                raise
            if isinstance(error, TooLarge):
                await refuse(send, 413, f"A request may have {largest / 1e6:.1f} MB here.")
            else:
                logger.warning("refused %s %.100r: %s", scope["method"], path, type(error).__name__)
                await refuse(send, 400, STUMBLED)


def announced(scope) -> int:
    """Bytes of the body as the request's head says; 0 where it does not."""
    text = dict(scope["headers"]).get(b"content-length", b"0")
    return int(text) if text.isdigit() else 0


async def refuse(send, status: int, sentence: str) -> None:
    body = json.dumps({"detail": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
