"""Aligned random crops for training: HR photographs -> (lr, hr) uint8 patches, each a pure function of its index.

Nothing here has a state: patch i of seed s is always the same, so a run resumes exactly by continuing to count."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from srgan_hub.imaging.resize import crop_to_multiple

logger = logging.getLogger(__name__)


class Patches(Dataset):
    """Item i is ((3, crop / scale, crop / scale), (3, crop, crop)), uint8 RGB: a random crop, flipped and rotated.

    photos: HR images, (H, W, 3) uint8; those smaller than a crop are left out with one counted warning. degrade: HR
    (3, H, W) -> LR, applied once to each whole photograph, so a patch knows its true surroundings. Raises ValueError when
    no photograph is large enough.
    """

    def __init__(
        self,
        photos: Iterable[np.ndarray],
        degrade: Callable[[Tensor, int], Tensor],
        *,
        crop: int = 96,
        scale: int = 4,
        seed: int = 0,
    ):
        if crop < scale or crop % scale:
            raise ValueError(f"crop must be a multiple of the scale {scale}, got {crop}")
        self.crop, self.scale, self.seed = crop, scale, seed
        self.pairs: list[tuple[Tensor, Tensor]] = []
        too_small = 0
        for number, photo in enumerate(photos):
            if min(photo.shape[:2]) < crop:
                too_small += 1
                continue
            # Patches start at multiples of the scale, and so would the 8x8 blocks of JPEG photographs: a grid to learn.
            y, x = (int(np.random.default_rng((seed, number, 1)).integers(1 + min(scale - 1, n - crop))) for n in photo.shape[:2])
            photo = photo[y:, x:]
            hr = torch.from_numpy(crop_to_multiple(photo, scale).copy()).permute(2, 0, 1)  # (3, H, W)
            self.pairs.append((degrade(hr, scale), hr))
        if too_small:
            logger.warning("left out %d images smaller than a %dx%d crop", too_small, crop, crop)
        if not self.pairs:
            raise ValueError(f"no image is as large as a {crop}x{crop} crop ({too_small} are smaller); use a smaller --crop")

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, index))
        lr, hr = self.pairs[rng.integers(len(self.pairs))]
        size = self.crop // self.scale
        y, x = (int(rng.integers(n - size + 1)) for n in lr.shape[1:])
        s = self.scale
        lr_patch = lr[:, y : y + size, x : x + size]
        hr_patch = hr[:, s * y : s * (y + size), s * x : s * (x + size)]
        turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
        return _turn(lr_patch, turns, mirror), _turn(hr_patch, turns, mirror)


def _turn(patch: Tensor, turns: int, mirror: bool) -> Tensor:
    patch = torch.rot90(patch, turns, dims=(1, 2))
    return (patch.flip(2) if mirror else patch).contiguous()
