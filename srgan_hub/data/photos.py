"""HR photographs from a Hub dataset or a local folder, decoded once, as (H, W, 3) uint8 RGB arrays."""

from __future__ import annotations

import io
import logging

import numpy as np
from PIL import Image

from srgan_hub.imaging.convert import normalise

logger = logging.getLogger(__name__)

PREFERRED_COLUMNS = ("hr", "HR", "image")


def load_photos(dataset: str, split: str = "train") -> list[np.ndarray]:
    """Every readable image of one split of a Hub id or folder (images or parquet).

    Raises ValueError if the dataset, the split or the image column cannot be found, or nothing can be read.
    """
    rows = _load(dataset)
    if split not in rows:
        raise ValueError(f"{dataset} has no split {split!r}; it has: {', '.join(rows)}")
    column = image_column(rows[split].features)
    photos, unreadable = [], 0
    import datasets  # late: it takes seconds, and the library is used without it

    for encoded in rows[split].select_columns([column]).cast_column(column, datasets.Image(decode=False)):
        try:
            photos.append(decode(encoded[column]))
        except Exception:  # for damaged files Pillow's decoders raise whatever comes
            unreadable += 1
    if unreadable:
        logger.warning("left out %d images of %s that cannot be read", unreadable, dataset)
    if not photos:
        raise ValueError(f"{dataset}, split {split!r}, holds no readable image ({unreadable} are damaged)")
    return photos


def splits(dataset: str) -> list[str]:
    """Names of a dataset's splits."""
    return list(_load(dataset))


def _load(dataset: str):
    import datasets

    try:
        return datasets.load_dataset(dataset)
    except Exception as error:  # datasets raises dozens of kinds, builtin ones among them
        raise ValueError(f"the dataset {dataset!r} cannot be loaded: {str(error).splitlines()[0]}") from error


def image_column(features) -> str:
    """Name of the column of HR images: the only image column, or the one named hr, HR or image."""
    import datasets

    columns = [name for name, feature in features.items() if isinstance(feature, datasets.Image)]
    if len(columns) == 1:
        return columns[0]
    for name in PREFERRED_COLUMNS:
        if name in columns:
            return name
    raise ValueError(f"need one image column, or one named {', '.join(PREFERRED_COLUMNS)}; found: {', '.join(features)}")


def decode(encoded: dict) -> np.ndarray:
    """{"bytes", "path"}, as `datasets` keeps an image, -> (H, W, 3) uint8 RGB."""
    source = encoded["path"] if encoded["bytes"] is None else io.BytesIO(encoded["bytes"])
    with Image.open(source) as image:
        return np.asarray(normalise(image).convert("RGB"))
