"""HR photos -> a dataset repository of parquet shards and a card, on the Hub or in a folder.

Image files are stored unchanged in the column `hr`; nothing is re-encoded."""

from __future__ import annotations

import io
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from huggingface_hub import HfApi, RepoCard
from PIL import Image

from srgan_hub.data.sources import Images, open_splits
from srgan_hub.hub.card import Block, block, fill, parsed, with_block
from srgan_hub.hub.download import hub_errors
from srgan_hub.hub.push import CARD, card_on_hub, check_empty, check_id, check_token, make_repo

logger = logging.getLogger(__name__)

SHARD = 128 * 10**6      # approximate bytes of images in a shard: enough shards of DIV2K for every worker of a streamed training
ROW_GROUP = 100 * 10**6  # approximate bytes of images in a row group: what a reader holds to show or stream a single image
SHARDS = "data/*-of-*.parquet"
FACTS_BLOCK: Block = ("<!-- facts: written by `srgan-hub dataset push` -->", "<!-- end of facts -->")
DIV2K_TERMS = (
    "DIV2K (Agustsson and Timofte 2017, <https://data.vision.ee.ethz.ch/cvl/DIV2K/>) is for academic research only, and its "
    "photographs remain their owners'. Do not push it publicly without the right to."
)
UNSTATED = "other: not stated. The uploader of these photos did not name a license: ask before using them."

NEW_CARD = """---
task_categories: [image-to-image]
tags: [super-resolution]
pretty_name: {name}
---
# {name}

Photographs for training and measuring super-resolution networks: high resolution only, since a trainer makes the
low-resolution images from them. `hr` is the image, in the file's own bytes (nothing was re-encoded); `name` is the
file's name without its extension.

## Load it

```python
from datasets import load_dataset

photos = load_dataset("{repo_id}", split="train")  # streaming=True: without downloading all of it first
photos[0]["hr"]  # a PIL image
```

## Train on it

With the trainer of srgan_hub:

```sh
accelerate launch -q train_accelerate.py --variant srresnet-mse --dataset {repo_id} --output_dir runs/srresnet
```
"""
FACTS = """
| split | images |
| --- | --- |
{table}

**License.** {license}
"""


def push_dataset(
    source: str | Path,
    repo_id: str,
    *,
    private: bool = False,
    license: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Push the photos of a folder to the dataset repository "user/name" in one commit; returns its address.

    source: as for open_splits, on this machine. private: make a repository that only its owner sees. license: an identifier of
    the Hub. progress(done, of): called now and then. The shards of an earlier push are replaced. In an existing card, the
    license and the facts below the text are updated.
    Raises ValueError, in a sentence that says what to do, if anything is refused; nothing is committed then.
    """
    check_id(repo_id, "dataset")
    api = HfApi()
    with hub_errors(repo_id):
        check_token(api)  # before hours of work
    splits = _open(source)
    with hub_errors(repo_id), tempfile.TemporaryDirectory(prefix="srgan-hub-") as folder:
        url = make_repo(api, repo_id, "dataset", private)
        old = card_on_hub(repo_id, "dataset")
        _card(repo_id, source, license, {}, old).validate(repo_type="dataset")
        if is_div2k(source) and not private:
            logger.warning("%s", DIV2K_TERMS)
        counts = _write_shards(splits, Path(folder), source, progress)
        _card(repo_id, source, license, counts, old).save(Path(folder, CARD))
        api.upload_folder(
            repo_id=repo_id, repo_type="dataset", folder_path=folder, delete_patterns=SHARDS,
            commit_message=f"Push {sum(counts.values())} images",
        )  # fmt: skip
    return url


def write_dataset(
    source: str | Path,
    folder: str | Path,
    repo_id: str = "user/name",
    *,
    license: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Write what `push_dataset` would push into a new or empty folder; returns the number of images in every split.

    Needs no network. Raises ValueError as `push_dataset` does, and then leaves nothing.
    """
    check_id(repo_id, "dataset")
    splits, folder = _open(source), Path(folder)
    check_empty(folder)
    try:
        counts = _write_shards(splits, folder, source, progress)
        _card(repo_id, source, license, counts).save(folder / CARD)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return counts


def is_div2k(source: str | Path) -> bool:
    """Whether these are the files of a DIV2K download, judging by their names."""
    path = Path(source).absolute()
    names = [path.name, *(entry.name for entry in path.iterdir())] if path.is_dir() else [path.name]
    return any(name.upper().startswith("DIV2K") for name in names)


def _open(source: str | Path) -> dict[str, Images]:
    if not Path(source).exists():
        raise ValueError(f"there is no {source}; give a folder of images, of parquet shards, or of a DIV2K download")
    splits = {split: images for split, images in open_splits(str(source)).items() if len(images)}
    if not splits:
        raise ValueError(f"{source} contains no images")
    return splits


def _write_shards(
    splits: dict[str, Images], folder: Path, source: str | Path, progress: Callable[[int, int], None] | None
) -> dict[str, int]:
    """Write every split; returns its number of images. Damaged ones are left out, with one warning that names them."""
    import datasets  # imported late: both take seconds, and the library works without them
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    schema = datasets.Features({"hr": datasets.Image(), "name": datasets.Value("string")}).arrow_schema
    total, done, counts, damaged = sum(map(len, splits.values())), 0, {}, []
    (folder / "data").mkdir(parents=True)
    for split, images in splits.items():
        number = min(len(images), 1 + sum(_size(images[i]) for i in range(len(images))) // SHARD)
        for k in range(number):
            which = range(len(images) * k // number, len(images) * (k + 1) // number)
            with ParquetWriter(folder / "data" / f"{split}-{k:05d}-of-{number:05d}.parquet", schema) as writer:
                for rows, names in _row_groups(images, which):
                    writer.write_table(pyarrow.Table.from_pylist(rows, schema))
                    counts[split] = counts.get(split, 0) + len(rows)
                    damaged += names
                    done += len(rows) + len(names)
                    if progress:
                        progress(done, total)
    if damaged:
        shown = ", ".join(damaged[:5]) + (", ..." if len(damaged) > 5 else "")
        logger.warning("left out %d damaged images of %s: %s", len(damaged), source, shown)
    if empty := [split for split, count in counts.items() if not count]:
        raise ValueError(f"{source} holds no readable image in its split {empty[0]}")
    return counts


def _size(image: bytes | str) -> int:
    return len(image) if isinstance(image, bytes) else Path(image).stat().st_size


def _row_groups(images: Images, which: range) -> Iterator[tuple[list[dict], list[str]]]:
    """(rows, names of damaged images), group by group."""
    rows, damaged, size = [], [], 0
    for i in which:
        name = images.name(i)
        if (hr := _whole(images[i], name)) is None:
            damaged.append(name)
        else:
            rows.append({"hr": hr, "name": name})
            size += len(hr["bytes"])
        if size >= ROW_GROUP or i == which[-1]:
            yield rows, damaged
            rows, damaged, size = [], [], 0


def _whole(image: bytes | str, name: str) -> dict | None:
    """{"bytes", "path"}, as `datasets` stores an image, or None if Pillow cannot decode all of it."""
    data = image if isinstance(image, bytes) else Path(image).read_bytes()
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as opened:
            opened.load()
            return {"bytes": data, "path": f"{name}.{opened.format.lower()}"}
    except Exception:  # Pillow's decoders raise all kinds of errors for damaged files
        return None


def _card(repo_id: str, source: str | Path, license: str | None, counts: dict[str, int], old: str | None = None) -> RepoCard:
    """The card for so many images per split. The text of an earlier card, and whatever else its owner added, is kept."""
    card = parsed(old or fill(NEW_CARD, name=repo_id.split("/")[-1], repo_id=repo_id))
    license = license or card.data.get("license")
    stated = f"`{license}`, as stated by the uploader." if license not in (None, "other") else ""
    notes = [DIV2K_TERMS, stated] if is_div2k(source) else [stated or UNSTATED]
    table = "\n".join(f"| {split} | {count} |" for split, count in counts.items())
    if block(card.text, FACTS_BLOCK) is None:
        card.text += "\n" + "\n".join(FACTS_BLOCK) + "\n"
    card.text = with_block(card.text, FACTS_BLOCK, fill(FACTS, table=table, license=" ".join(notes).strip()).strip())
    card.data["license"] = license or "other"
    card.data.pop("dataset_info", None)  # the sizes of earlier shards, with which `datasets` would not load the new ones
    return card
