"""A PNG file written row by row, for pictures that do not fit into memory (W3C PNG specification, third edition).

Pillow encodes whole pictures only; libvips as its wheels are built reads no stream of rows; pypng writes neither filters nor
profiles. zlib does the work here."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import numpy as np

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels: L, LA, RGB, RGBA
LEVEL = 4                                # of zlib: files 1 to 3% larger than with its usual 6, in a third of the time
ROWS = 32                                # filtered at a time
SAMPLES = 6                              # blocks of half as many rows by which the packing is chosen
WORSE = 1.15                             # times as many bytes are too many
PAETH = 4                                # the filter, of all rows: best for nearly all of an enlarged photograph's
MOST = 2**31 - 1                         # pixels a side that the format holds


def write_png(
    file: BinaryIO, bands: Iterable[np.ndarray], width: int, height: int, channels: int, profile: bytes | None = None
) -> None:
    """Parts (h, width, channels) of a picture, from top to bottom -> a PNG; one is packed while the next is computed.

    As PNGWriter otherwise; at most two parts are in memory."""
    writer, packing = None, []
    pool = ThreadPoolExecutor(1)
    try:
        for band in bands:
            writer = writer or PNGWriter(file, width, height, channels, profile, strategy(band))
            for part in packing:
                part.result()
            packing = [pool.submit(writer.write, band[row : row + ROWS]) for row in range(0, len(band), ROWS)]
        for part in packing:
            part.result()
        writer.finish()
    finally:  # who stops waits for a few rows at most
        pool.shutdown(cancel_futures=True)


class PNGWriter:
    """`write(rows)` takes (h, width, channels) uint8 from top to bottom, `finish()` ends the file.

    file: open for writing bytes; profile: ICC; way: zlib's strategy. Raises ValueError for rows of another width, too many or
    too few."""

    def __init__(
        self, file: BinaryIO, width: int, height: int, channels: int, profile: bytes | None = None, way: int = zlib.Z_RLE
    ):
        self.file, self.shape, self.left = file, (width, channels), height
        self.above = np.zeros((1, width * channels), np.uint8)
        self.packer = zlib.compressobj(LEVEL, strategy=way)
        file.write(b"\x89PNG\r\n\x1a\n")
        self._chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0))
        if profile:
            self._chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))

    def write(self, rows: np.ndarray) -> None:
        if rows.shape[1:] != self.shape or len(rows) > self.left:
            raise ValueError(f"wanted at most {self.left} rows of {self.shape}, got {rows.shape}")
        self.left -= len(rows)
        for first in range(0, len(rows), ROWS):
            part = rows[first : first + ROWS]
            if packed := self.packer.compress(self._filtered(part.reshape(len(part), -1)).tobytes()):
                self._chunk(b"IDAT", packed)

    def finish(self) -> None:
        if self.left:
            raise ValueError(f"{self.left} rows are missing")
        self._chunk(b"IDAT", self.packer.flush())
        self._chunk(b"IEND", b"")

    def _chunk(self, kind: bytes, content: bytes) -> None:
        self.file.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content)))

    def _filtered(self, rows: np.ndarray) -> np.ndarray:
        result = filtered(rows, self.above, self.shape[1])
        self.above = rows[-1:].copy()
        return result


def strategy(pixels: np.ndarray) -> int:
    """zlib's, for a picture such as (h, width, channels) uint8.

    What repeats in a photograph stands side by side, and to look for no more takes less than half the time; halftones, patterns
    and letters would have many more bytes that way."""
    rows = pixels.reshape(len(pixels), -1)
    some = [rows[first : first + ROWS // 2] for first in np.linspace(0, max(len(rows) - ROWS // 2, 0), SAMPLES, dtype=int)]
    sample = b"".join(filtered(part, np.zeros_like(part[:1]), pixels.shape[2]).tobytes() for part in some)
    by_runs, searched = (packed(sample, way) for way in (zlib.Z_RLE, zlib.Z_DEFAULT_STRATEGY))
    return zlib.Z_RLE if by_runs < WORSE * searched else zlib.Z_DEFAULT_STRATEGY


def packed(content: bytes, way: int) -> int:
    packer = zlib.compressobj(LEVEL, strategy=way)
    return len(packer.compress(content)) + len(packer.flush())


def filtered(rows: np.ndarray, above: np.ndarray, channels: int) -> np.ndarray:
    """(h, bytes), below (1, bytes) -> (h, 1 + bytes): each row less what it is predicted from, behind the filter's number."""
    up = np.concatenate([above, rows[:-1]])
    left, corner = (np.pad(x, ((0, 0), (channels, 0)))[:, : x.shape[1]] for x in (rows, up))
    number = np.full((len(rows), 1), PAETH, np.uint8)
    return np.concatenate([number, rows - paeth(left, up, corner)], axis=1)  # modulo 256


def paeth(left: np.ndarray, up: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Of three neighbours, the one nearest to left + up - corner; in doubt the first in this order."""
    a, b, c = (x.astype(np.int16) for x in (left, up, corner))
    to_left, to_up, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))
