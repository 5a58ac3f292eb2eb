"""HR photos -> a dataset repository of parquet shards and a card, on the Hub or in a folder.

Image files are stored unchanged in the column `hr`; nothing is re-encoded."""

from __future__ import annotations

import io
import logging
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, DatasetCard, HfApi, hf_hub_download
from huggingface_hub.errors import RemoteEntryNotFoundError
from PIL import Image

from srgan_hub.data.sources import Images, open_splits
from srgan_hub.hub.card import Block, block, fill, with_block
from srgan_hub.hub.push import check_id, check_license, check_token, hub_errors, make_repo

logger = logging.getLogger(__name__)

SHARD = 128 * 10**6      # approximate bytes of images in a shard: enough shards of DIV2K for every worker of a streamed training
ROW_GROUP = 100 * 10**6  # maximum bytes of images in a row group: what a reader holds to show or stream a single image
SHARD_NAME = re.compile(r"data/\w+-\d{5}-of-\d{5}\.parquet")
MARKS: Block = ("<!-- facts: written by `srgan-hub dataset push` -->", "<!-- end of facts -->")
DIV2K_TERMS = (
    "DIV2K (Agustsson and Timofte 2017, <https://data.vision.ee.ethz.ch/cvl/DIV2K/>) is for academic research only, and its "
    "photographs remain their owners'. Do not push it publicly without the right to."
)
UNSTATED = "other: not stated. The uploader of these photos did not name a licence: ask before using them."

CARD = """
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

{start}
{end}
"""
FACTS = """
| split | images | MB |
| --- | --- | --- |
{table}

**Licence.** {licence}
"""


@dataclass
class Written:
    """Totals of the shards written so far."""

    images: dict[str, int] = field(default_factory=dict)  # per split
    bytes: dict[str, int] = field(default_factory=dict)   # per split, as tables in memory
    download: int = 0                                     # bytes of all shards
    damaged: list[str] = field(default_factory=list)      # names of the skipped images


def push_dataset(
    source: str | Path,
    repo_id: str,
    *,
    private: bool = False,
    shards: int | None = None,
    license: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Push the photos of a folder to the dataset repository "user/name" in one commit; returns its address.

    source: as for open_splits, on this machine. private: make a repository that only its owner sees. shards: of the train split
    [one for every 128 MB]. license: an identifier of the Hub. progress(done, of): called after every image.
    The shards of an earlier push are replaced. In an existing card, the front matter and the facts below the text are updated.
    Raises ValueError, in a sentence that says what to do, if anything is refused; nothing is committed then.
    """
    check_id(repo_id, "dataset")
    api = HfApi()
    with hub_errors(repo_id):
        check_token(api)  # before hours of work
        check_license(license, ask=True)
    plan = _plan(_open(source), shards)
    with hub_errors(repo_id):
        url = make_repo(api, repo_id, "dataset", private)
        old = _card_on_hub(repo_id)
        if is_div2k(source) and not private:
            logger.warning("%s", DIV2K_TERMS)
        written, additions = Written(), []
        with tempfile.TemporaryDirectory(prefix="srgan-hub-") as folder:
            for path, file in _write_shards(plan, Path(folder), written, progress):
                additions.append(CommitOperationAdd(path, str(file)))
                api.preupload_lfs_files(repo_id, additions[-1:], repo_type="dataset")
                file.unlink()  # so that the disk holds one shard at a time
        _check_readable(written, source)
        card = _card(repo_id, source, license, written, old)
        additions.append(CommitOperationAdd("README.md", str(card).encode()))
        new = {addition.path_in_repo for addition in additions}
        there = api.list_repo_files(repo_id, repo_type="dataset")
        stale = [CommitOperationDelete(path) for path in there if SHARD_NAME.fullmatch(path) and path not in new]
        message = f"Push {sum(written.images.values())} images"
        api.create_commit(repo_id, additions + stale, commit_message=message, repo_type="dataset")
    return url


def write_dataset(
    source: str | Path,
    folder: str | Path,
    repo_id: str = "user/name",
    *,
    shards: int | None = None,
    license: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Write what `push_dataset` would push into a new or empty folder; returns the number of images in every split.

    Needs no network. Raises ValueError as `push_dataset` does; the folder is then left as it was.
    """
    check_id(repo_id, "dataset")
    check_license(license, ask=False)
    plan = _plan(_open(source), shards)
    folder = Path(folder)
    was_there = folder.exists()
    if was_there and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} exists and is not an empty folder; choose another")
    written = Written()
    try:
        for _ in _write_shards(plan, folder, written, progress):
            pass
        _check_readable(written, source)
        _card(repo_id, source, license, written).save(folder / "README.md")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if was_there:
            folder.mkdir()
        raise
    return written.images


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


class Shard(NamedTuple):
    split: str
    path: str  # in the repository
    images: Images
    which: range  # numbers of the images


def _plan(splits: dict[str, Images], shards: int | None) -> list[Shard]:
    plan = []
    for split, images in splits.items():
        if shards and split == "train":
            number = shards
        else:
            number = min(len(images), 1 + sum(_size(images[i]) for i in range(len(images))) // SHARD)
        if number > len(images):
            raise ValueError(f"cannot make {number} shards of {len(images)} images; choose --shards {len(images)} or less")
        bounds = [len(images) * k // number for k in range(number + 1)]
        for k in range(number):
            which = range(bounds[k], bounds[k + 1])
            plan.append(Shard(split, f"data/{split}-{k:05d}-of-{number:05d}.parquet", images, which))
    return plan


def _size(image: bytes | str) -> int:
    return len(image) if isinstance(image, bytes) else Path(image).stat().st_size


def _write_shards(plan: list[Shard], folder: Path, written: Written, progress: Callable | None) -> Iterator[tuple[str, Path]]:
    """Write the shards one after another; yields the path of each in the repository and on the disk."""
    from datasets.arrow_writer import ParquetWriter  # imported late: it takes seconds, and the library works without it

    done, total = 0, sum(len(shard.which) for shard in plan)

    def tick() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, total)

    (folder / "data").mkdir(parents=True)
    for shard in plan:
        file = folder / shard.path
        with ParquetWriter(features=_features(), path=str(file)) as writer:
            for rows in _row_groups(shard, written.damaged, tick):
                writer.write_batch(rows)
            count, table_bytes = writer.finalize()
        written.images[shard.split] = written.images.get(shard.split, 0) + count
        written.bytes[shard.split] = written.bytes.get(shard.split, 0) + table_bytes
        written.download += file.stat().st_size
        yield shard.path, file


def _row_groups(shard: Shard, damaged: list[str], tick: Callable[[], None]) -> Iterator[dict[str, list]]:
    """The columns of every row group. Names of damaged images go to `damaged`; `tick` is called after every image."""
    rows, size = {"hr": [], "name": []}, 0
    for i in shard.which:
        name = shard.images.name(i)
        hr = _whole(shard.images[i], name)
        if hr is None:
            damaged.append(name)
        else:
            if rows["hr"] and size + len(hr["bytes"]) > ROW_GROUP:
                yield rows
                rows, size = {"hr": [], "name": []}, 0
            rows["hr"].append(hr)
            rows["name"].append(name)
            size += len(hr["bytes"])
        tick()
    yield rows


def _features():
    import datasets

    return datasets.Features({"hr": datasets.Image(), "name": datasets.Value("string")})


def _whole(image: bytes | str, name: str) -> dict | None:
    """{"bytes", "path"}, as `datasets` stores an image, or None if Pillow cannot decode all of it."""
    data = image if isinstance(image, bytes) else Path(image).read_bytes()
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as opened:
            opened.load()
            return {"bytes": data, "path": f"{name}.{opened.format.lower()}"}
    except Exception:  # Pillow's decoders raise all kinds of errors for damaged files
        return None


def _check_readable(written: Written, source: str | Path) -> None:
    """Report what was skipped; raise ValueError if that is all of a split."""
    if written.damaged:
        shown = ", ".join(written.damaged[:5]) + (", ..." if len(written.damaged) > 5 else "")
        logger.warning("left out %d damaged images of %s: %s", len(written.damaged), source, shown)
    if empty := [split for split, count in written.images.items() if not count]:
        raise ValueError(f"{source} holds no readable image in its split {empty[0]}")


def _card_on_hub(repo_id: str) -> DatasetCard | None:
    try:
        path = hf_hub_download(repo_id, "README.md", repo_type="dataset")
    except RemoteEntryNotFoundError:
        return None
    try:
        return DatasetCard(Path(path).read_text(encoding="utf-8"))
    except Exception as error:  # PyYAML's own errors, or a ValueError
        raise ValueError(f"the front matter of the README.md of {repo_id} is not valid YAML; fix it on its page first") from error


def _card(repo_id: str, source: str | Path, license: str | None, written: Written, old: DatasetCard | None = None) -> DatasetCard:
    """The card for what was written. The text of an earlier card, and whatever else its owner added, is kept."""
    from datasets import DatasetInfo
    from datasets.info import DatasetInfosDict
    from datasets.splits import SplitDict, SplitInfo
    from datasets.utils.metadata import MetadataConfigs

    name = repo_id.split("/")[-1]
    card = old or DatasetCard("---\n{}\n---\n" + fill(CARD, name=name, repo_id=repo_id, start=MARKS[0], end=MARKS[1]))
    license = license or card.data.get("license")
    stated = f"`{license}`, as stated by the uploader." if license not in (None, "other") else ""
    notes = [DIV2K_TERMS, stated] if is_div2k(source) else [stated or UNSTATED]
    table = "\n".join(f"| {split} | {count} | {written.bytes[split] / 1e6:.1f} |" for split, count in written.images.items())
    if block(card.text, MARKS) is None:
        card.text += f"\n{MARKS[0]}\n{MARKS[1]}\n"
    card.text = with_block(card.text, MARKS, fill(FACTS, table=table, licence=" ".join(notes).strip()).strip())

    own = {"license": license or "other", "size_categories": [_size_category(sum(written.images.values()))]}
    default = {"task_categories": ["image-to-image"], "tags": ["super-resolution"], "pretty_name": name}
    for key, value in ({key: value for key, value in default.items() if not card.data.get(key)} | own).items():
        card.data[key] = value
    splits = SplitDict()
    for split in written.images:
        splits.add(SplitInfo(split, num_bytes=written.bytes[split], num_examples=written.images[split]))
    total = sum(written.bytes.values())
    info = DatasetInfo(features=_features(), splits=splits, download_size=written.download, dataset_size=total)
    DatasetInfosDict({"default": info}).to_dataset_card_data(card.data)
    files = [{"split": split, "path": f"data/{split}-*"} for split in written.images]
    MetadataConfigs({"default": {"data_files": files}}).to_dataset_card_data(card.data)
    return card


def _size_category(count: int) -> str:
    """The Hub's name for an order of magnitude, up to a million images."""
    for limit, name in ((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K")):
        if count < limit:
            return name
    return "100K<n<1M"
