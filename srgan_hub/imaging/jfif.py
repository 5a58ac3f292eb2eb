"""A JPEG file written strip by strip, for pictures that do not fit into memory (ITU-T T.81).

Every strip is encoded by Pillow, as a picture of its own in which each row of blocks begins anew after a restart marker: what
follows the header is then what the same rows are in the whole picture's file, and only the header names the height."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np

from srgan_hub.imaging.convert import to_image
from srgan_hub.imaging.strips import strips

ROWS = 64      # of a strip: 8 rows of blocks, since restart markers are numbered from 0 to 7
MOST = 65500   # pixels a side that libjpeg writes and reads
FRAME, SCAN, END, LAST_RESTART = 0xC0, 0xDA, b"\xff\xd9", b"\xff\xd7"


def write_jpeg(file: BinaryIO, bands: Iterable[np.ndarray], height: int, profile: bytes | None = None, **settings) -> None:
    """Write parts (h, width, 1 or 3) uint8, from top to bottom, of `height` rows in all; profile: ICC.

    settings: Pillow's for JPEG; chroma must not be halved, and the file must be neither progressive nor optimised, since each
    of these looks beyond a strip."""
    for number, strip in enumerate(strips(bands, ROWS)):
        encoded = io.BytesIO()
        to_image(strip).save(encoded, "JPEG", restart_marker_rows=1, icc_profile=profile, **settings)
        header, rows = parted(encoded.getvalue(), height)
        file.write(LAST_RESTART if number else header)
        file.write(rows)
    file.write(END)


def parted(encoded: bytes, height: int) -> tuple[bytes, bytes]:
    """A JPEG file's header, with that height instead of its own, and what is between it and the end."""
    header, place = bytearray(encoded), 2
    while True:
        kind, length = encoded[place + 1], struct.unpack_from(">H", encoded, place + 2)[0]
        if kind == FRAME:
            struct.pack_into(">H", header, place + 5, height)
        place += 2 + length
        if kind == SCAN:
            return bytes(header[:place]), encoded[place : -len(END)]
