"""The effect of saving as JPEG, computed on tensors: baseline JPEG (ITU-T T.81) in JFIF colors.

It follows libjpeg's choices, so the result is almost identical to Pillow's: the scaling of the quantization tables, the
averaging of 2x2 chroma pixels, the "fancy" (triangle) upsampling and its rounding, without which colors shift by up to 0.7
levels. Entropy coding is lossless, so it is left out."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

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
