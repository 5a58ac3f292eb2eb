"""Batches of (lr, hr) on the training device, made in a thread while the networks work on the batch before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srgan_hub.data.recolour import recoloured
from srgan_hub.imaging.degrade import Degradation


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
