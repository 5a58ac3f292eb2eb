"""Shrink a picture to any size while its rows come, in memory for a few of them: the very bytes of Pillow's bicubic `resize`.

Pillow shrinks the rows, each by itself; the columns are shrunk here, for Pillow wants all their pixels at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from PIL import Image

from srgan_hub.imaging.convert import to_image
from srgan_hub.imaging.resize import cubic
from srgan_hub.imaging.strips import strips

PREMULTIPLIED = {"LA": "La", "RGBA": "RGBa"}
ONE = 2**22  # Pillow's weights are whole numbers, of which so many make 1
ROWS = 64    # taken at a time


def shrunk_rows(bands: Iterable[np.ndarray], source: tuple[int, int], size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Parts (rows, W, C) of a picture, from top to bottom -> such parts of it, shrunk; one of more than 8 bits as one part.

    source, size: (W, H) of the picture and of the result, which is on no side longer. Wide enough that nothing aliases."""
    if size == source:
        yield from bands
        return
    bands = iter(bands)
    start = next(bands)
    bands = itertools.chain([start], bands)
    if start.dtype != np.uint8:
        deep = np.asarray(to_image(np.concatenate(list(bands))).resize(size, Image.Resampling.BICUBIC))
        yield (deep.clip(0, 1) if deep.dtype == np.float32 else deep)[..., None]  # floats may leave black and white behind
        return
    (width, height), (_, before) = size, source
    first, last, weights = windows(before, height)
    held, top, done = None, 0, 0  # rows that are needed still, the number of their first
    for band in strips(bands, ROWS):
        narrow = _narrowed(band, width)
        held = narrow if held is None else np.concatenate([held, narrow])
        ready = int(np.searchsorted(last, top + len(held), side="right"))
        if ready == done:
            continue
        rows = np.empty((ready - done, *held.shape[1:]), np.uint8)
        for row in range(done, ready):
            window = held[first[row] - top : last[row] - top].astype(np.float64)  # which holds every sum exactly
            total = np.tensordot(weights[row, : len(window)], window, 1)
            rows[row - done] = np.floor(total / ONE + 0.5).clip(0, 255)
        yield _straight(rows)
        done = ready
        if done < height:
            held, top = held[first[done] - top :].copy(), first[done]


def windows(length: int, shrunk: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which pixels of `length` make each of `shrunk`: from where (shrunk,), up to where, and their weights (shrunk, most)."""
    scale = length / shrunk
    centre = (np.arange(shrunk) + 0.5) * scale
    first = (centre - 2 * scale + 0.5).astype(int).clip(0)
    last = (centre + 2 * scale + 0.5).astype(int).clip(max=length)
    places = first[:, None] + np.arange((last - first).max())
    weights = cubic(torch.from_numpy((places + 0.5 - centre[:, None]) / scale)).numpy() * (places < last[:, None])
    weights *= ONE / weights.sum(1, keepdims=True)
    return first, last, np.trunc(weights + np.copysign(0.5, weights))


def _narrowed(band: np.ndarray, width: int) -> np.ndarray:
    """(rows, W, C) -> (rows, width, C), colours premultiplied: what is hidden has no part in what is seen."""
    image = to_image(band)
    image = image.convert(PREMULTIPLIED.get(image.mode, image.mode))
    return np.asarray(image.resize((width, len(band)), Image.Resampling.BICUBIC)).reshape(len(band), width, -1)


def _straight(rows: np.ndarray) -> np.ndarray:
    """Premultiplied colours as they are."""
    for mode, premultiplied in PREMULTIPLIED.items():
        if len(mode) == rows.shape[2]:
            return np.asarray(Image.frombytes(premultiplied, rows.shape[1::-1], rows.tobytes()).convert(mode))
    return rows
