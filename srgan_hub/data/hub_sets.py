"""Benchmark sets that `datasets` loads: an id on the Hub with HR images in one column, and LR images in another or none."""

from __future__ import annotations

from pathlib import Path

from srgan_hub.data.benchmarks import BenchmarkSet
from srgan_hub.data.remote import fetch
from srgan_hub.data.shards import PREFERRED_COLUMNS, image_name
from srgan_hub.data.sources import choose, image_columns, load

SPLITS = ("test", "validation", "train")  # the first that is there is measured on


def open_hub_set(dataset: str, scale: int = 4, config: str | None = None, split: str | None = None) -> BenchmarkSet:
    """One split as a set. LR is the column lr, LR or lr_x`scale` (in any case); without one it is made from HR.

    config, split: of a dataset that has several. Raises ValueError if anything is not found."""
    opened = load(dataset, config, None)
    name = choose(opened, split or next((name for name in SPLITS if name in opened), next(iter(opened))), dataset)
    rows = opened[name]
    wanted = {"hr": [column.lower() for column in PREFERRED_COLUMNS], "lr": ["lr", f"lr_x{scale}"]}
    columns = {kind: find_column(rows, names) for kind, names in wanted.items()}
    if not columns["hr"]:
        known = f"named {', '.join(PREFERRED_COLUMNS)}; it has {', '.join(rows.features)}"
        raise ValueError(f"{dataset}: no column of HR images {known}")
    hr = encoded(rows, columns["hr"])
    lr = columns["lr"] and dict(zip(hr, encoded(rows, columns["lr"]).values(), strict=True))
    return BenchmarkSet(Path(dataset).name, hr, lr)


def find_column(rows, names: list[str]) -> str | None:
    return next((column for name in names for column in image_columns(rows) if column.lower() == name), None)


def encoded(rows, column: str) -> dict[str, bytes | Path]:
    """The column's images by file name, or by number where names are missing or come twice."""
    import datasets

    images = list(rows.select_columns([column]).cast_column(column, datasets.Image(decode=False))[column])
    names = [image_name(image["path"], number) for number, image in enumerate(images)]
    if len(set(names)) < len(names):
        names = [f"{number:04d}" for number in range(len(images))]
    files = [fetch(image) for image in images]
    return {name: Path(file) if isinstance(file, str) else file for name, file in zip(names, files, strict=True)}
