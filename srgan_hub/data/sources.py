"""Where HR photographs come from: a Hub id, a folder of images or parquet shards, DIV2K as it comes -> encoded images.

Nothing is decoded here; data/cache.py does that once."""

from __future__ import annotations

import hashlib
import logging
import re
from bisect import bisect_right
from pathlib import Path
from typing import Protocol

from srgan_hub.data.presets import PRESETS, UNVERIFIED

logger = logging.getLogger(__name__)

PREFERRED_COLUMNS = ("hr", "HR", "image")
SPLIT_NAMES = {"train": "train", "training": "train", "valid": "validation", "validation": "validation", "val": "validation",
               "dev": "validation", "test": "test"}  # fmt: skip
DIV2K = {"train": "DIV2K_train_HR", "validation": "DIV2K_valid_HR"}  # folders or zips of the download
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".gif"}
LR_NAME = re.compile(r"(^|[_/\\])LR([_/\\]|$)", re.IGNORECASE)  # DIV2K_train_LR_bicubic/, LR_x4/, lr/


class Images(Protocol):
    """One split, still encoded: item i is the bytes of an image file, or its path."""

    fingerprint: str  # changes whenever the images may have changed

    def __len__(self) -> int: ...

    def __getitem__(self, i: int) -> bytes | str: ...

    def name(self, i: int) -> str:
        """The file's stem, or a number."""


def open_splits(
    dataset: str, *, config: str | None = None, data_files: str | None = None, column: str | None = None
) -> dict[str, Images]:
    """Every split of a dataset by name ("train", "validation", ... or as the dataset calls them).

    dataset: Hub id; local folder of images (train/ and validation/ inside become splits) or of parquet shards; a DIV2K
    download, as folder or zip. config, data_files: as `datasets.load_dataset` takes them; column: of the HR images, found
    by itself when there is one image column, or one named hr, HR or image. Raises ValueError if anything is not found.
    """
    path = Path(dataset).expanduser()
    if not dataset:
        raise ValueError("--dataset is empty; name a folder of images, a folder of parquet shards, or a Hub id user/name")
    if path.is_dir() and not data_files and (shards := sorted(path.rglob("*.parquet"))):
        return _parquet_splits(shards, column)
    opened = _load(dataset, config, data_files)
    return {name: _Rows(rows, column, dataset) for name, rows in opened.items()}


def open_stream(dataset: str, split: str, *, config: str | None = None, data_files: str | None = None, column: str | None = None):
    """One split as a `datasets.IterableDataset` with that one column, undecoded; ValueError as above."""
    opened = _load(dataset, config, data_files, streaming=True)
    rows = opened[choose(opened, split, dataset)]
    rows = rows if rows.features else rows._resolve_features()
    column = _image_column(rows.features, column, dataset)
    return rows.select_columns([column]).decode(False)


def split_names(dataset: str, *, config: str | None = None, data_files: str | None = None) -> list[str]:
    """Names of a dataset's splits, nothing downloaded."""
    return list(_load(dataset, config, data_files, streaming=True))


def choose(splits: dict, split: str, dataset: str) -> str:
    """The name of a split that is there; ValueError lists those that are."""
    if split not in splits:
        raise ValueError(f"{dataset} has no split {split!r}; it has: {', '.join(splits)} (choose with --split)")
    return split


class _Rows:
    """A split of `datasets`."""

    def __init__(self, rows, column: str | None, dataset: str):
        import datasets  # late: it takes seconds, and parquet is read without it
        import pyarrow.compute

        self.column = _image_column(rows.features, column, dataset)
        self.rows = rows.select_columns([self.column]).cast_column(self.column, datasets.Image(decode=False))
        self.fingerprint = f"{rows._fingerprint}/{self.column}"
        _refuse_mixture([path.as_py() for path in pyarrow.compute.struct_field(self.rows.data[self.column], "path")], dataset)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> bytes | str:
        image = self.rows[i][self.column]
        if image["bytes"] is None and "::" in image["path"]:  # inside a zip: "zip://DIV2K_train_HR/0001.png::/.../some.zip"
            from datasets.utils.file_utils import xopen

            with xopen(image["path"], "rb") as file:
                return file.read()
        return image["path"] if image["bytes"] is None else image["bytes"]

    def name(self, i: int) -> str:
        return _stem(self.rows[i][self.column]["path"], i)


class _Shards:
    """Parquet files, read with pyarrow alone, one row group at a time."""

    def __init__(self, paths: list[Path], column: str | None):
        import pyarrow
        from pyarrow.parquet import ParquetFile

        try:
            self.files = [ParquetFile(path) for path in paths]
        except (pyarrow.ArrowException, OSError) as error:
            raise ValueError(f"a parquet shard of {paths[0].parent} cannot be read: {error}") from error
        self.column = _parquet_column(self.files[0].schema_arrow, column, paths[0])
        for file, path in zip(self.files, paths, strict=True):
            if self.column not in file.schema_arrow.names:
                raise ValueError(f"{path} has no column {self.column!r}, which {paths[0].name} has")
        self.groups = [(file, g) for file in self.files for g in range(file.num_row_groups)]
        self.starts = [0]
        for file, g in self.groups:
            self.starts.append(self.starts[-1] + file.metadata.row_group(g).num_rows)
        facts = [(path.name, (stat := path.stat()).st_size, stat.st_mtime_ns) for path in paths]
        self.fingerprint = hashlib.sha256(repr((self.column, facts)).encode()).hexdigest()
        self.held: tuple[int, list] = (-1, [])

    def __len__(self) -> int:
        return self.starts[-1]

    def __getitem__(self, i: int) -> bytes | str:
        image = self._row(i)
        if isinstance(image, dict):
            return image["path"] or b"" if image.get("bytes") is None else image["bytes"]
        return image if image is not None else b""  # an empty row counts as damaged

    def name(self, i: int) -> str:
        image = self._row(i)
        return _stem(image["path"] if isinstance(image, dict) else None, i)

    def _row(self, i: int):
        group = bisect_right(self.starts, i) - 1
        if self.held[0] != group:
            file, number = self.groups[group]
            self.held = (group, file.read_row_group(number, columns=[self.column]).column(0).to_pylist())
        return self.held[1][i - self.starts[group]]


def _stem(path: str | None, i: int) -> str:
    return Path(path.split("::")[0]).stem if path else f"{i:04d}"


def _parquet_splits(shards: list[Path], column: str | None) -> dict[str, Images]:
    by_split: dict[str, list[Path]] = {}
    for path in shards:
        words = re.split(r"[^a-z]+", f"{path.parent.name}/{path.stem}".lower())
        split = next((SPLIT_NAMES[word] for word in reversed(words) if word in SPLIT_NAMES), "train")
        by_split.setdefault(split, []).append(path)
    return {split: _Shards(paths, column) for split, paths in by_split.items()}


def _load(dataset: str, config: str | None, data_files: str | None, streaming: bool = False):
    """`datasets.load_dataset` of whatever --dataset may be, with the keywords that the place needs."""
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{dataset}: without the package datasets only local folders of parquet shards can be read; pip install datasets"
        ) from error

    name, options, links = _arguments(dataset, data_files)
    try:
        opened = datasets.load_dataset(name, config, streaming=streaming, **options)
    except Exception as error:  # datasets raises dozens of kinds, builtin ones among them
        reason = str(error).strip().splitlines()
        raise ValueError(f"the dataset {dataset!r} cannot be loaded: {reason[0] if reason else type(error).__name__}") from error
    for link in links:
        opened = opened.cast_column(link, datasets.Image())
    return opened


def _arguments(dataset: str, data_files: str | None) -> tuple[str, dict, tuple[str, ...]]:
    """Name and keywords for `load_dataset`, and the columns that hold links."""
    path = Path(dataset).expanduser()
    if data_files:
        return (str(path) if path.exists() else dataset), dict(data_files=data_files), ()
    if not path.exists():
        preset = PRESETS.get(dataset.lower())
        if preset is None:
            return dataset, {}, ()
        logger.warning("%s %s", dataset, UNVERIFIED)
        return dataset, preset.options, preset.links
    if path.is_file() and path.suffix.lower() != ".zip":
        raise ValueError(f"{dataset} is a file; name the folder of images or parquet shards, or a zip of images")
    files = _div2k(path) or ({"train": str(path)} if path.is_file() else None)
    if files:
        return "imagefolder", dict(data_files=files, drop_labels=True), ()
    if any(file.suffix.lower() in IMAGE_SUFFIXES for file in path.rglob("*")):
        return "imagefolder", dict(data_dir=str(path), drop_labels=True), ()
    return str(path), {}, ()  # whatever else `datasets` knows


def _div2k(path: Path) -> dict[str, str]:
    """Files of a DIV2K download in or at `path`: the HR folders or zips, not the LR ones beside them; {} if it is none."""
    if path.is_file() and path.name != f"{DIV2K['train']}.zip":
        return {}
    folder, found = (path if path.is_dir() else path.parent), {}
    for split, stem in DIV2K.items():
        if (folder / stem).is_dir():
            found[split] = f"{folder / stem}/**"
        elif (folder / f"{stem}.zip").is_file():
            found[split] = str(folder / f"{stem}.zip")
    return found if "train" in found else {}


def _refuse_mixture(paths: list[str | None], dataset: str) -> None:
    """ValueError if some of the files are LR images by their folder's name: half of such a training set is blurred."""
    low = [path for path in paths if path and LR_NAME.search(path)]
    if low and len(low) < len(paths):
        raise ValueError(
            f"{dataset} holds LR images beside HR ones ({low[0]}); name the HR files alone, with --data_files 'PATTERN' or "
            "as a folder of their own"
        )


def _image_column(features, column: str | None, dataset: str) -> str:
    """The column of HR images: the one asked for, the only image column, or the one named hr, HR or image."""
    import datasets

    return _one(column, [name for name, kind in features.items() if isinstance(kind, datasets.Image)], list(features), dataset)


def _parquet_column(schema, column: str | None, path: Path) -> str:
    import pyarrow

    def holds_images(kind) -> bool:  # {"bytes", "path"}, as `datasets` writes images, or the bare bytes
        if pyarrow.types.is_struct(kind):
            return {field.name for field in kind} >= {"bytes", "path"}
        return pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind)

    return _one(column, [field.name for field in schema if holds_images(field.type)], schema.names, path)


def _one(asked: str | None, images: list[str], every: list[str], where: object) -> str:
    if asked:
        if asked not in images:
            raise ValueError(f"{where} has no image column {asked!r}; it has: {', '.join(images) or 'none'}")
        return asked
    if len(images) == 1:
        return images[0]
    for name in PREFERRED_COLUMNS:
        if name in images:
            return name
    raise ValueError(
        f"{where}: need one image column, or one named {', '.join(PREFERRED_COLUMNS)}; it has {', '.join(every)}; "
        "choose with --image_column"
    )
