"""Write JPEG, PNG and TIFF files strip by strip, for images that do not fit into memory, and compute what JPEG does to an image.

JPEG (ITU-T T.81): Pillow encodes every strip as an image of its own, in which each row of blocks follows a restart marker. What
follows the header is then identical to the same rows of the whole image's file; only the header holds the height."""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

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


# The effect of saving as JPEG, computed on tensors: baseline JPEG (ITU-T T.81) in JFIF colors.
#
# It follows libjpeg's choices, so the result is almost identical to Pillow's: the scaling of the quantization tables, the
# averaging of 2x2 chroma pixels, the "fancy" (triangle) upsampling and its rounding, without which colors shift by up to 0.7
# levels. Entropy coding is lossless, so it is left out.


# T.81, tables K.1 (luma) and K.2 (chroma): the quantization tables of quality 50
LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *[(99,) * 8] * 4,
)
# JFIF 1.02: full-range BT.601; rows Y, Cb, Cr
TO_YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
TO_RGB = ((1, 0, 1.402), (1, -0.344136, -0.714136), (1, 1.772, 0))
BLOCK = 8      # side, in pixels, of the square that is transformed
MCU = 16       # side, in pixels, of the square that holds whole blocks of halved chroma
MIDDLE = 128   # subtracted from Y; the zero of Cb and Cr

# How libjpeg rounds: it adds one of these, then rounds down. Halves are frequent, so the rule for them is visible.
HALF = 0.5001                 # rounds halves up (coefficients: away from 0); 0.5 plus the error of float32
MEAN_OF_4 = (1 / 4, 2 / 4)    # for even and odd columns, when chroma is halved
TRIANGLE = (8 / 16, 7 / 16)   # for even and odd columns, when chroma is doubled


def jpeg(images: Tensor, quality: Tensor, *, halve_chroma: bool = True) -> Tensor:
    """`images` after saving them as JPEG and opening them again.

    images: (N, 3, H, W) RGB, uint8 or float in [0, 255]; rounded to whole levels first. quality: (N,), 1 to 100, on
    libjpeg's scale. halve_chroma: 4:2:0 if true, else 4:4:4. Returns float32 (N, 3, H, W), whole levels in [0, 255].
    """
    if images.ndim != 4 or images.shape[1] != 3 or quality.shape != images.shape[:1]:
        raise ValueError(f"jpeg takes (N, 3, H, W) and N qualities, got {tuple(images.shape)} and {tuple(quality.shape)}")
    height, width = images.shape[-2:]
    rgb = images.float().round().clamp(0, 255)
    ycbcr = _mix(rgb, TO_YCBCR).round()                                         # (N, 3, H, W), Cb and Cr around 0
    ycbcr = F.pad(ycbcr, (0, -width % MCU, 0, -height % MCU), mode="replicate")
    luma, chroma = ycbcr[:, :1] - MIDDLE, ycbcr[:, 1:]
    if halve_chroma:
        chroma = _round_in_turn(F.avg_pool2d(chroma, 2), MEAN_OF_4)             # (N, 2, H/2, W/2)
    luma, chroma = _quantize(luma, LUMA, quality), _quantize(chroma, CHROMA, quality)
    if halve_chroma:                                                            # 3/4 of the nearer value, 1/4 of the farther
        chroma = chroma[..., : (height + 1) // 2, : (width + 1) // 2]
        chroma = _round_in_turn(F.interpolate(chroma, scale_factor=2, mode="bilinear"), TRIANGLE)
    ycbcr = torch.cat([luma[..., :height, :width] + MIDDLE, chroma[..., :height, :width]], 1)
    return _mix(ycbcr, TO_RGB).round().clamp(0, 255)


def quantization_table(base: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """The step sizes of the 8x8 coefficients, (N, 8, 8) whole numbers in [1, 255], for qualities (N,); scaled as in libjpeg."""
    quality = quality.float().clamp(1, 100)
    percent = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality)
    table = torch.tensor(base, dtype=torch.float32, device=quality.device)
    return ((table * percent[:, None, None] + 50) / 100).floor().clamp(1, 255)


def _mix(planes: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """Multiply each pixel's three values by a 3x3 matrix."""
    return (torch.tensor(matrix, dtype=torch.float32, device=planes.device) @ planes.flatten(2)).view_as(planes)


def _round_in_turn(planes: Tensor, added: tuple[float, float]) -> Tensor:
    """Round planes of even width to whole levels; even columns use the first of `added`, odd columns the second."""
    return (planes + torch.tensor(added, device=planes.device).repeat(planes.shape[-1] // 2)).floor()


def _quantize(planes: Tensor, base: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """(N, C, H, W) around 0 -> the same, with coefficients rounded to their steps, then levels rounded in -128..127."""
    count, channels, height, width = planes.shape
    blocks = F.pixel_unshuffle(planes, BLOCK).view(count, channels, BLOCK * BLOCK, -1)  # a block's 64 pixels form a column
    transform = _cosines(planes.device)
    step = quantization_table(base, quality).view(count, 1, BLOCK * BLOCK, 1)
    coefficients = transform @ blocks / step
    coefficients = (coefficients.abs() + HALF).floor().copysign(coefficients) * step
    blocks = (transform.T @ coefficients + HALF).floor().clamp(-MIDDLE, MIDDLE - 1)
    return F.pixel_shuffle(blocks.view(count, -1, height // BLOCK, width // BLOCK), BLOCK)


def _cosines(device: torch.device) -> Tensor:
    """(64, 64): the orthonormal 8x8 cosine transform (DCT-II) of a block written as a column."""
    k = torch.arange(BLOCK, dtype=torch.float64)
    row = (math.pi / BLOCK * (k + 0.5) * k[:, None]).cos() * math.sqrt(2 / BLOCK)  # (frequency, pixel)
    row[0] /= math.sqrt(2)
    return torch.kron(row, row).float().to(device)


# PNG, row by row (W3C PNG specification, third edition).
#
# Pillow encodes whole images only; the wheels of libvips cannot read a stream of rows; pypng writes neither filters nor profiles.
# Here zlib does the work.


COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by number of channels: L, LA, RGB, RGBA
PNG_LEVEL = 4                                # zlib level: files are 1 to 3% larger than at the default, 6, in a third of the time
PNG_ROWS = 32                                # rows filtered at a time
SAMPLES = 6                              # blocks of half as many rows, from which the zlib strategy is chosen
WORSE = 1.15                             # runs alone are not used if they take this many times as many bytes
PAETH = 4                                # filter of all rows: the best for nearly all rows of an enlarged photo


def write_png(
    file: BinaryIO, bands: Iterable[np.ndarray], width: int, height: int, channels: int, profile: bytes | None = None
) -> None:
    """Write parts (h, width, channels) of an image, from top to bottom, as a PNG.

    Each part is compressed while the next is computed; at most two are in memory. Otherwise as PNGWriter."""
    writer, packing = None, []
    pool = ThreadPoolExecutor(1)
    try:
        for band in bands:
            writer = writer or PNGWriter(file, width, height, channels, profile, strategy(band))
            for part in packing:
                part.result()
            packing = [pool.submit(writer.write, band[row : row + PNG_ROWS]) for row in range(0, len(band), PNG_ROWS)]
        for part in packing:
            part.result()
        writer.finish()
    finally:  # a caller that stops waits for a few rows at most
        pool.shutdown(cancel_futures=True)


class PNGWriter:
    """`write(rows)` takes (h, width, channels) uint8 from top to bottom; `finish()` ends the file.

    file: open for writing bytes; profile: ICC; way: zlib strategy. Raises ValueError for rows of another width, and for too
    many or too few rows."""

    def __init__(
        self, file: BinaryIO, width: int, height: int, channels: int, profile: bytes | None = None, way: int = zlib.Z_RLE
    ):
        self.file, self.shape, self.left = file, (width, channels), height
        self.above = np.zeros((1, width * channels), np.uint8)
        self.packer = zlib.compressobj(PNG_LEVEL, strategy=way)
        file.write(b"\x89PNG\r\n\x1a\n")
        self._chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, COLOR_TYPES[channels], 0, 0, 0))
        if profile:
            self._chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))

    def write(self, rows: np.ndarray) -> None:
        if rows.shape[1:] != self.shape or len(rows) > self.left:
            raise ValueError(f"expected at most {self.left} rows of {self.shape}, got {rows.shape}")
        self.left -= len(rows)
        for first in range(0, len(rows), PNG_ROWS):
            part = rows[first : first + PNG_ROWS]
            if packed_size := self.packer.compress(self._filtered(part.reshape(len(part), -1)).tobytes()):
                self._chunk(b"IDAT", packed_size)

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
    """The zlib strategy for an image like this one, (h, width, channels) uint8.

    In a photo, bytes that repeat are adjacent, and searching only for such runs takes less than half the time. Halftones,
    patterns and text would take many more bytes that way."""
    rows = pixels.reshape(len(pixels), -1)
    half = PNG_ROWS // 2
    some = [rows[first : first + half] for first in np.linspace(0, max(len(rows) - half, 0), SAMPLES, dtype=int)]
    sample = b"".join(filtered(part, np.zeros_like(part[:1]), pixels.shape[2]).tobytes() for part in some)
    by_runs, searched = (packed_size(sample, way) for way in (zlib.Z_RLE, zlib.Z_DEFAULT_STRATEGY))
    return zlib.Z_RLE if by_runs < WORSE * searched else zlib.Z_DEFAULT_STRATEGY


def packed_size(content: bytes, way: int) -> int:
    packer = zlib.compressobj(PNG_LEVEL, strategy=way)
    return len(packer.compress(content)) + len(packer.flush())


def filtered(rows: np.ndarray, above: np.ndarray, channels: int) -> np.ndarray:
    """(h, bytes), and the row above, (1, bytes) -> (h, 1 + bytes): each row minus its prediction, after the filter's number."""
    up = np.concatenate([above, rows[:-1]])
    left, corner = (np.pad(x, ((0, 0), (channels, 0)))[:, : x.shape[1]] for x in (rows, up))
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
    """Write parts (h, width, channels), from top to bottom, as L, LA, RGB or RGBA, or gray uint16 or float32; deflated.

    profile: ICC."""
    import tifffile  # imported late: images are rarely TIFF

    shape = (height, width, channels) if channels > 1 else (height, width)
    whole_numbers = np.issubdtype(dtype, np.integer)
    size = height * width * channels * np.dtype(dtype).itemsize
    with tifffile.TiffWriter(file, bigtiff=size > CLASSIC) as writer:
        writer.write(
            map(with_predictor if whole_numbers else deflated, strips(bands, TIFF_ROWS)),
            shape=shape,
            dtype=dtype,
            rowsperstrip=TIFF_ROWS,
            photometric="rgb" if channels > 2 else "minisblack",
            planarconfig="contig" if channels > 1 else None,
            extrasamples=["unassalpha"] if channels in (2, 4) else None,
            compression="zlib",
            predictor=whole_numbers,
            iccprofile=profile,
            metadata=None,
        )


def with_predictor(strip: np.ndarray) -> bytes:
    """Each pixel minus its left neighbor, deflated."""
    difference = strip.copy()
    difference[:, 1:] -= strip[:, :-1]
    return deflated(difference)


def deflated(strip: np.ndarray) -> bytes:
    """The deflated bytes: tifffile takes a stream of strips only as bytes."""
    return zlib.compress(strip.tobytes(), TIFF_LEVEL)
