"""A perceptual hash of a photograph, and whether it is a benchmark image: nobody should train on what he measures on."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from srgan_hub.imaging.color import luma

MANIFEST = Path(__file__).with_name("benchmark_images.csv")  # made by benchmarks/manifest.py
SIDE, FREQUENCIES = 32, 8                                    # pixels of the shrunk picture, frequencies each way
BITS = FREQUENCIES**2 - 1
SAME = 6  # bits; benchmark images as JPEG 30, cut by 3 pixels or at a quarter differ in 5 at most, photographs in 11 at least
COSINES = np.cos(np.pi * (np.arange(SIDE) + 0.5) * np.arange(FREQUENCIES)[:, None] / SIDE)
ODD = sum(1 << bit for bit in range(BITS) if (bit + 1) % FREQUENCIES % 2)  # signs that turn when a picture is mirrored


def perceptual_hash(image: np.ndarray) -> int:
    """(H, W, 3) uint8 -> 63 bits: the signs of the picture's lowest frequencies but the mean."""
    small = luma(np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BOX)))
    signs = (COSINES @ small @ COSINES.T).ravel()[1:] > 1e-6  # a flat picture has rounding errors
    return sum(1 << bit for bit in np.flatnonzero(signs).tolist())


def distance(one: int, other: int) -> int:
    """How many bits differ, mirrored or not, whichever is less."""
    return min((one ^ other).bit_count(), (one ^ other ^ ODD).bit_count())


def benchmark_image(hashed: int) -> str | None:
    """"Set5 woman" for the hash of a picture that shows it, None for one that is in none of the benchmark sets."""
    return next((name for name, known in known_hashes().items() if distance(hashed, known) <= SAME), None)


@cache
def known_hashes() -> dict[str, int]:
    with MANIFEST.open(newline="") as file:
        return {f"{row['set']} {row['image']}": int(row["phash"], 16) for row in csv.DictReader(file) if row["phash"]}
