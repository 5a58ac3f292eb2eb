import pyarrow as pa
import pytest
from pyarrow import parquet

from conftest import flat, show_datasets, zipped
from srgan_hub.data.sources import PRESETS

# the grey of an HR image is its number, from 801 on less 700; that of an LR image is above 200
HR = {f"DIV2K_train_HR/{n:04d}.png": flat(n) for n in (1, 2, 3)}
VALID = {f"DIV2K_valid_HR/{n:04d}.png": flat(n - 700) for n in (801, 802)}
LR = {f"DIV2K_train_LR_bicubic/X{s}/{n:04d}x{s}.png": flat(200 + n, 24 // s, 20 // s) for n in (1, 2, 3) for s in (2, 4)}
VALID_LR = {name.replace("train", "valid").replace("/000", "/080"): image for name, image in LR.items()}


@pytest.fixture
def look_alikes(hub, tmp_path):
    """What is known of the repositories' files, with pictures of a few pixels."""
    zips = {"DIV2K_train_HR": HR, "DIV2K_valid_HR": VALID, "DIV2K_train_LR_bicubic_X4": LR, "DIV2K_valid_LR_bicubic_X4": VALID_LR,
            "DIV2K_train_LR_mild": LR, "DIV2K_train_LR_x8": LR}  # fmt: skip
    loose = HR | {f"DIV2K_train_LR_bicubic_X{name.split('/')[1][1]}/{name}": image for name, image in LR.items()}
    card = {"README.md": b"---\nlicense: other\ntask_categories:\n- image-to-image\n---\nDIV2K\n"}
    hub.seed("dataset", "goodfellowliu/DIV2K", card | {f"{name}.zip": zipped(files) for name, files in zips.items()})
    hub.seed("dataset", "yangtao9009/DIV2K", card | {"DIV2K_train.zip": zipped(HR)})
    hub.seed("dataset", "mAiello00/DIV2K", card | loose)
    hub.seed("dataset", "lab/site", {f"{name}.zip": zipped(files) for name, files in zips.items()})  # stands for DIV2K's own

    def table(lr_folder: str, lr: dict, hr: dict) -> bytes:
        def links(names, folder):
            return [f"zip://{name}::{hub.url}/datasets/lab/site/resolve/main/{folder}.zip" for name in names]

        columns = {"lr": links([name for name in lr if "X4" in name], lr_folder), "hr": links(hr, next(iter(hr)).split("/")[0])}
        parquet.write_table(pa.table(columns), tmp_path / "links.parquet")
        return (tmp_path / "links.parquet").read_bytes()

    train = table("DIV2K_train_LR_bicubic_X4", LR, HR)
    valid = table("DIV2K_valid_LR_bicubic_X4", dict(list(VALID_LR.items())[:4]), VALID)
    hub.seed("dataset", "eugenesiow/Div2k", card | {"Div2k.py": b"raise SystemExit('a script')"})
    tables = {f"{name}/{split}/0000.parquet": data for name in ("bicubic_x2", "bicubic_x4", "unknown_x4")
              for split, data in (("train", train), ("validation", valid))}  # fmt: skip
    hub.seed("dataset", "eugenesiow/Div2k", tables, revision="refs/convert/parquet")
    return hub


def test_each_preset_loads_the_hr_images_of_its_look_alike(look_alikes):
    ids = ["goodfellowliu/DIV2K", "yangtao9009/DIV2K", "mAiello00/DIV2K", "eugenesiow/Div2k"]
    assert {id.lower() for id in ids} == PRESETS.keys()
    done = show_datasets(look_alikes, f"for id in {ids}: show(id)")
    assert done.stdout.splitlines() == [
        "goodfellowliu/DIV2K train 1 2 3",
        "goodfellowliu/DIV2K validation 101 102",
        "yangtao9009/DIV2K train 1 2 3",
        "mAiello00/DIV2K train 1 2 3",
        "eugenesiow/Div2k train 1 2 3",
        "eugenesiow/Div2k validation 101 102",
    ]
    for id in ids:
        assert f"{id} is loaded with a preset that was tested on a look-alike, not on the repository itself" in done.stderr


def test_without_its_preset_such_a_repository_is_mixed_or_refused(look_alikes):
    """The same files again, by `datasets` alone: HR and LR in one split, no images, or the script."""
    done = show_datasets(
        look_alikes,
        "from srgan_hub.data import sources\n"
        "sources.PRESETS = {}\n"
        "from datasets import load_dataset\n"
        "print(load_dataset('mAiello00/DIV2K')['train'].num_rows)\n"
        "for id in ('goodfellowliu/DIV2K', 'mAiello00/DIV2K', 'eugenesiow/Div2k'): show(id)\n"
        "show('mAiello00/DIV2K', data_files='DIV2K_train_HR/*'); show('goodfellowliu/DIV2K', data_files='DIV2K_train_HR.zip')",
    )
    rows, zips, loose, script, *by_pattern = done.stdout.splitlines()
    assert int(rows) == len(HR) + len(LR)
    assert zips.startswith("goodfellowliu/DIV2K holds LR images beside HR ones (hf://datasets/goodfellowliu/DIV2K@")
    assert loose.startswith("mAiello00/DIV2K holds LR images beside HR ones (")
    assert script.startswith("the dataset 'eugenesiow/Div2k' cannot be loaded: Dataset scripts are no longer supported")
    assert by_pattern == ["mAiello00/DIV2K train 1 2 3", "goodfellowliu/DIV2K train 1 2 3"]
    assert not list(look_alikes.home.rglob("*_LR_*.zip"))  # refused before it was downloaded
