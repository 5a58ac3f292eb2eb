"""HR photos -> a dataset repository of parquet shards and a card on the Hub.

Image files are stored unchanged in the column `hr`; nothing is re-encoded."""

from __future__ import annotations

import io
import itertools
import logging
import tempfile
import warnings
from pathlib import Path

from huggingface_hub import HfApi, RepoCard
from PIL import Image
from tqdm import tqdm

from srgan_hub.data.sources import Images, open_splits
from srgan_hub.hub.card import Block, block, fill, parsed, with_block
from srgan_hub.hub.download import hub_errors
from srgan_hub.hub.push import CARD, card_on_hub, check_id, check_token, make_repo

logger = logging.getLogger(__name__)

SHARD = 64     # photos in a file
ROW_GROUP = 8  # photos that a reader holds to show a single one
SHARDS = "data/*-of-*.parquet"
FACTS_BLOCK: Block = ("<!-- facts: written by `srgan-hub dataset push` -->", "<!-- end of facts -->")
DIV2K_TERMS = "DIV2K is for academic research only, and its photographs remain their owners': do not push it publicly."
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

photos = load_dataset("{repo_id}", split="train")
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


def push_dataset(source: str | Path, repo_id: str, *, private: bool = False, license: str | None = None) -> str:
    """Push the photos of a folder to the dataset repository "user/name" in one commit; returns its address.

    source: as for open_splits, on this machine. private: make a repository that only its owner sees. license: an identifier of
    the Hub. The shards of an earlier push are replaced. In an existing card, the license and the facts below the text are
    updated. Raises ValueError, in a sentence that says what to do, if anything is refused; nothing is committed then.
    """
    check_id(repo_id, "dataset")
    api = HfApi()
    with hub_errors(repo_id):
        check_token(api)  # before hours of work
    if not Path(source).exists():
        raise ValueError(f"there is no {source}; give a folder of images, of parquet shards, or of a DIV2K download")
    splits = {split: images for split, images in open_splits(str(source)).items() if len(images)}
    if "div2k" in str(Path(source).resolve()).lower() and not private:
        logger.warning("%s", DIV2K_TERMS)
    with hub_errors(repo_id), tempfile.TemporaryDirectory(prefix="srgan-hub-") as folder:
        url = make_repo(api, repo_id, "dataset", private)
        old = card_on_hub(repo_id, "dataset")
        _card(repo_id, license, {}, old).validate(repo_type="dataset")
        counts = {split: write_shards(images, Path(folder), split) for split, images in splits.items()}
        _card(repo_id, license, counts, old).save(Path(folder, CARD))
        api.upload_folder(
            repo_id=repo_id, repo_type="dataset", folder_path=folder, delete_patterns=SHARDS,
            commit_message=f"Push {sum(counts.values())} images",
        )  # fmt: skip
    return url


def write_shards(images: Images, folder: Path, split: str) -> int:
    """Write a split into data/ of the folder; returns its number of images. Damaged ones are left out, with one warning.

    Raises ValueError if none is left."""
    import datasets  # imported late: both take seconds, and the library works without them
    import pyarrow.parquet

    schema = datasets.Features({"hr": datasets.Image(), "name": datasets.Value("string")}).arrow_schema
    (folder / "data").mkdir(exist_ok=True)
    count, number, damaged = 0, -(-len(images) // SHARD), []
    left = iter(tqdm(range(len(images)), split, unit=" images", disable=None))
    for k in range(number):
        rows = []
        for i in itertools.islice(left, SHARD):
            name = images.name(i)
            if hr := _whole(images[i], name):
                rows.append({"hr": hr, "name": name})
            else:
                damaged.append(name)
        count += len(rows)
        path = folder / "data" / f"{split}-{k:05d}-of-{number:05d}.parquet"
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema), path, row_group_size=ROW_GROUP)
    if damaged:
        logger.warning("left out %d damaged images: %s", len(damaged), ", ".join(damaged))
    if not count:
        raise ValueError(f"there is no readable image in the split {split}")
    return count


def _whole(image: bytes | str, name: str) -> dict | None:
    """{"bytes", "path"}, as `datasets` stores an image, or None if Pillow cannot decode all of it."""
    data = image if isinstance(image, bytes) else Path(image).read_bytes()
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as opened:
            opened.load()
            return {"bytes": data, "path": f"{name}.{opened.format.lower()}"}
    except Exception:  # Pillow's decoders raise all kinds of errors for damaged files
        return None


def _card(repo_id: str, license: str | None, counts: dict[str, int], old: str | None) -> RepoCard:
    """The card for so many images per split. The text of an earlier card, and whatever else its owner added, is kept."""
    card = parsed(old or fill(NEW_CARD, name=repo_id.split("/")[-1], repo_id=repo_id))
    license = license or card.data.get("license")
    stated = f"`{license}`, as stated by the uploader." if license not in (None, "other") else UNSTATED
    table = "\n".join(f"| {split} | {count} |" for split, count in counts.items())
    if block(card.text, FACTS_BLOCK) is None:
        card.text += "\n" + "\n".join(FACTS_BLOCK) + "\n"
    card.text = with_block(card.text, FACTS_BLOCK, fill(FACTS, table=table, license=stated).strip())
    card.data["license"] = license or "other"
    card.data.pop("dataset_info", None)  # the sizes of earlier shards, with which `datasets` would not load the new ones
    return card
