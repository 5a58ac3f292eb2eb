"""Random crops from a stream of photos, for datasets that do not fit on the disk; nothing is cached.

A window of decoded photos slides along the stream, and batches are drawn from it. Batch k depends on the seed, k and the stream
alone. A run resumes exactly by reopening the stream where its window began."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from srgan_hub.data.benchmarks import benchmark_image, perceptual_hash
from srgan_hub.data.cache import MARGIN, readable
from srgan_hub.data.patches import random_crop
from srgan_hub.data.sources import fetch

logger = logging.getLogger(__name__)

WINDOW = 64       # photos that are mixed: 0.5 GB of 2K photos
NEW_EVERY = 4     # batches between two new photos, so that decoding keeps up with training


class StreamPatches:
    """Like Patches, for `batch(k)` with k counted up, but from a `datasets.IterableDataset` with one column of undecoded
    images.

    rank, world: this process reads its own share of the stream. state: what `state()` returned before batch k, to continue from
    there. Small and damaged images are skipped and counted. Raises ValueError if a whole pass over the stream yields no other
    image, or if an image cannot be fetched.
    """

    def __init__(
        self, stream, *, crop: int, margin: int, batch_size: int, seed: int = 0, rank: int = 0, world: int = 1, state=None
    ):
        from datasets.distributed import split_dataset_by_node

        self.stream = split_dataset_by_node(stream, rank, world) if world > 1 else stream
        self.crop, self.margin, self.batch_size = crop, margin, batch_size
        self.seed, self.rank = seed, rank
        self.share = f"share {rank + 1} of {world} of the stream" if world > 1 else "stream"
        self.window: deque[tuple[dict, np.ndarray]] = deque()
        self.photos = self._photos(self.stream.state_dict(), state)
        while len(self.window) < WINDOW:
            self.window.append(next(self.photos))

    def batch(self, k: int) -> Tensor:
        rng = np.random.default_rng((self.seed, self.rank, k))
        crops = []
        for _ in range(self.batch_size):
            photo = self.window[int(rng.integers(WINDOW))][1]
            crops.append(random_crop(torch.from_numpy(photo), self.crop, self.margin, rng))
        if k % NEW_EVERY == NEW_EVERY - 1:
            self.window.popleft()
            self.window.append(next(self.photos))
        return torch.stack(crops).permute(0, 3, 1, 2)

    def state(self) -> dict:
        """The state of the stream before the oldest photo of the window."""
        return self.window[0][0]

    def _photos(self, start: dict, state: dict | None) -> Iterator[tuple[dict, np.ndarray]]:
        """(state of the stream before it, photo with MARGIN mirrored pixels around it), pass after pass."""
        before = state or start
        while True:
            self.stream.load_state_dict(before)  # takes effect, and shows in state_dict(), only from the first row on
            used = small = damaged = known = 0
            for row in self.stream:
                (image,) = row.values()
                photo = readable(fetch(image))
                if photo is None:
                    damaged += 1
                elif min(photo.shape[:2]) < self.crop:
                    small += 1
                elif benchmark_image(perceptual_hash(photo)):
                    known += 1
                else:
                    used += 1
                    yield before, np.pad(photo, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="symmetric")
                before = self.stream.state_dict()
            if small or damaged:
                logger.warning("skipped %d images that cannot be read and %d smaller than a crop", damaged, small)
            if known:
                logger.warning("skipped %d benchmark images, which are reserved for measuring", known)
            if not used:
                raise ValueError(
                    f"the {self.share} holds no image as large as a {self.crop}x{self.crop} crop "
                    f"({small} are smaller, {damaged} cannot be read{f', {known} are benchmark images' if known else ''})"
                )
            before = start
