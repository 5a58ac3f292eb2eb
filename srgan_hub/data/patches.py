"""Random crops for training, sliced from decoded photos. Batch k of a run is a pure function of (seed, k).

Nothing here has state, so a run resumes exactly by continuing to count."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srgan_hub.data.cache import MARGIN, PhotoCache
from srgan_hub.imaging.degradations import Degradation

logger = logging.getLogger(__name__)


class Patches:
    """`batch(k)` is (N, 3, crop + 2 margin, crop + 2 margin) uint8 RGB, channels last: random crops with surroundings, in
    random orientations.

    The surroundings let a crop be downscaled as its whole photo would be, at any phase of the scale's grid. LR pixels thus
    align differently with JPEG's 8x8 blocks each time; a fixed alignment would be a grid to learn.

    photos: numbers of the photos to crop; those smaller than a crop are skipped, with one warning that counts them. margin: at
    most MARGIN. rank, world: number of this process and how many there are; batch k of all of them together is batch k of one
    process with a `world` times larger batch. device: where the pixels are copied to and the batches are made. Raises
    ValueError if no photo is large enough.
    """

    def __init__(
        self, cache: PhotoCache, photos: Sequence[int], *, crop: int, margin: int, batch_size: int, seed: int = 0,
        rank: int = 0, world: int = 1, device: torch.device | str = "cpu",
    ):  # fmt: skip
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
            crops.append(random_crop(self.cache.with_margin(number, self.pixels), self.crop, self.margin, rng))
        return torch.stack(crops).permute(0, 3, 1, 2)

    def state(self) -> dict:
        """Empty: unlike a stream (data/stream.py), there is nothing to remember, since batches are a function of k."""
        return {}


def random_crop(photo: Tensor, crop: int, margin: int, rng: np.random.Generator) -> Tensor:
    """(crop + 2 margin, crop + 2 margin, 3) from anywhere in a photo, (H + 2 MARGIN, W + 2 MARGIN, 3), in one of 8
    orientations. The crop without its margin lies within the photo without its MARGIN."""
    y, x = (MARGIN - margin + int(rng.integers(side - 2 * MARGIN - crop + 1)) for side in photo.shape[:2])
    size = crop + 2 * margin
    cut = photo[y : y + size, x : x + size]
    mirror, upend, transpose = rng.integers(2, size=3).tolist()
    cut = cut.flip([side for side, flip in ((1, mirror), (0, upend)) if flip])
    return cut.transpose(0, 1) if transpose else cut


def _read_only(array: np.ndarray) -> Tensor:
    """The array as a tensor, without a copy. torch warns that the memory must not be written, and nothing writes to it."""
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        return torch.from_numpy(array)


# Batches of (lr, hr) on the training device. A thread prepares the next one while the networks work on the current one.


class Batch(NamedTuple):
    lr: Tensor      # (N, 3, crop / scale, crop / scale) uint8 RGB
    hr: Tensor      # (N, 3, crop, crop) uint8 RGB
    state: dict     # what a stream must remember to continue after this batch
    waited: float   # seconds that the networks waited for it


class Degraded:
    """Pairs (lr, hr) of crops; LR is made anew for each. patches: Patches or StreamPatches. degrade: (HR with margin, scale,
    rng) -> LR; its randomness depends only on (seed, rank, k). device: where LR is computed. recolour: share of patches
    with `color_augmentation`. Raises ValueError if the crop is not a multiple of the scale."""

    def __init__(
        self, patches, degrade: Degradation, scale: int, device: torch.device | str = "cpu", *, recolour: float = 0.0
    ):
        if patches.crop % scale or patches.margin % scale:
            raise ValueError(f"--crop must be a multiple of the scale {scale}, got {patches.crop}")
        self.patches, self.degrade, self.scale, self.recolour = patches, degrade, scale, recolour
        self.device = device if torch.device(device).type == "cuda" else "cpu"  # Apple's GPUs lack `downsample`'s float64

    def batch(self, k: int) -> tuple[Tensor, Tensor]:
        patches = self.patches
        around = patches.batch(k).to(self.device)                      # (N, 3, crop + 2 margin, crop + 2 margin)
        if self.recolour:
            around = color_augmentation(around, self.recolour, np.random.default_rng((patches.seed, patches.rank, k, 2)))
        lr = self.degrade(around, self.scale, np.random.default_rng((patches.seed, patches.rank, k, 1)))
        return inside(lr, patches.margin // self.scale), inside(around, patches.margin)

    def state(self) -> dict:
        return self.patches.state()


class Loader:
    """pairs: Degraded or DistilledPatches. Their `batch(k)` is the k-th (lr, hr); their `state()` is what a stream must
    remember."""

    def __init__(self, pairs, device: torch.device | str = "cpu"):
        self.pairs, self.device = pairs, torch.device(device)

    def batches(self, first: int, end: int) -> Iterator[Batch]:
        """Batches `first` to `end` - 1."""
        # one OpenMP thread besides the networks' own: with more threads than cores, all of them sleep between operations
        # instead of spinning
        with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            coming = pool.submit(self._make, first) if first < end else None
            for k in range(first, end):
                start = time.perf_counter()
                images, state = coming.result()
                waited = time.perf_counter() - start
                if k + 1 < end:
                    coming = pool.submit(self._make, k + 1)
                yield Batch(*images, state, waited)

    def _make(self, k: int) -> tuple[list[Tensor], dict]:
        return [image.to(self.device) for image in self.pairs.batch(k)], self.pairs.state()


def inside(image: Tensor, margin: int) -> Tensor:
    """(N, C, H, W) without `margin` pixels on each side."""
    return image[..., margin : image.shape[-2] - margin, margin : image.shape[-1] - margin]


# Smooth surfaces and rare colors. Without it a network has never seen a flat logo, and its result is up to
# 20 gray levels off (docs/training-log.md).


STEEPEST = 3.0          # highest contrast factor of a channel, of either sign
MIDDLES = (-64, 319)    # range of gray levels to which a channel's mean is moved: outside 0 to 255 most of the channel is flat


def color_augmentation(hr: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """Other colors for each image of (N, 3, H, W) uint8 RGB, with probability `share`: the contrast of every channel is
    multiplied by -3 to 3 about its mean, the mean is moved anywhere, and the result is clamped. Three in ten of them are then
    nearly flat. One in four has the same mean in all channels: gray."""
    chosen = torch.from_numpy(rng.random(len(hr)) < share)
    count = int(chosen.sum())
    if not count:
        return hr
    each, image = (count, 3, 1, 1), (count, 1, 1, 1)
    contrast = rng.uniform(-STEEPEST, STEEPEST, each) * rng.random(image) ** 2
    middle = np.where(rng.random(image) < 0.25, rng.uniform(*MIDDLES, image), rng.uniform(*MIDDLES, each))
    contrast, middle = (torch.from_numpy(values).float().to(hr.device) for values in (contrast, middle))
    images = hr[chosen.to(hr.device)].float()
    images = (images - images.mean((2, 3), keepdim=True)) * contrast + middle
    return hr.index_copy(0, chosen.nonzero()[:, 0].to(hr.device), images.clamp(0, 255).round().byte())
