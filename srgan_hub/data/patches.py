"""Random crops for training, sliced from decoded photographs: batch k of a run is a pure function of (seed, k).

Nothing here has a state, so a run resumes exactly by continuing to count."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from srgan_hub.data.cache import MARGIN, PhotoCache

logger = logging.getLogger(__name__)


class Patches:
    """`batch(k)` is (N, 3, crop + 2 margin, crop + 2 margin) uint8 RGB, channels last: random crops with surroundings, turned.

    The surroundings let the crop be shrunk as its photograph would be, at whichever of the scale's phases it lies: LR
    pixels never fall alike on JPEG's 8x8 blocks, which would be a grid to learn.

    photos: numbers of the photographs to crop; those smaller than a crop are left out with one counted warning. margin: at
    most MARGIN. rank, world: this process and how many there are; batch k of all of them together is what one process with
    a `world` times larger batch would have. device: where the pixels lie (all are copied there) and the batches are made.
    Raises ValueError when no photograph is large enough.
    """

    def __init__(
        self,
        cache: PhotoCache,
        photos: Sequence[int],
        *,
        crop: int,
        margin: int,
        batch_size: int,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        device: torch.device | str = "cpu",
    ):
        if not 0 <= margin <= MARGIN:
            raise ValueError(f"margin must be from 0 to {MARGIN}, got {margin}")
        self.cache, self.crop, self.margin = cache, crop, margin
        self.batch_size, self.seed, self.rank, self.world = batch_size, seed, rank, world
        self.photos = [i for i in photos if min(cache.sizes[i]) >= crop]
        too_small = len(photos) - len(self.photos)
        if too_small:
            logger.warning("left out %d images smaller than a %dx%d crop", too_small, crop, crop)
        if not self.photos:
            raise ValueError(f"no image is as large as a {crop}x{crop} crop ({too_small} are smaller); use a smaller --crop")
        self.pixels = _read_only(cache.pixels).to(device)

    def batch(self, k: int) -> Tensor:
        first = (k * self.world + self.rank) * self.batch_size
        crops = []
        for index in range(first, first + self.batch_size):
            rng = np.random.default_rng((self.seed, index))
            number = self.photos[int(rng.integers(len(self.photos)))]
            crops.append(turned(self._crop(number, rng), *rng.integers(2, size=3).tolist()))
        return torch.stack(crops).permute(0, 3, 1, 2)

    def _crop(self, number: int, rng: np.random.Generator) -> Tensor:
        y, x = (MARGIN - self.margin + int(rng.integers(side - self.crop + 1)) for side in self.cache.sizes[number])
        size = self.crop + 2 * self.margin
        return self.cache.with_margin(number, self.pixels)[y : y + size, x : x + size]

    def state(self) -> dict:
        """Nothing: what a stream (data/stream.py) has to remember, is here a function of k."""
        return {}


def turned(crop: Tensor, mirror: int, upend: int, transpose: int) -> Tensor:
    """(H, H, 3) mirrored, turned upside down and transposed, or not: 8 orientations."""
    sides = [side for side, flip in ((1, mirror), (0, upend)) if flip]
    crop = crop.flip(sides) if sides else crop
    return crop.transpose(0, 1) if transpose else crop


def _read_only(array: np.ndarray) -> Tensor:
    """The array as a tensor without a copy; torch warns of memory that must not be written, and nobody writes."""
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        return torch.from_numpy(array)
