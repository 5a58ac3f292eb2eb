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


# Batches of (lr, hr) on the training device. A thread prepares the next one while the networks work on the last.


class Batch(NamedTuple):
    lr: Tensor      # (N, 3, crop / scale, crop / scale) uint8 RGB
    hr: Tensor      # (N, 3, crop, crop) uint8 RGB
    state: dict     # what a stream has to remember to go on after this batch
    waited: float   # seconds that the networks waited for it
    taught: Tensor | None = None  # (N,) bool, which of them a teacher's results are learned of, not HR


class Degraded:
    """Pairs (lr, hr) of crops, LR made anew for each. patches: Patches or StreamPatches. degrade: (HR with margin, scale, rng)
    -> LR; its randomness is a function of (seed, rank, k). device: where that is computed. recolour: share of patches in other
    colours (data/recolour.py). Raises ValueError for a crop that is no multiple of the scale."""

    def __init__(
        self, patches, degrade: Degradation, scale: int, device: torch.device | str = "cpu", *, recolour: float = 0.0
    ):
        if patches.crop % scale or patches.margin % scale:
            raise ValueError(f"--crop must be a multiple of the scale {scale}, got {patches.crop}")
        self.patches, self.degrade, self.scale, self.recolour = patches, degrade, scale, recolour
        self.device = device if torch.device(device).type == "cuda" else "cpu"  # Apple's GPUs lack the float64 of `downsample`

    def batch(self, k: int) -> tuple[Tensor, Tensor]:
        patches = self.patches
        around = patches.batch(k).to(self.device)                      # (N, 3, crop + 2 margin, crop + 2 margin)
        if self.recolour:
            around = recoloured(around, self.recolour, np.random.default_rng((patches.seed, patches.rank, k, 2)))
        lr = self.degrade(around, self.scale, np.random.default_rng((patches.seed, patches.rank, k, 1)))
        return inside(lr, patches.margin // self.scale), inside(around, patches.margin)

    def state(self) -> dict:
        return self.patches.state()


class Loader:
    """pairs: Degraded or DistilledPatches; `batch(k)` is the k-th (lr, hr), maybe with `taught` behind them, `state()`
    what a stream has to remember."""

    def __init__(self, pairs, device: torch.device | str = "cpu"):
        self.pairs, self.device = pairs, torch.device(device)

    def batches(self, first: int, end: int) -> Iterator[Batch]:
        """Batches first .. end - 1."""
        # one OpenMP thread beside the networks' own: with more threads than cores, all of them sleep between two operations
        # instead of spinning
        with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            coming = pool.submit(self._make, first) if first < end else None
            for k in range(first, end):
                start = time.perf_counter()
                images, state = coming.result()
                waited = time.perf_counter() - start
                if k + 1 < end:
                    coming = pool.submit(self._make, k + 1)
                yield Batch(*images[:2], state, waited, *images[2:])

    def _make(self, k: int) -> tuple[list[Tensor], dict]:
        return [image.to(self.device) for image in self.pairs.batch(k)], self.pairs.state()


def inside(image: Tensor, margin: int) -> Tensor:
    """(N, C, H, W) without `margin` pixels at each side."""
    return image[..., margin : image.shape[-2] - margin, margin : image.shape[-1] - margin]


# Color augmentation: smooth surfaces and rare colors. Without it a network has never seen a flat logo, and its result is up to
# 20 grey levels off (docs/training-log.md).


STEEPEST = 3.0          # contrast of a channel, at most; either way up
MIDDLES = (-64, 319)    # grey level that a channel's mean is moved to: outside of 0 to 255 most of it is flat


def recoloured(hr: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """(N, 3, H, W) uint8 RGB -> the same, each image with probability `share` in other colours: every channel's contrast
    multiplied by -3 to 3 about its mean, which is moved to anywhere, and clamped. Three in ten are then nearly flat; one in
    four has the same mean in all channels: grey."""
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
