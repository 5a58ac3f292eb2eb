"""A TIFF file written in strips, for pictures that do not fit into memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np

from srgan_hub.imaging.strips import strips

ROWS = 64             # of a strip
LEVEL = 4             # of zlib
CLASSIC = 4 * 10**9   # bytes that a file with 32-bit offsets holds; what may be larger is a BigTIFF


def write_tiff(
    file: BinaryIO, bands: Iterable[np.ndarray], width: int, height: int, channels: int,
    profile: bytes | None = None, dtype: type = np.uint8,
) -> None:  # fmt: skip
    """Write parts (h, width, channels), from top to bottom, as L, LA, RGB or RGBA, or grey uint16 or float32; deflated.

    profile: ICC."""
    import tifffile  # late: pictures are rarely TIFF

    shape = (height, width, channels) if channels > 1 else (height, width)
    whole_numbers = np.issubdtype(dtype, np.integer)
    size = height * width * channels * np.dtype(dtype).itemsize
    with tifffile.TiffWriter(file, bigtiff=size > CLASSIC) as writer:
        writer.write(
            map(packed if whole_numbers else deflated, strips(bands, ROWS)),
            shape=shape,
            dtype=dtype,
            rowsperstrip=ROWS,
            photometric="rgb" if channels > 2 else "minisblack",
            planarconfig="contig" if channels > 1 else None,
            extrasamples=["unassalpha"] if channels in (2, 4) else None,
            compression="zlib",
            predictor=whole_numbers,
            iccprofile=profile,
            metadata=None,
        )


def packed(strip: np.ndarray) -> bytes:
    """Each pixel less its left neighbour, deflated."""
    difference = strip.copy()
    difference[:, 1:] -= strip[:, :-1]
    return deflated(difference)


def deflated(strip: np.ndarray) -> bytes:
    """tifffile takes a stream of strips as bytes only."""
    return zlib.compress(strip.tobytes(), LEVEL)
