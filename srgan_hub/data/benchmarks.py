"""Benchmark sets: folders SET/HR and SET/LR_x4 with matching names (Set5, Set14, BSD100, ...), or folders of HR images only.

Also how their images are recognized among training photos."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from srgan_hub.data.sources import IMAGE_SUFFIXES, choose, fetch, image_columns, image_name, load
from srgan_hub.imaging.color import luma
from srgan_hub.imaging.resize import shrunk

MANIFEST = Path(__file__).with_name("benchmark_images.csv")  # made by benchmarks/manifest.py
SETS = ("Set5", "Set14", "BSD100")  # the paper's order

Pair = tuple[str, Image.Image, np.ndarray]  # name, LR image, HR (H, W, 3) uint8 of `scale` times its size


class BenchmarkSet(NamedTuple):
    name: str
    hr: dict[str, Path | bytes]         # image -> file, or its content
    lr: dict[str, Path | bytes] | None  # None: LR is made from HR


def find_sets(folder: str | Path, scale: int = 4, bare: bool = False) -> list[BenchmarkSet]:
    """The sets in `folder`, or `folder` itself: HR beside LR_x`scale`, or HR alone. bare: if there are none, its plain images
    are a set.

    Raises ValueError if there is none, or if HR and LR_x`scale` do not hold the same names."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    found = [path for path in (folder, *folder.iterdir()) if (path / "HR").is_dir()]
    if not found and not (bare and images(folder)):
        raise ValueError(f"{folder} holds no benchmark set: a folder with HR (and LR_x{scale}) inside" + ", or images" * bare)
    sets = [_open(path, scale) for path in found] or [BenchmarkSet(folder.resolve().name, images(folder), None)]
    return sorted(sets, key=lambda one: in_order(one.name))


def in_order(name: str) -> tuple[int, str]:
    """Sort key for names of sets: first the paper's, in its order, then the others by name."""
    return SETS.index(name) if name in SETS else len(SETS), name


def _open(folder: Path, scale: int) -> BenchmarkSet:
    name, hr, lr = folder.resolve().name, images(folder / "HR"), images(folder / f"LR_x{scale}")
    if not hr and not lr:
        raise ValueError(f"{folder} holds no images")
    if (folder / f"LR_x{scale}").is_dir() and lr.keys() != hr.keys():
        unpaired = sorted(lr.keys() ^ hr.keys())
        raise ValueError(f"{folder}: HR and LR_x{scale} must hold the same names; only one has: {', '.join(unpaired[:5])}")
    return BenchmarkSet(name, hr, lr or None)


def images(folder: Path) -> dict[str, Path]:
    """The image files directly in a folder, by stem. If several share a stem, the first by name counts."""
    if not folder.is_dir():
        return {}
    files = sorted((path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES), reverse=True)
    return dict(sorted((path.stem, path) for path in files))


def pairs(one: BenchmarkSet, scale: int = 4) -> Iterator[Pair]:
    """Every (name, LR, HR) of a set, with HR cropped to `scale` times LR. If the set has no LR, it is made as MATLAB makes it.

    Raises ValueError, naming the file, if an image does not fit or cannot be read."""
    for name, file in one.hr.items():
        path = file if isinstance(file, Path) else f"{one.name}, {name}"
        hr = np.asarray(read(file, path))
        if one.lr is None:
            if min(hr.shape[:2]) < scale:
                raise ValueError(f"{path} is {hr.shape[1]}x{hr.shape[0]}: too small to be shrunk {scale} times")
            yield name, *shrunk(hr, scale)
            continue
        lr = read(one.lr[name], f"LR of {path}")
        height, width = scale * lr.height, scale * lr.width
        if not (0 <= hr.shape[0] - height < scale and 0 <= hr.shape[1] - width < scale):
            raise ValueError(f"{path} is {hr.shape[1]}x{hr.shape[0]}, not {scale} times its LR, {lr.width}x{lr.height}")
        yield name, lr, hr[:height, :width]


def read(file: Path | bytes, path: Path | str) -> Image.Image:
    """The image as RGB: grayscale in three channels, transparency dropped. path: its name in the ValueError if unreadable."""
    try:
        return Image.open(io.BytesIO(content(file))).convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"{path} is not a readable image ({error})") from error


def content(file: Path | bytes) -> bytes:
    return file if isinstance(file, bytes) else file.read_bytes()


def hashes(one: BenchmarkSet) -> dict[str, dict[str, str]]:
    """{image: {"hr": SHA-256 of the file, "lr": the same if LR is a file}}."""
    kinds = {"hr": one.hr, "lr": one.lr or {}}
    return {
        name: {kind: hashlib.sha256(content(files[name])).hexdigest() for kind, files in kinds.items() if name in files}
        for name in one.hr
    }


def compared(name: str, sha256: dict[str, dict[str, str]]) -> str:
    """A phrase on whether a set's `hashes` match the files that this project measures on; "" for an unknown set."""
    with MANIFEST.open(newline="") as file:
        known = {(row["image"], row["kind"]): row["sha256"] for row in csv.DictReader(file) if row["set"] == name}
    found = {(image, kind): digest for image, kinds in sha256.items() for kind, digest in kinds.items()}
    if not known:
        return ""
    if found == known:
        return "files as in the manifest"
    same = sum(known.get(key) == digest for key, digest in found.items())
    return f"not the files of the manifest: {same} of its {len(known)} are here, and {len(found) - same} others"


# Benchmark sets loaded with `datasets`: a Hub id with HR images in one column and, optionally, LR images in another.


SPLITS = ("test", "validation", "train")  # the first of these that exists is measured on


def open_hub_set(dataset: str, scale: int = 4, config: str | None = None, split: str | None = None) -> BenchmarkSet:
    """One split as a set. LR is the column named lr or lr_x`scale`, in upper or lower case; without one it is made from HR.

    config, split: for a dataset that has several. Raises ValueError if anything is not found."""
    opened = load(dataset, config, None)
    rows = opened[choose(opened, split or next((name for name in SPLITS if name in opened), next(iter(opened))), dataset)]
    columns = {column.lower(): column for column in image_columns(rows)}
    if not (column := columns.get("hr") or columns.get("image")):
        raise ValueError(f"{dataset}: no column of HR images named hr or image; it has {', '.join(rows.features)}")
    hr = encoded(rows, column)
    lr = columns.get("lr") or columns.get(f"lr_x{scale}")
    return BenchmarkSet(Path(dataset).name, hr, lr and dict(zip(hr, encoded(rows, lr).values(), strict=True)))


def encoded(rows, column: str) -> dict[str, bytes | Path]:
    """The column's images by file name, or by number if names are missing or repeated."""
    import datasets

    images = list(rows.select_columns([column]).cast_column(column, datasets.Image(decode=False))[column])
    names = [image_name(image["path"], number) for number, image in enumerate(images)]
    if len(set(names)) < len(names):
        names = [f"{number:04d}" for number in range(len(images))]
    files = [fetch(image) for image in images]
    return {name: Path(file) if isinstance(file, str) else file for name, file in zip(names, files, strict=True)}


# Perceptual hashes, to recognize benchmark images: nobody should train on the images they measure on.


SIDE, FREQUENCIES = 32, 8  # pixels per side of the shrunk image, frequencies per axis
BITS = FREQUENCIES**2 - 1
SAME = 6  # bits; benchmark images as JPEG 30, cropped by 3 pixels or at 1/4 size differ by at most 5, other photos by at least 11
COSINES = np.cos(np.pi * (np.arange(SIDE) + 0.5) * np.arange(FREQUENCIES)[:, None] / SIDE)
ODD = sum(1 << bit for bit in range(BITS) if (bit + 1) % FREQUENCIES % 2)  # signs that flip when an image is mirrored


def perceptual_hash(image: np.ndarray) -> int:
    """(H, W, 3) uint8 -> 63 bits: the signs of the image's lowest frequencies, without the mean."""
    small = luma(np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BOX)))
    signs = (COSINES @ small @ COSINES.T).ravel()[1:] > 1e-6  # a flat image has rounding errors
    return sum(1 << bit for bit in np.flatnonzero(signs).tolist())


def distance(one: int, other: int) -> int:
    """The number of bits that differ, with or without mirroring, whichever is smaller."""
    return min((one ^ other).bit_count(), (one ^ other ^ ODD).bit_count())


def benchmark_image(hashed: int) -> str | None:
    """The benchmark image that this hash belongs to, such as "Set5 woman"; None if it is in none of the benchmark sets."""
    return next((name for name, known in known_hashes().items() if distance(hashed, known) <= SAME), None)


@cache
def known_hashes() -> dict[str, int]:
    with MANIFEST.open(newline="") as file:
        return {f"{row['set']} {row['image']}": int(row["phash"], 16) for row in csv.DictReader(file) if row["phash"]}
