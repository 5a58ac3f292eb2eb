"""How the Hub's copies of DIV2K load: most mix HR and LR files in one split, hold zips, or grow a label column."""

from __future__ import annotations

from typing import NamedTuple


class Preset(NamedTuple):
    options: dict                     # keywords of datasets.load_dataset
    links: tuple[str, ...] = ()       # columns that hold the addresses of images as text


# By lower-case id. Each loads a look-alike of its repository in the tests; none was run against the Hub itself.
PRESETS = {
    "goodfellowliu/div2k": Preset(
        dict(data_files={"train": "DIV2K_train_HR.zip", "validation": "DIV2K_valid_HR.zip"}, drop_labels=True)
    ),
    "yangtao9009/div2k": Preset(dict(data_files={"train": "DIV2K_train.zip"}, drop_labels=True)),
    "maiello00/div2k": Preset(dict(data_files={"train": "DIV2K_train_HR/**"}, drop_labels=True)),
    # the script of its main branch no longer loads; the converted tables name files in the zips of DIV2K's own site
    "eugenesiow/div2k": Preset(dict(revision="refs/convert/parquet", data_dir="bicubic_x4"), links=("hr",)),
}
UNVERIFIED = "loads by a preset that was tested on a look-alike, not on the repository itself"
