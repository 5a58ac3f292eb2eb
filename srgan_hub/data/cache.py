"""Photos, decoded once into a memory-mapped file of uint8 RGB pixels from which crops are sliced.

CACHE_DIR/KEY/pixels.bin holds the photos one after another, each with a mirrored margin; index.jsonl has one line per photo;
`complete` is written last. If a builder is killed, the next one continues after the last complete line. Several processes wait
for the one that builds."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import logging
import os
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from srgan_hub.data.benchmarks import perceptual_hash
from srgan_hub.data.sources import Images, open_splits
from srgan_hub.imaging.color import eight_bits, normalize
from srgan_hub.imaging.resize import shrunk

logger = logging.getLogger(__name__)

MARGIN = 16   # mirrored pixels around each photo, so that a crop at its edge has surroundings when it is downscaled
VERSION = 2   # of the format; part of the cache key


class PhotoCache:
    """Decoded photos. Item i is (H, W, 3) uint8; `with_margin(i)` is the same with MARGIN mirrored pixels around it."""

    def __init__(self, folder: Path):
        self.key = folder.name
        entries = _entries(folder)
        self.damaged = sum(entry is None for entry in entries)
        self.sizes = [entry[:2] for entry in entries if entry]       # (height, width) of each photo
        self.hashes = [entry[2] for entry in entries if entry]       # perceptual hash of each photo
        lengths = [_length(size) for size in self.sizes]
        self.offsets = [0, *itertools.accumulate(lengths)]
        self.pixels = np.memmap(folder / "pixels.bin", np.uint8, mode="r") if self.sizes else np.empty(0, np.uint8)

    def __len__(self) -> int:
        return len(self.sizes)

    def with_margin(self, i: int, pixels=None):
        """View of photo i with its margin, (H + 2 MARGIN, W + 2 MARGIN, 3). pixels: a copy to read from, such as on a GPU."""
        height, width = self.sizes[i]
        flat = (self.pixels if pixels is None else pixels)[self.offsets[i] : self.offsets[i + 1]]
        return flat.reshape(height + 2 * MARGIN, width + 2 * MARGIN, 3)

    def __getitem__(self, i: int) -> np.ndarray:
        return self.with_margin(i)[MARGIN:-MARGIN, MARGIN:-MARGIN]


def open_cache(images: Images, cache_dir: str | Path | None = None) -> PhotoCache:
    """The decoded photos of `images`, built on first use. Safe with several processes.

    cache_dir: default ~/.cache/srgan_hub (or below $XDG_CACHE_HOME). Damaged images are skipped, with one warning that counts
    them. Raises ValueError if the disk is full, a file cannot be fetched, or nothing can be decoded.
    """
    root = Path(os.path.expanduser(cache_dir)) if cache_dir else default_folder()
    folder = root / hashlib.sha256(f"{VERSION}/{MARGIN}/{images.fingerprint}".encode()).hexdigest()[:20]
    if not len(images):
        raise ValueError("the dataset is empty")
    try:
        if not (folder / "complete").exists():
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / "lock"):
                if not (folder / "complete").exists():
                    _build(images, folder)
                    (folder / "complete").touch()
        cache = PhotoCache(folder)
    except OSError as error:
        raise ValueError(
            f"the decoded photos cannot be kept in {root} ({error.strerror}); choose another with --cache_dir, or use --streaming"
        ) from error
    if cache.damaged:
        logger.warning("left out %d of %d images that cannot be read", cache.damaged, len(images))
    return cache


def default_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "srgan_hub" / "photos"


def decode(encoded: bytes | str) -> np.ndarray:
    """Decode an image file, or its bytes, to (H, W, 3) uint8 RGB: upright, 16 bits scaled down, transparent areas on white."""
    file = io.BytesIO(encoded) if isinstance(encoded, bytes) else encoded
    with warnings.catch_warnings(action="ignore"), Image.open(file) as image:
        image = eight_bits(normalize(image))
        if image.mode in ("LA", "RGBA"):  # colors hidden by transparency are not part of the photo
            page = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(page, image.convert("RGBA"))
        return np.asarray(image.convert("RGB"))


def readable(encoded: bytes | str) -> np.ndarray | None:
    """`decode`, or None for a damaged image. Raises ValueError if the file cannot be read at all, which may be temporary."""
    try:
        content = Path(encoded).read_bytes() if isinstance(encoded, str) else encoded
    except OSError as error:
        raise ValueError(f"{encoded} cannot be read ({error.strerror})") from error
    try:
        return decode(content)
    except MemoryError:
        raise
    except Exception:  # Pillow's decoders raise all kinds of errors for damaged files
        return None


def _build(images: Images, folder: Path) -> None:
    entries = _entries(folder)
    done = sum(_length(entry) for entry in entries if entry)
    with (folder / "pixels.bin").open("ab") as pixels, (folder / "index.jsonl").open("a") as index:
        if pixels.tell() < done:  # lost in a power cut
            entries, done = [], index.truncate(0)
        pixels.truncate(done)  # drops what a killed builder wrote after its last complete line
        for photo in tqdm(_decoded(images, len(entries)), "decoding", len(images), initial=len(entries), disable=None):
            if photo is not None:
                around = ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))
                pixels.write(np.pad(photo, around, mode="symmetric").tobytes())
                pixels.flush()
            index.write(json.dumps([*photo.shape[:2], perceptual_hash(photo)] if photo is not None else None) + "\n")
            index.flush()
        os.fsync(pixels.fileno())
        os.fsync(index.fileno())
    if not any(_entries(folder)):
        (folder / "index.jsonl").unlink()  # retry all of them next time: the cause may be gone
        raise ValueError(f"the dataset holds no readable image: none of {len(images)} is one that Pillow reads")


def _decoded(images: Images, start: int) -> Iterator[np.ndarray | None]:
    """Photos in order from number `start`, None for damaged ones. Decoded in threads, since Pillow releases the lock."""
    threads = min(16, os.cpu_count() or 1)
    with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:  # filters set inside the threads would outlive them
        waiting = deque()
        for i in range(start, len(images)):
            waiting.append(pool.submit(readable, images[i]))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _entries(folder: Path) -> list[tuple[int, int, int] | None]:
    """(height, width, perceptual hash) of every completely written image, None for a damaged one; a torn last line is dropped."""
    index = folder / "index.jsonl"
    if not index.exists():
        return []
    text = index.read_text()
    whole, torn = text[: text.rfind("\n") + 1], text[text.rfind("\n") + 1 :]
    if torn:
        index.write_text(whole)
    return [entry and tuple(entry) for entry in map(json.loads, whole.splitlines())]


def _length(size: tuple[int, ...]) -> int:
    """Bytes of one photo with its margin."""
    return (size[0] + 2 * MARGIN) * (size[1] + 2 * MARGIN) * 3


# LR images for calibration: typical inputs, on which nothing is trained.


CALIBRATION_SIDE = 64  # LR pixels


def lr_pictures(dataset: str, scale: int, count: int) -> list[Tensor]:
    """The central crops, at most 64x64, of `count` photos downscaled by `scale`: each (1, 3, h, w) in [0, 1].

    dataset: as for `open_splits`. The photos are evenly spaced in its train split, or else its first. Damaged ones and those
    too small to downscale are skipped. Raises ValueError as `open_splits` does."""
    splits = open_splits(dataset)
    photos = splits.get("train") or next(iter(splits.values()))
    pictures = []
    for number in np.linspace(0, len(photos) - 1, min(len(photos), count)).round().astype(int).tolist():
        photo = readable(photos[number])
        if photo is None or min(photo.shape[:2]) < scale:
            continue
        lr = np.asarray(shrunk(photo, scale)[0])
        y, x = ((side - min(side, CALIBRATION_SIDE)) // 2 for side in lr.shape[:2])
        pictures.append(torch.tensor(lr[y : y + CALIBRATION_SIDE, x : x + CALIBRATION_SIDE]).permute(2, 0, 1)[None] / 255)
    return pictures
