"""Encoded images that are not files on this disk: in a zip, on a web server, on the Hub."""

from __future__ import annotations

import io
import time
from functools import lru_cache
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from zipfile import ZipFile

AHEAD = 4 * 2**20   # bytes requested from a web server at a time: a DIV2K photo
TRIES = 5           # attempts per request, with pauses of 1, 2, 4, ... seconds


def fetch(image: dict | None) -> bytes | str:
    """The bytes of an undecoded image of `datasets`, or its path on this disk. Raises ValueError if it cannot be fetched.

    Its path may also be a URL, or "zip://NAME::PLACE" for a file inside a zip."""
    image = image or {}
    if image.get("bytes") is not None:
        return image["bytes"]
    path = image.get("path") or ""
    if "://" not in path:
        return path or b""  # an empty row counts as damaged
    try:
        name, _, archive = path.removeprefix("zip://").partition("::")
        if archive:
            return _archive(archive).read(name)
        with _opened(path) as file:
            return file.read()
    except Exception as error:  # networks, file systems and archives raise all kinds of errors
        raise ValueError(f"{path} cannot be fetched: {error}") from error


@lru_cache(maxsize=4)
def _archive(place: str) -> ZipFile:
    """A zip that is kept open: its table of contents is read once, then its files one after another."""
    return ZipFile(_opened(place))


def _opened(place: str) -> io.IOBase:
    if place.startswith(("http://", "https://")):
        return io.BufferedReader(WebFile(place), AHEAD)
    import fsspec

    return fsspec.open(place).open()


class WebFile(io.RawIOBase):
    """A file on a web server, read in pieces (HTTP ranges)."""

    def __init__(self, url: str):
        self.url, self.position = url, 0
        self.size = int(self._ask("bytes=0-0")[0].rpartition("/")[2])

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = offset + (0, self.position, self.size)[whence]
        return self.position

    def readinto(self, buffer) -> int:
        end = min(self.position + len(buffer), self.size)
        if end <= self.position:
            return 0
        piece = self._ask(f"bytes={self.position}-{end - 1}")[1]
        buffer[: len(piece)] = piece
        self.position += len(piece)
        return len(piece)

    def _ask(self, piece: str) -> tuple[str, bytes]:
        """The response's Content-Range, such as "bytes 0-99/1234", and these bytes."""
        for left in reversed(range(TRIES)):
            try:
                with urlopen(Request(self.url, headers={"Range": piece}), timeout=60) as answer:
                    if answer.status != 206:
                        raise ValueError("the server only serves whole files")
                    return answer.headers["Content-Range"], answer.read()
            except OSError as error:
                if not left or (isinstance(error, HTTPError) and error.code < 500):
                    raise
                time.sleep(2 ** (TRIES - 1 - left))
