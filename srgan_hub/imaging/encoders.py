"""Write JPEG, PNG and TIFF files strip by strip, for images that do not fit into memory.

JPEG (ITU-T T.81): Pillow encodes every strip as an image of its own, in which each row of blocks follows a restart marker. What
follows the header is then identical to the same rows of the whole image's file; only the header holds the height."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np

from srgan_hub.imaging.color import to_image
from srgan_hub.imaging.tiles import strips

JPEG_ROWS = 64      # rows per strip: 8 rows of blocks, because restart markers are numbered from 0 to 7
JPEG_MOST = 65500   # largest side, in pixels, that libjpeg writes and reads
FRAME, SCAN, END, LAST_RESTART = 0xC0, 0xDA, b"\xff\xd9", b"\xff\xd7"


def write_jpeg(file: BinaryIO, bands: Iterable[np.ndarray], height: int, profile: bytes | None = None, **settings) -> None:
    """Write parts (h, width, 1 or 3) uint8, from top to bottom, with `height` rows in total; profile: ICC.

    settings: Pillow's JPEG options. Chroma must not be halved, and the file must be neither progressive nor optimized, because
    each of these looks beyond a strip."""
    for number, strip in enumerate(strips(bands, JPEG_ROWS)):
        encoded = io.BytesIO()
        to_image(strip).save(encoded, "JPEG", restart_marker_rows=1, icc_profile=profile, **settings)
        header, rows = parted(encoded.getvalue(), height)
        file.write(LAST_RESTART if number else header)
        file.write(rows)
    file.write(END)


def parted(encoded: bytes, height: int) -> tuple[bytes, bytes]:
    """A JPEG file's header, with `height` in place of its own, and everything between the header and the end marker."""
    header, place = bytearray(encoded), 2
    while True:
        kind, length = encoded[place + 1], struct.unpack_from(">H", encoded, place + 2)[0]
        if kind == FRAME:
            struct.pack_into(">H", header, place + 5, height)
        place += 2 + length
        if kind == SCAN:
            return bytes(header[:place]), encoded[place : -len(END)]


# PNG, row by row (W3C PNG specification, third edition).
#
# Pillow encodes whole images only; the wheels of libvips cannot read a stream of rows; pypng writes neither filters nor profiles.
# Here zlib does the work.


COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by number of channels: L, LA, RGB, RGBA
PNG_LEVEL = 4                                # zlib level: files are 1 to 3% larger than at the default, 6, in a third of the time
PNG_ROWS = 32                                # rows filtered at a time
SAMPLE = 100                             # rows from which the zlib strategy is chosen
WORSE = 1.15                             # runs alone are not used if they take this many times as many bytes
PAETH = 4                                # filter of all rows: the best for nearly all rows of an enlarged photo


def write_png(
    file: BinaryIO, bands: Iterable[np.ndarray], width: int, height: int, channels: int,
    profile: bytes | None = None, dtype: type = np.uint8,
) -> None:  # fmt: skip
    """Write parts (h, width, channels), uint8 or uint16, from top to bottom, with `height` rows in total; profile: ICC."""

    def chunk(kind: bytes, content: bytes) -> None:
        file.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content)))

    size = np.dtype(dtype).itemsize
    file.write(b"\x89PNG\r\n\x1a\n")
    chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8 * size, COLOR_TYPES[channels], 0, 0, 0))
    if profile:
        chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))
    packer, above = None, np.zeros((1, width * channels * size), np.uint8)
    for band in bands:
        band = np.ascontiguousarray(band, np.dtype(dtype).newbyteorder(">")).view(np.uint8)  # (h, width, bytes of a pixel)
        packer = packer or zlib.compressobj(PNG_LEVEL, strategy=strategy(band))
        for first in range(0, len(band), PNG_ROWS):
            rows = band[first : first + PNG_ROWS].reshape(-1, above.size)
            if packed := packer.compress(filtered(rows, above, channels * size).tobytes()):
                chunk(b"IDAT", packed)
            above = rows[-1:].copy()
    chunk(b"IDAT", packer.flush())
    chunk(b"IEND", b"")


def strategy(pixels: np.ndarray) -> int:
    """The zlib strategy for an image like this one, (h, width, bytes of a pixel) uint8.

    In a photo, bytes that repeat are adjacent, and searching only for such runs takes less than half the time. Halftones,
    patterns and text would take many more bytes that way."""
    rows = pixels[:: max(1, len(pixels) // SAMPLE)].reshape(-1, pixels[0].size)
    sample = filtered(rows, np.zeros_like(rows[:1]), pixels.shape[2]).tobytes()

    def size(way: int) -> int:
        packer = zlib.compressobj(PNG_LEVEL, strategy=way)
        return len(packer.compress(sample)) + len(packer.flush())

    return zlib.Z_RLE if size(zlib.Z_RLE) < WORSE * size(zlib.Z_DEFAULT_STRATEGY) else zlib.Z_DEFAULT_STRATEGY


def filtered(rows: np.ndarray, above: np.ndarray, pixel: int) -> np.ndarray:
    """(h, bytes), and the row above, (1, bytes) -> (h, 1 + bytes): each row minus its prediction, after the filter's number.

    pixel: bytes of a pixel."""
    up = np.concatenate([above, rows[:-1]])
    left, corner = (np.pad(x, ((0, 0), (pixel, 0)))[:, : x.shape[1]] for x in (rows, up))
    number = np.full((len(rows), 1), PAETH, np.uint8)
    return np.concatenate([number, rows - paeth(left, up, corner)], axis=1)  # modulo 256


def paeth(left: np.ndarray, up: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Of three neighbors, the one nearest to left + up - corner; ties go to the first of left, up, corner."""
    a, b, c = (x.astype(np.int16) for x in (left, up, corner))
    to_left, to_up, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))


# TIFF, in strips.


TIFF_ROWS = 64             # rows per strip
TIFF_LEVEL = 4             # zlib level
CLASSIC = 4 * 10**9   # bytes that a file with 32-bit offsets can hold; a file that may be larger becomes a BigTIFF


def write_tiff(
    file: BinaryIO, bands: Iterable[np.ndarray], width: int, height: int, channels: int,
    profile: bytes | None = None, dtype: type = np.uint8,
) -> None:  # fmt: skip
    """Write parts (h, width, channels), uint8 or uint16, from top to bottom, as L, LA, RGB or RGBA; deflated; profile: ICC."""
    import tifffile  # imported late: images are rarely TIFF

    shape = (height, width, channels) if channels > 1 else (height, width)
    size = height * width * channels * np.dtype(dtype).itemsize
    with tifffile.TiffWriter(file, bigtiff=size > CLASSIC) as writer:
        writer.write(
            map(deflated, strips(bands, TIFF_ROWS)),
            shape=shape,
            dtype=dtype,
            rowsperstrip=TIFF_ROWS,
            photometric="rgb" if channels > 2 else "minisblack",
            planarconfig="contig" if channels > 1 else None,
            extrasamples=["unassalpha"] if channels in (2, 4) else None,
            compression="zlib",
            predictor=True,
            iccprofile=profile,
            metadata=None,
        )


def deflated(strip: np.ndarray) -> bytes:
    """Each pixel minus its left neighbor, deflated: tifffile takes a stream of strips only as bytes."""
    difference = strip.copy()
    difference[:, 1:] -= strip[:, :-1]
    return zlib.compress(difference.tobytes(), TIFF_LEVEL)
