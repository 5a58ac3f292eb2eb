"""Patches with a teacher's results, computed once and kept in memory-mapped files.

FOLDER/settings.json says how they were made. lr.bin, hr.bin and target.bin hold them one after another. done.bin has one byte
per patch, written last, which is not 0. A killed run continues after the last complete patch. Training may begin as soon as some
are there."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from filelock import FileLock, Timeout
from torch import Tensor

from srgan_hub.data.cache import MARGIN, PhotoCache
from srgan_hub.data.patches import color_augmentation, inside
from srgan_hub.imaging.degradations import Degradation
from srgan_hub.imaging.resize import downsample

SIDE = 224          # HR pixels per side of a stored patch; the teacher sees MARGIN more around it, which are not stored
CANDIDATES = 3      # every second patch is the most detailed of this many: large photos contain much sky
COARSE = 4          # LR pixels per side of the squares whose mean color comes from HR, not from the teacher
VERSION = 4         # of the files and of how patches are drawn

Teach = Callable[[Tensor], Tensor]  # (N, 3, H, W) in [0, 1] -> (N, 3, scale H, scale W), not clamped


class Distilled:
    """`count` patches with LR, HR and training target, drawn from the photos and computed by `fill`.

    settings: everything else that the patches depend on, as JSON values. Raises ValueError if the disk has too little room."""

    def __init__(
        self, root: Path, cache: PhotoCache, photos: list[int], *, count: int, scale: int, seed: int, settings: dict
    ):
        self.cache, self.scale, self.seed, self.count = cache, scale, seed, count
        self.photos = [i for i in photos if min(cache.sizes[i]) >= SIDE]
        if not self.photos:
            raise ValueError(f"no photo is as large as a teacher's patch of {SIDE}x{SIDE} pixels")
        settings = {"version": VERSION, "scale": scale, "seed": seed, "photos": self.photos, **settings}
        self.folder = root / hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:20]
        small, large = (count, SIDE // scale, SIDE // scale, 3), (count, SIDE, SIDE, 3)
        shapes = {"lr": small, "hr": large, "target": large, "done": (count,)}
        self.folder.mkdir(parents=True, exist_ok=True)
        needed = sum(map(math.prod, shapes.values())) - sum(file.stat().st_size for file in self.folder.glob("*.bin"))
        free = shutil.disk_usage(self.folder).free
        if needed > 0.98 * free:  # the files are sparse: a disk that is full later would end the process
            raise ValueError(
                f"{count} patches of a teacher need {needed / 1e9:.2f} GB in {root}, where {free / 1e9:.2f} GB are free; use "
                "fewer, or a larger disk with --cache_dir"
            )
        (self.folder / "settings.json").write_text(json.dumps(settings))
        with FileLock(self.folder / "making"):
            files = {name: _mapped(self.folder / f"{name}.bin", shape) for name, shape in shapes.items()}
        self.lr, self.hr, self.target, self.done = (files[name] for name in ("lr", "hr", "target", "done"))
        area = np.sqrt([np.prod(cache.sizes[i], dtype=float) for i in self.photos])  # large photos are drawn more often
        self.weights = area / area.sum()

    def __len__(self) -> int:
        """Number of patches available: the first so many, without gaps."""
        missing = np.flatnonzero(self.done == 0)
        return int(missing[0]) if len(missing) else self.count

    def fill(
        self, degrade: Degradation, teach: Teach, teach_clean: Teach | None, clean: float, recolour: float,
        stop: Callable[[], bool],
    ) -> None:
        """Compute the missing patches in order until `stop()` is true. Returns at once if another process is doing so.

        If a patch's LR differs from the clean LR by more than `clean` gray levels (root mean square), its target is the
        teacher's result with the colors of HR. Otherwise its target is HR, or the result of `teach_clean` for the clean LR."""
        try:
            with FileLock(self.folder / "filling", timeout=0):
                for i in np.flatnonzero(self.done == 0):
                    if stop():
                        return
                    around, rng = self._draw(int(i))
                    if recolour:
                        around = color_augmentation(around, recolour, rng)
                    lr, best = degrade(around, self.scale, rng), downsample(around, self.scale)
                    margin = MARGIN // self.scale
                    hr = inside(around, MARGIN)
                    damaged = (inside(lr, margin).float() - inside(best, margin).float()).square().mean().sqrt() > clean
                    if damaged:
                        target = with_colors(_bytes(inside(teach(lr.float() / 255), MARGIN)), hr, COARSE * self.scale)
                    else:
                        target = _bytes(inside(teach_clean(best.float() / 255), MARGIN)) if teach_clean else hr
                    for kept, image in ((self.lr, inside(lr, margin)), (self.hr, hr), (self.target, target)):
                        kept[i] = image[0].permute(1, 2, 0).numpy()
                    self.done[i] = 1  # last: the kernel keeps this order if the process is killed
        except Timeout:
            return

    def _draw(self, i: int) -> tuple[Tensor, np.random.Generator]:
        """Patch i with margin, (1, 3, SIDE + 2 MARGIN, SIDE + 2 MARGIN) uint8, and the random numbers for its degradation."""
        rng = np.random.default_rng((self.seed, i))
        drawn = []
        for _ in range(CANDIDATES if i % 2 else 1):
            number = self.photos[int(rng.choice(len(self.photos), p=self.weights))]
            y, x = (int(rng.integers(side - SIDE + 1)) for side in self.cache.sizes[number])
            size = SIDE + 2 * MARGIN
            drawn.append(np.array(self.cache.with_margin(number)[y : y + size, x : x + size]))
        detail = [np.abs(np.diff(crop[..., 1].astype(np.int16), axis=0)).mean() for crop in drawn]
        return torch.from_numpy(drawn[int(np.argmax(detail))]).permute(2, 0, 1)[None], rng


class DistilledPatches:
    """Batch k depends only on (seed, rank, k) and on how many patches are available. It holds crops of LR and of their targets.

    `stretches`: the last changes in the number of available patches, as (first batch, patches); a run that is given them
    resumes exactly.

    Crops are not rotated: a teacher's result for a rotated image differs from its rotated result, and the mean of both is
    blurred."""

    def __init__(self, distilled: Distilled, *, crop: int, batch_size: int, seed: int, rank: int = 0):
        if crop > SIDE:
            raise ValueError(f"--crop must be at most {SIDE} with --teacher_patches, got {crop}")
        self.distilled, self.crop, self.batch_size, self.seed, self.rank = distilled, crop, batch_size, seed, rank
        self.stretches = []  # [(first batch, patches), ...]

    def look(self, first: int = 0) -> None:
        """From batch `first` on, use all patches that are available by now."""
        self.stretches = [*self.stretches[-1:], (first, len(self.distilled))]

    def state(self) -> dict:
        return {}

    def batch(self, k: int) -> tuple[Tensor, ...]:
        """LR (N, 3, crop / scale, crop / scale) and target (N, 3, crop, crop), uint8 RGB."""
        rng, scale = np.random.default_rng((self.seed, self.rank, k)), self.distilled.scale
        side, found = self.crop // scale, []
        there = max(patches for first, patches in self.stretches if first <= k)
        for _ in range(self.batch_size):
            i = int(rng.integers(there))
            y, x = (int(n) for n in rng.integers(SIDE // scale - side + 1, size=2))
            lr = self.distilled.lr[i, y : y + side, x : x + side]
            target = self.distilled.target[i, scale * y : scale * (y + side), scale * x : scale * (x + side)]
            found.append([torch.from_numpy(np.array(image)).permute(2, 0, 1) for image in (lr, target)])
        lr, target = (torch.stack(images) for images in zip(*found, strict=True))
        return lr, target


def with_colors(image: Tensor, of: Tensor, side: int) -> Tensor:
    """(N, 3, H, W) uint8 with the colors of another image: the mean error of each square of `side` pixels is removed, smoothly.

    Real-ESRGAN x4plus makes photos up to 9 gray levels darker; only detail should be learned from it."""
    error = F.avg_pool2d(of.float() - image.float(), side)
    smooth = F.interpolate(error, size=image.shape[-2:], mode="bilinear")
    return (image.float() + smooth).clamp(0, 255).round().byte()


def _bytes(image: Tensor) -> Tensor:
    return (255 * image).clamp(0, 255).round().byte()


def _mapped(path: Path, shape: tuple[int, ...]) -> np.memmap:
    size = int(np.prod(shape))
    with path.open("ab") as file:
        if file.tell() < size:  # a run that wants more patches continues those of a run that wanted fewer
            os.truncate(file.fileno(), size)  # sparse: takes disk space only where it is written
    return np.memmap(path, np.uint8, mode="r+", shape=shape)
