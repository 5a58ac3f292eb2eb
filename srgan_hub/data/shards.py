"""Parquet shards on this disk, read with pyarrow alone, one row group at a time: without the package datasets."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from pathlib import Path

PREFERRED_COLUMNS = ("hr", "HR", "image")
SPLIT_NAMES = {"train": "train", "training": "train", "valid": "validation", "validation": "validation", "val": "validation",
               "dev": "validation", "test": "test"}  # fmt: skip


class Shards:
    """One split: item i is the bytes of an image file, or its path. `fingerprint` changes when a shard may have changed."""

    def __init__(self, paths: list[Path], column: str | None):
        import pyarrow
        from pyarrow.parquet import ParquetFile

        self.paths, self.files = paths, []
        for path in paths:
            try:
                self.files.append(ParquetFile(path))
            except (pyarrow.ArrowException, OSError) as error:
                raise ValueError(f"the parquet shard {path} cannot be read: {error}") from error
        self.column = _image_column(self.files[0].schema_arrow, column, paths[0])
        for file, path in zip(self.files, paths, strict=True):
            if self.column not in file.schema_arrow.names:
                raise ValueError(f"{path} has no column {self.column!r}, which {paths[0].name} has")
        self.groups = [(number, g) for number, file in enumerate(self.files) for g in range(file.num_row_groups)]
        self.starts = [0]
        for number, g in self.groups:
            self.starts.append(self.starts[-1] + self.files[number].metadata.row_group(g).num_rows)
        facts = [(path.parts[-2:], (stat := path.stat()).st_size, stat.st_mtime_ns) for path in paths]
        self.fingerprint = hashlib.sha256(repr((self.column, facts)).encode()).hexdigest()
        self.held = (-1, None)  # the row group that was read last: its number and its column

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
            self.held = (group, self._read(*self.groups[group]))
        return self.held[1][i - self.starts[group]].as_py()

    def _read(self, number: int, group: int):
        import pyarrow

        try:
            return self.files[number].read_row_group(group, columns=[self.column]).column(0)
        except (pyarrow.ArrowException, OSError) as error:
            raise ValueError(f"the parquet shard {self.paths[number]} cannot be read: {error}") from error


def image_name(path: str | None, number: int) -> str:
    """Name of an image: its file's, without folder and suffix, also of one inside a zip; its number where it has none."""
    return Path(path.split("::")[0]).stem if path else f"{number:04d}"


def find_shards(folder: Path) -> dict[str, list[Path]]:
    """Shards by split, as their folders inside `folder` or their own names say; "train" where these say nothing."""
    splits: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*.parquet")):
        if path.name == "metadata.parquet":
            continue  # of a folder of images
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

    def holds_images(kind) -> bool:  # {"bytes", "path"}, as `datasets` writes images, or the bare bytes
        if pyarrow.types.is_struct(kind):
            return "bytes" in {field.name for field in kind}
        return pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind)

    return choose_column(column, [field.name for field in schema if holds_images(field.type)], schema.names, path)
