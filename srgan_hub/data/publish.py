"""HR photos -> a dataset repository of parquet shards and a card, on the Hub or in a folder.

Image files are stored unchanged in the column `hr`; nothing is re-encoded."""

from __future__ import annotations

import io
import logging
import re
import shutil
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, RepoCard
from PIL import Image

from srgan_hub.data.sources import Images, open_splits
from srgan_hub.hub.card import Block, block, fill, parsed, with_block
from srgan_hub.hub.download import hub_errors
from srgan_hub.hub.push import card_on_hub, check_empty, check_id, check_token, make_repo

logger = logging.getLogger(__name__)

SHARD = 128 * 10**6      # approximate bytes of images in a shard: enough shards of DIV2K for every worker of a streamed training
ROW_GROUP = 100 * 10**6  # approximate bytes of images in a row group: what a reader holds to show or stream a single image
SHARD_NAME = re.compile(r"data/\w+-\d{5}-of-\d{5}\.parquet")
FACTS_BLOCK: Block = ("<!-- facts: written by `srgan-hub dataset push` -->", "<!-- end of facts -->")
DIV2K_TERMS = (
    "DIV2K (Agustsson and Timofte 2017, <https://data.vision.ee.ethz.ch/cvl/DIV2K/>) is for academic research only, and its "
    "photographs remain their owners'. Do not push it publicly without the right to."
)
UNSTATED = "other: not stated. The uploader of these photos did not name a licence: ask before using them."

CARD = """---
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

**Licence.** {licence}
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
    the Hub. progress(done, of): called after every image. The shards of an earlier push are replaced. In an existing card, the
    license and the facts below the text are updated.
    Raises ValueError, in a sentence that says what to do, if anything is refused; nothing is committed then.
    """
    check_id(repo_id, "dataset")
    api = HfApi()
    with hub_errors(repo_id):
        check_token(api)  # before hours of work
    plan = _plan(source)
    with hub_errors(repo_id):
        url = make_repo(api, repo_id, "dataset", private)
        old = card_on_hub(repo_id, "dataset")
        _card(repo_id, source, license, {}, old).validate(repo_type="dataset")
        if is_div2k(source) and not private:
            logger.warning("%s", DIV2K_TERMS)
        written, operations = Written(), []
        with tempfile.TemporaryDirectory(prefix="srgan-hub-") as folder:
            for path, file in _write_shards(plan, Path(folder), written, progress):
                operations.append(CommitOperationAdd(path, str(file)))
                api.preupload_lfs_files(repo_id, operations[-1:], repo_type="dataset")
                file.unlink()  # so that the disk holds one shard at a time
        written.check(source)
        card = _card(repo_id, source, license, written.images, old)
        operations.append(CommitOperationAdd("README.md", str(card).encode()))
        new = {operation.path_in_repo for operation in operations}
        there = api.list_repo_files(repo_id, repo_type="dataset")
        operations += [CommitOperationDelete(path) for path in there if SHARD_NAME.fullmatch(path) and path not in new]
        message = f"Push {written.images.total()} images"
        api.create_commit(repo_id, operations, commit_message=message, repo_type="dataset")
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
    plan, folder, written = _plan(source), Path(folder), Written()
    check_empty(folder)
    try:
        for _ in _write_shards(plan, folder, written, progress):
            pass
        written.check(source)
        _card(repo_id, source, license, written.images).save(folder / "README.md")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return dict(written.images)


def is_div2k(source: str | Path) -> bool:
    """Whether these are the files of a DIV2K download, judging by their names."""
    path = Path(source).absolute()
    names = [path.name, *(entry.name for entry in path.iterdir())] if path.is_dir() else [path.name]
    return any(name.upper().startswith("DIV2K") for name in names)


class Shard(NamedTuple):
    split: str
    path: str  # in the repository
    images: Images
    which: range  # numbers of the images


def _plan(source: str | Path) -> list[Shard]:
    """The shards to write. Raises ValueError if there are no images."""
    if not Path(source).exists():
        raise ValueError(f"there is no {source}; give a folder of images, of parquet shards, or of a DIV2K download")
    plan = []
    for split, images in open_splits(str(source)).items():
        number = min(len(images), 1 + sum(_size(images[i]) for i in range(len(images))) // SHARD)
        bounds = [len(images) * k // number for k in range(number + 1)]
        for k in range(number):
            path = f"data/{split}-{k:05d}-of-{number:05d}.parquet"
            plan.append(Shard(split, path, images, range(bounds[k], bounds[k + 1])))
    if not plan:
        raise ValueError(f"{source} contains no images")
    return plan


def _size(image: bytes | str) -> int:
    return len(image) if isinstance(image, bytes) else Path(image).stat().st_size


@dataclass
class Written:
    """What is in the shards so far."""

    images: Counter[str] = field(default_factory=Counter)  # per split
    damaged: list[str] = field(default_factory=list)       # names of the skipped images

    def check(self, source: str | Path) -> None:
        """Report what was skipped; raise ValueError if that is all of a split."""
        if self.damaged:
            shown = ", ".join(self.damaged[:5]) + (", ..." if len(self.damaged) > 5 else "")
            logger.warning("left out %d damaged images of %s: %s", len(self.damaged), source, shown)
        if empty := [split for split, count in self.images.items() if not count]:
            raise ValueError(f"{source} holds no readable image in its split {empty[0]}")


def _write_shards(plan: list[Shard], folder: Path, written: Written, progress: Callable | None) -> Iterator[tuple[str, Path]]:
    """Write the shards one after another; yields the path of each in the repository and on the disk."""
    import datasets  # imported late: both take seconds, and the library works without them
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    schema = datasets.Features({"hr": datasets.Image(), "name": datasets.Value("string")}).arrow_schema
    done, total = 0, sum(len(shard.which) for shard in plan)
    (folder / "data").mkdir(parents=True)
    for shard in plan:
        rows, size = [], 0
        with ParquetWriter(folder / shard.path, schema) as writer:
            for i in shard.which:
                name = shard.images.name(i)
                hr = _whole(shard.images[i], name)
                if hr is None:
                    written.damaged.append(name)
                else:
                    rows.append({"hr": hr, "name": name})
                    size += len(hr["bytes"])
                written.images[shard.split] += hr is not None
                if size >= ROW_GROUP or i == shard.which[-1]:
                    writer.write_table(pyarrow.Table.from_pylist(rows, schema))
                    rows, size = [], 0
                done += 1
                if progress:
                    progress(done, total)
        yield shard.path, folder / shard.path


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
    card = parsed(old or fill(CARD, name=repo_id.split("/")[-1], repo_id=repo_id))
    license = license or card.data.get("license")
    stated = f"`{license}`, as stated by the uploader." if license not in (None, "other") else ""
    notes = [DIV2K_TERMS, stated] if is_div2k(source) else [stated or UNSTATED]
    table = "\n".join(f"| {split} | {count} |" for split, count in counts.items())
    if block(card.text, FACTS_BLOCK) is None:
        card.text += "\n" + "\n".join(FACTS_BLOCK) + "\n"
    card.text = with_block(card.text, FACTS_BLOCK, fill(FACTS, table=table, licence=" ".join(notes).strip()).strip())
    card.data["license"] = license or "other"
    card.data.pop("dataset_info", None)  # the sizes of earlier shards, with which `datasets` would not load the new ones
    return card
