"""Which photos a run trains on, and which it is validated on."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from srgan_hub.data.benchmarks import benchmark_image, find_sets, pairs
from srgan_hub.data.cache import PhotoCache, open_cache, readable
from srgan_hub.data.sources import choose, fetch, open_splits, open_stream, split_names

logger = logging.getLogger(__name__)

SHARE = 20  # without a validation split, one photo in this many is held out, but never more than were requested


class HeldOut(NamedTuple):
    photos: list[np.ndarray]  # HR, (H, W, 3) uint8
    pairs: list[tuple]        # (name, LR, HR) of benchmark sets, LR included
    words: str                # where they come from, in words


def open_photos(
    dataset: str, *, split: str, validation: str, count: int, cache_dir: str | None, scale: int = 4, **source
) -> tuple[PhotoCache, list[int], HeldOut]:
    """The decoded dataset, the numbers of the photos to train on, and what is held out. Benchmark images are excluded from
    training, with a warning.

    validation: "auto" is the dataset's validation split; if there is none, every n-th photo is held out of training. "none"
    holds out nothing. Otherwise: another split, or a folder of benchmark sets (SET/HR, SET/LR_x`scale`) or of images. At most
    `count` photos are used.
    source: config, data_files, column, as for `open_splits`. Raises ValueError if anything is not found.
    """
    splits = open_splits(dataset, **source)
    cache = open_cache(splits[choose(splits, split, dataset)], cache_dir)
    known = {i: name for i, name in enumerate(map(benchmark_image, cache.hashes)) if name}
    numbers = [i for i in range(len(cache)) if i not in known]
    if not numbers:
        raise ValueError(f"{dataset} holds only benchmark images, which are reserved for measuring; choose another --dataset")
    if known:
        logger.warning("left out %d photographs that are benchmark images: %s", len(known), ", ".join(known.values()))
    if other := _other_split(splits, split, validation):
        held = _photographs(open_cache(splits[other], cache_dir), count, f"split {other}")
    elif validation == "auto":
        kept = spread(len(cache), min(count, len(cache) // SHARE or int(len(cache) > 1)))
        numbers = [i for i in numbers if i not in set(kept)]
        held = HeldOut([cache[i] for i in kept], [], "kept from training")
    else:
        held = _elsewhere(validation, splits, count, scale, cache_dir)
    return cache, numbers, held


def open_streamed(
    dataset: str, *, split: str, validation: str, count: int, cache_dir: str | None, scale: int = 4, **source
) -> tuple[object, HeldOut]:
    """The same for a stream: the training split, read as needed, and what is held out (with "auto", only a validation split)."""
    names = split_names(dataset, config=source.get("config"), data_files=source.get("data_files"))
    stream = open_stream(dataset, split, **source)
    if other := _other_split(names, split, validation):
        photos = [readable(fetch(image)) for (image,) in map(dict.values, open_stream(dataset, other, **source).take(count))]
        return stream, HeldOut([photo for photo in photos if photo is not None], [], f"split {other}")
    return stream, _elsewhere("none" if validation == "auto" else validation, names, count, scale, cache_dir)


def spread(length: int, wanted: int) -> list[int]:
    """`wanted` numbers below `length`, evenly spaced; all of them if there are fewer."""
    wanted = min(length, wanted)
    return [(2 * i + 1) * length // (2 * wanted) for i in range(wanted)]


def _other_split(splits: Iterable[str], split: str, validation: str) -> str | None:
    wanted = "validation" if validation == "auto" else validation
    return wanted if wanted in splits and wanted != split else None


def _photographs(held: PhotoCache, count: int, words: str) -> HeldOut:
    return HeldOut([held[i] for i in spread(len(held), count)], [], words)


def _elsewhere(validation: str, splits: Iterable[str], count: int, scale: int, cache_dir: str | None) -> HeldOut:
    """The images that --validation names if it is not another split of the dataset."""
    if validation == "none":
        return HeldOut([], [], "")
    folder = Path(os.path.expanduser(validation))
    if not folder.is_dir():
        raise ValueError(
            f"--validation {validation}: neither another split of the dataset (it has {', '.join(splits)}), nor a folder, "
            "nor auto or none"
        )
    if not any((path / "HR").is_dir() for path in (folder, *folder.iterdir())):  # no benchmark sets: images
        opened = open_splits(str(folder))
        held = open_cache(opened.get("validation") or next(iter(opened.values())), cache_dir)
        return _photographs(held, count, f"of {folder.resolve().name}")
    sets = find_sets(folder, scale)
    names = ", ".join(benchmark.name for benchmark in sets)
    return HeldOut([], [pair for benchmark in sets for pair in pairs(benchmark, scale)], f"of {names}")
