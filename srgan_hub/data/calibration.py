"""A few LR pictures of a dataset, for what must see typical ones without being trained."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from srgan_hub.data.cache import readable
from srgan_hub.data.sources import open_splits
from srgan_hub.imaging.resize import shrunk

SIDE = 64  # LR pixels


def lr_pictures(dataset: str, scale: int, count: int) -> list[Tensor]:
    """The middles, at most 64x64, of `count` photographs shrunk by `scale`: (1, 3, h, w) in [0, 1] each.

    dataset: as `open_splits` takes it; its train split, or the first; evenly chosen, damaged ones and those too small to be
    shrunk left out. Raises ValueError as `open_splits` does."""
    splits = open_splits(dataset)
    photos = splits.get("train") or next(iter(splits.values()))
    pictures = []
    for number in np.linspace(0, len(photos) - 1, min(len(photos), count)).round().astype(int).tolist():
        photo = readable(photos[number])
        if photo is None or min(photo.shape[:2]) < scale:
            continue
        lr = np.asarray(shrunk(photo, scale)[0])
        y, x = ((side - min(side, SIDE)) // 2 for side in lr.shape[:2])
        pictures.append(torch.tensor(lr[y : y + SIDE, x : x + SIDE]).permute(2, 0, 1)[None] / 255)
    return pictures
