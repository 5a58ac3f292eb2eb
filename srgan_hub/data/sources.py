"""Where HR photos come from: a Hub id, a folder of images or parquet shards, a DIV2K download -> encoded images.

Nothing is decoded here; data/cache.py does that once."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from bisect import bisect_right
from contextlib import contextmanager
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Protocol
from zipfile import ZipFile

DIV2K = {"train": "DIV2K_train_HR", "validation": "DIV2K_valid_HR"}  # folders or zips of the download
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".gif"}
IMAGE_FOLDER = dict(drop_labels=True, drop_metadata=True)  # folder names are not labels, and a metadata table excludes no file
PRESETS = {  # files of copies of DIV2K on the Hub, by lowercase id; they mix HR and LR images, or hold zips of both
    "goodfellowliu/div2k": {"train": "DIV2K_train_HR.zip", "validation": "DIV2K_valid_HR.zip"},
    "yangtao9009/div2k": {"train": "DIV2K_train.zip"},
    "maiello00/div2k": {"train": "DIV2K_train_HR/**"},
}
LR_NAME = re.compile(r"(^|[_/\\])LR([_/\\]|[.]zip|$)", re.IGNORECASE)  # DIV2K_train_LR_bicubic/, LR_x4/, lr/


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
    """Every split of a dataset by name ("train", "validation", ... or whatever the dataset calls them).

    dataset: a Hub id; a local folder of images (train/ and validation/ inside become splits) or of parquet shards; a DIV2K
    download, as folder or zip; or several of these separated by commas, whose splits of the same name are joined. config,
    data_files: as for `datasets.load_dataset`. column: of the HR images, found automatically if there is only one image column,
    or one named hr, HR or image. Raises ValueError if anything is not found.
    """
    if not dataset:
        raise ValueError("--dataset is empty; give a folder of images, a folder of parquet shards, or a Hub id user/name")
    path = _path(dataset)
    if "," in dataset and not path.exists():
        opened = [open_splits(one.strip(), config=config, data_files=data_files, column=column) for one in dataset.split(",")]
        names = dict.fromkeys(name for splits in opened for name in splits)
        return {name: Joined([splits[name] for splits in opened if name in splits]) for name in names}
    if path.is_dir() and not (config or data_files) and (shards := find_shards(path)):
        return {split: Shards(paths, column) for split, paths in shards.items()}
    opened = load(dataset, config, data_files)
    return {name: _Rows(rows, column, dataset) for name, rows in opened.items()}


def open_stream(dataset: str, split: str, *, config: str | None = None, data_files: str | None = None, column: str | None = None):
    """One split as a `datasets.IterableDataset` with only the HR column, undecoded (see `fetch`). ValueError as above."""
    if "," in dataset and not _path(dataset).exists():
        raise ValueError(f"--dataset {dataset}: only one dataset can be streamed at a time; leave out --streaming for several")
    opened = load(dataset, config, data_files, streaming=True)
    rows = opened[choose(opened, split, dataset)]
    return _undecoded(rows if rows.features else rows._resolve_features(), column, dataset)


def split_names(dataset: str, *, config: str | None = None, data_files: str | None = None) -> list[str]:
    """Names of a dataset's splits, without downloading anything."""
    return list(load(dataset, config, data_files, streaming=True))


def choose(splits: dict, split: str, dataset: str) -> str:
    """Return `split` if it exists; otherwise raise a ValueError that lists the existing ones."""
    if split not in splits:
        raise ValueError(f"{dataset} has no split {split!r}; it has: {', '.join(splits)} (choose with --split)")
    return split


class Joined:
    """The images of several splits, one after another."""

    def __init__(self, parts: list[Images]):
        self.images = [(part, i) for part in parts for i in range(len(part))]
        self.fingerprint = " + ".join(part.fingerprint for part in parts)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> bytes | str:
        part, number = self.images[i]
        return part[number]

    def name(self, i: int) -> str:
        part, number = self.images[i]
        return part.name(number)


class _Rows:
    """A split loaded with `datasets`."""

    def __init__(self, rows, column: str | None, dataset: str):
        self.rows = _undecoded(rows, column, dataset)
        (self.column,) = self.rows.column_names
        self.fingerprint = f"{rows._fingerprint}/{self.column}"

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> bytes | str:
        return fetch(self.rows[i][self.column])

    def name(self, i: int) -> str:
        return image_name(self.rows[i][self.column]["path"], i)


def fetch(image: dict | None) -> bytes | str:
    """The bytes of an undecoded image of `datasets`, or its path on this disk. Raises ValueError if it cannot be fetched.

    Its path may also be a URL of a file system that fsspec knows (hf://...), or "zip://NAME::PLACE" for a file inside a zip."""
    image = image or {}
    if image.get("bytes") is not None:
        return image["bytes"]
    path = image.get("path") or ""
    if "://" not in path:
        return path or b""  # an empty row counts as damaged
    import fsspec

    try:
        name, _, archive = path.removeprefix("zip://").partition("::")
        if archive:
            return _archive(archive).read(name)
        with fsspec.open(path) as file:
            return file.read()
    except Exception as error:  # networks, file systems and archives raise all kinds of errors
        raise ValueError(f"{path} cannot be fetched: {error}") from error


@lru_cache(maxsize=4)
def _archive(place: str) -> ZipFile:
    """A zip that is kept open: its table of contents is read once, then its files one after another."""
    import fsspec

    return ZipFile(fsspec.open(place).open())


def load(dataset: str, config: str | None, data_files: str | None, streaming: bool = False):
    """Every split of whatever --dataset names, loaded by `datasets` with the keywords that its kind needs."""
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{dataset}: without the package datasets only local folders of parquet shards can be read; pip install datasets"
        ) from error

    name, options = _arguments(dataset, config, data_files)
    with _in_a_sentence(dataset):
        builder = datasets.load_dataset_builder(name, config, **options)
        if hasattr(builder.config, "drop_labels") and not builder.config.drop_labels:  # a folder of images: see IMAGE_FOLDER
            builder = datasets.load_dataset_builder(name, config, **options, drop_labels=True)
    for files in (builder.config.data_files or {}).values():
        _refuse_mixture(files, dataset)
    with _in_a_sentence(dataset):
        if streaming:
            builder.config.decode_num_threads = 0  # otherwise remote images would arrive decoded
            return builder.as_streaming_dataset()
        builder.download_and_prepare()
        return builder.as_dataset()


@contextmanager
def _in_a_sentence(dataset: str):
    """Turn whatever `datasets` raises into a ValueError: dozens of kinds, including built-in ones, some with pages of text."""
    try:
        yield
    except Exception as error:
        reason = str(error.__cause__ or error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"the dataset {dataset!r} cannot be loaded: {reason[0][:300]}") from error


def _arguments(dataset: str, config: str | None, data_files: str | None) -> tuple[str, dict]:
    """Name and keywords for `load_dataset`."""
    path = _path(dataset)
    if not path.exists():
        return dataset, dict(data_files=data_files or PRESETS.get(dataset.lower()))
    if path.is_file() and path.suffix.lower() != ".zip":
        raise ValueError(f"{dataset} is a file; give the folder of images or parquet shards, or a zip of images")
    if data_files:
        return str(path), dict(data_files=f"{data_files}/**" if (path / data_files).is_dir() else data_files)
    if config:  # as the folder's README.md describes it
        return str(path), {}
    if files := _div2k(path) or ({"train": glob.escape(str(path))} if path.is_file() else _image_folders(path)):
        return "imagefolder", dict(data_files=files, **IMAGE_FOLDER)
    if shards := find_shards(path):
        return "parquet", dict(data_files={name: [glob.escape(str(p)) for p in paths] for name, paths in shards.items()})
    return str(path), {}  # whatever else `datasets` supports


def _path(dataset: str) -> Path:
    return Path(os.path.expanduser(dataset))  # like Path.expanduser, but leaves an unknown ~user alone


def _div2k(path: Path) -> dict[str, str]:
    """Files of a DIV2K download in or at `path`: the HR folders or zips, not the LR ones beside them; {} if it is not one."""
    if path.is_file() and path.name != f"{DIV2K['train']}.zip":
        return {}
    folder, found = (path if path.is_dir() else path.parent), {}
    for split, stem in DIV2K.items():
        if (folder / stem).is_dir() and path.is_dir():
            found[split] = f"{glob.escape(str(folder / stem))}/**"
        elif (folder / f"{stem}.zip").is_file():
            found[split] = glob.escape(str(folder / f"{stem}.zip"))
    return found if "train" in found else {}


def _image_folders(path: Path) -> dict[str, list[str]]:
    """Patterns of the images in a tree: by split if it has a folder train/, otherwise all of them as training images."""
    if not any(file.suffix.lower() in IMAGE_SUFFIXES for file in path.rglob("*")):
        return {}
    splits: dict[str, list[str]] = {}
    for folder in sorted(path.rglob("*/")):
        if folder.name.lower() in SPLIT_NAMES:
            splits.setdefault(SPLIT_NAMES[folder.name.lower()], []).append(f"{glob.escape(str(folder))}/**")
    return splits if "train" in splits else {"train": [f"{glob.escape(str(path))}/**"]}


def _refuse_mixture(paths: list[str], dataset: str) -> None:
    """Raise ValueError if some of the files are LR images, judging by folder names: half of such a training set is blurred."""
    shared = len(os.path.commonprefix(paths).rpartition("/")[0])  # noqa: RUF071 - cut to a folder: where they all lie
    low = [path for path in paths if LR_NAME.search(path[shared:])]
    if low and len(low) < len(paths):
        raise ValueError(
            f"{dataset} holds LR images beside HR ones ({low[0]}); give only the HR files, with --data_files 'PATTERN' or "
            "as a separate folder"
        )


def _undecoded(rows, column: str | None, dataset: str):
    """Rows of `datasets` with only the column of HR images, each {"bytes", "path"}."""
    import datasets  # imported late: it takes seconds, and parquet is read without it

    column = choose_column(column, image_columns(rows), list(rows.features), dataset)
    rows = rows.select_columns([column])
    return rows.cast_column(column, datasets.Image(decode=False))


def image_columns(rows) -> list[str]:
    """Names of the columns of `datasets` rows that hold images; if none is declared as such, of those that hold bytes."""
    import datasets

    kinds = rows.features
    binary = datasets.Value("binary"), datasets.Value("large_binary")
    images = [name for name, kind in kinds.items() if isinstance(kind, datasets.Image)]
    return images or [n for n, kind in kinds.items() if kind in binary or (isinstance(kind, dict) and "bytes" in kind)]


# Local parquet shards, read one row group at a time with pyarrow alone, without the package datasets.


PREFERRED_COLUMNS = ("hr", "HR", "image")
SPLIT_NAMES = {"train": "train", "training": "train", "valid": "validation", "validation": "validation", "val": "validation",
               "dev": "validation", "test": "test"}  # fmt: skip


class Shards:
    """One split: item i is the bytes of an image file, or its path. `fingerprint` changes when a shard may have changed."""

    def __init__(self, paths: list[Path], column: str | None):
        from pyarrow.parquet import ParquetFile

        self.groups, rows = [], []  # (shard, its path, number of the row group), and how many rows it has
        for path in paths:
            with _reading(path):
                file = ParquetFile(path)
            column = self.column = _image_column(file.schema_arrow, column, path)
            for group in range(file.num_row_groups):
                self.groups.append((file, path, group))
                rows.append(file.metadata.row_group(group).num_rows)
        self.starts = [0, *accumulate(rows)]
        facts = [(path.parts[-2:], (stat := path.stat()).st_size, stat.st_mtime_ns) for path in paths]
        self.fingerprint = hashlib.sha256(repr((self.column, facts)).encode()).hexdigest()
        self.held = (-1, None)  # the row group read last: its number and its column

    def __len__(self) -> int:
        return self.starts[-1]

    def __getitem__(self, i: int) -> bytes | str:
        image = self._row(i)
        if isinstance(image, dict):
            image = image.get("path") if image["bytes"] is None else image["bytes"]
        return image if image is not None else b""  # an empty row counts as damaged

    def name(self, i: int) -> str:
        image = self._row(i)
        return image_name(image.get("path") if isinstance(image, dict) else None, i)

    def _row(self, i: int):
        group = bisect_right(self.starts, i) - 1
        if self.held[0] != group:
            file, path, number = self.groups[group]
            with _reading(path):
                self.held = (group, file.read_row_group(number, columns=[self.column]).column(0))
        return self.held[1][i - self.starts[group]].as_py()


@contextmanager
def _reading(path: Path):
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"the parquet shard {path} cannot be read: {error}") from error


def image_name(path: str | None, number: int) -> str:
    """Name of an image: its file name without folder and suffix, even inside a zip; its number if it has none."""
    return Path(path.split("::")[0]).stem if path else f"{number:04d}"


def find_shards(folder: Path) -> dict[str, list[Path]]:
    """Shards by split, judging by their folders inside `folder` or their own names; "train" if these say nothing."""
    splits: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*.parquet")):
        if path.name == "metadata.parquet":
            continue  # belongs to a folder of images
        words = re.split(r"[^a-z]+", str(path.relative_to(folder).with_suffix("")).lower())
        split = next((SPLIT_NAMES[word] for word in reversed(words) if word in SPLIT_NAMES), "train")
        splits.setdefault(split, []).append(path)
    return splits


def choose_column(asked: str | None, images: list[str], every: list[str], where: object) -> str:
    """The column of HR images among `images`: the one asked for, the only one, or the one named hr, HR or image."""
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


def _image_column(schema, column: str | None, path: Path) -> str:
    import pyarrow

    def holds_images(kind) -> bool:  # {"bytes", "path"}, as `datasets` writes images, or plain bytes
        if pyarrow.types.is_struct(kind):
            return "bytes" in {field.name for field in kind}
        return pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind)

    return choose_column(column, [field.name for field in schema if holds_images(field.type)], schema.names, path)
