import os
import time
from pathlib import Path

import pyarrow as pa
import pytest

from conftest import flat, show_datasets, write_files, write_shard, zipped
from srgan_hub.data.remote import fetch
from srgan_hub.data.sources import choose, open_splits, open_stream, split_names

pytestmark = pytest.mark.usefixtures("datasets_cache")

HR = {f"DIV2K_train_HR/{n:04d}.png": flat(n) for n in range(1, 4)}
VALID = {f"DIV2K_valid_HR/{n:04d}.png": flat(n - 700) for n in (801, 802)}
LR = {f"DIV2K_train_LR_bicubic/X4/{n:04d}x4.png": flat(n + 200, 6, 5) for n in range(1, 4)}


def contents(dataset, **options):
    """{split: encoded images}, of the splits themselves; of a stream of each the same is required."""
    opened = open_splits(str(dataset), **options)
    splits = {name: [data(images[i]) for i in range(len(images))] for name, images in opened.items()}
    column = {"column": options.pop("column")} if "column" in options else {}
    assert split_names(str(dataset), **options) == list(splits)
    for name, images in splits.items():
        rows = open_stream(str(dataset), name, **options, **column)
        assert [data(fetch(image)) for (image,) in map(dict.values, rows)] == images
    return splits


def data(encoded):
    return Path(encoded).read_bytes() if isinstance(encoded, str) else encoded


def test_folders_train_and_validation_become_splits(tmp_path):
    files = {"train/1.png": flat(1), "train/deep/er/2.PNG": flat(2), "train/4.jpg": flat(4), "validation/3.png": flat(3)}
    found = contents(write_files(tmp_path / "photos [2024]", {**files, "train/notes.txt": b"no image", "0.png": flat(9)}))
    assert {name: sorted(images) for name, images in found.items()} == {
        "train": sorted([flat(1), flat(2), flat(4)]),
        "validation": [flat(3)],
    }


def test_several_datasets_with_commas_are_one_by_split(tmp_path):
    one = write_files(tmp_path / "one", {"train/1.png": flat(1), "validation/2.png": flat(2)})
    other = write_files(tmp_path / "other", {"3.png": flat(3), "4.png": flat(4)})
    both = open_splits(f"{one}, {other}")
    images = both["train"]
    assert sorted(data(images[i]) for i in range(len(images))) == sorted([flat(1), flat(3), flat(4)])
    assert images.name(0) == "1" and len(both["validation"]) == 1
    assert images.fingerprint != open_splits(str(one))["train"].fingerprint
    with pytest.raises(IndexError):
        images[3]
    with pytest.raises(ValueError, match="only one dataset can be streamed at a time"):
        open_stream(f"{one},{other}", "train")


@pytest.mark.parametrize(
    "names",
    [
        ["1.png", "2.png", "my test 3.png"],            # `datasets` itself would take this for a test split, without the others
        ["a/1.png", "b/2.png", "b/test shots/3.png"],
        ["cats/1.png", "dogs/2.png", "dogs/val/3.png"],  # a folder named as a split, but no train/
        ["a[1]/1.png", "a[1]/b[0-9].png", "a[1]/*.png"],
    ],
)
def test_a_tree_without_train_is_all_to_train_on(tmp_path, names):
    files = {name: flat(value) for value, name in enumerate(names)}
    found = contents(write_files(tmp_path / "photos [2024]", files))
    assert {name: sorted(images) for name, images in found.items()} == {"train": sorted(files.values())}


def test_a_table_beside_the_images_leaves_none_of_them_out(tmp_path):
    files = {"1.png": flat(1), "2.png": flat(2), "metadata.csv": b"file_name,text\n1.png,one\n"}
    assert len(contents(write_files(tmp_path / "csv", files))["train"]) == 2
    write_shard(write_files(tmp_path / "parquet", {"1.png": flat(1)}) / "metadata.parquet", [None], file_name=["1.png"])
    assert contents(tmp_path / "parquet") == {"train": [flat(1)]}


def test_folder_of_shards(tmp_path):
    for name, values in {"train-0": (1, 2, 3), "train-1": (4, 5), "validation-0": (6,)}.items():
        write_shard(tmp_path / "a [1]" / "data" / f"{name}.parquet", [flat(value) for value in values], name=["n"] * len(values))
    assert contents(tmp_path / "a [1]") == {"train": [flat(value) for value in range(1, 6)], "validation": [flat(6)]}


def test_shards_of_bare_bytes_or_of_several_columns(tmp_path):
    write_shard(tmp_path / "bare" / "0.parquet", [flat(1), flat(2)], bare=True, name=["a", "b"])
    assert contents(tmp_path / "bare") == {"train": [flat(1), flat(2)]}
    image = pa.array([{"bytes": flat(value), "path": "p.png"} for value in (3, 4)])
    write_shard(tmp_path / "pair" / "0.parquet", [flat(1), flat(2)], column="lr", hr=image)
    assert contents(tmp_path / "pair") == {"train": [flat(3), flat(4)]}
    assert contents(tmp_path / "pair", column="lr") == {"train": [flat(1), flat(2)]}
    for opened in (open_splits, lambda *args, **more: open_stream(*args, "train", **more)):
        with pytest.raises(ValueError, match="has no image column 'x'; it has: lr, hr"):
            opened(str(tmp_path / "pair"), column="x")


def test_div2k_as_folders_takes_hr_alone(tmp_path):
    folder = write_files(tmp_path / "DIV2K", HR | VALID | LR)
    assert contents(folder) == {"train": [*HR.values()], "validation": [*VALID.values()]}
    assert contents(folder / "DIV2K_train_HR") == {"train": [*HR.values()]}


@pytest.mark.parametrize("where", ["", "DIV2K_train_HR.zip"])
def test_div2k_as_zips_takes_hr_alone(tmp_path, where):
    zips = {"DIV2K_train_HR.zip": HR, "DIV2K_valid_HR.zip": VALID, "DIV2K_train_LR_bicubic_X4.zip": LR}
    folder = write_files(tmp_path / "a [1]", {name: zipped(files) for name, files in zips.items()})
    assert contents(folder / where) == {"train": [*HR.values()], "validation": [*VALID.values()]}


def test_a_zip_is_read_though_it_was_unpacked_beside_it(tmp_path):
    write_files(tmp_path, {"DIV2K_train_HR.zip": zipped(HR), "DIV2K_train_HR/half.png": flat(9), "DIV2K_valid_HR/0.png": flat(8)})
    assert contents(tmp_path / "DIV2K_train_HR.zip") == {"train": [*HR.values()]}
    assert contents(tmp_path) == {"train": [flat(9)], "validation": [flat(8)]}


def test_any_zip_of_images(tmp_path):
    files = {"b/2.png": flat(2), "a/1.png": flat(1), "__MACOSX/a/._1.png": b"none"}
    write_files(tmp_path, {"Some photos.ZIP": zipped(files)})
    assert sorted(contents(tmp_path / "Some photos.ZIP")["train"]) == sorted([flat(1), flat(2)])
    write_files(tmp_path / "folder", {"some.zip": zipped({"a/1.png": flat(1), "b/2.png": flat(2)})})
    assert len(contents(tmp_path / "folder")["train"]) == 2


@pytest.mark.parametrize(
    "files",
    [
        {"HR/1.png": flat(1), "LR/1.png": flat(2)},
        {"x/" + name: image for name, image in (HR | LR).items()},
        {"train/hr/1.png": flat(1), "train/lr_x4/1.png": flat(2), "validation/1.png": flat(3)},
        {"DIV2K_valid_HR.zip": zipped(VALID), "DIV2K_valid_LR.zip": zipped(LR)},
        {"all.zip": zipped(HR | LR)},
    ],
)
def test_lr_beside_hr_is_refused_with_the_way_out(tmp_path, files):
    folder = write_files(tmp_path / "my_LR_work" / "photos", files)
    with pytest.raises(ValueError, match=r"photos holds LR images beside HR ones \(.*\); .* --data_files"):
        open_splits(str(folder))
    if "all.zip" not in files:
        with pytest.raises(ValueError, match="holds LR images beside HR ones"):
            open_stream(str(folder), "train")


def test_lr_alone_is_as_good_as_any(tmp_path):
    assert len(contents(write_files(tmp_path / "LR", LR))["train"]) == 3


@pytest.mark.parametrize(
    ("pattern", "values"), [("HR/*.png", {1, 2}), ("HR", {1, 2}), ("HR/**", {1, 2}), ("**/1.png", {1}), ("set.zip", {5, 6})]
)
def test_data_files_of_a_local_folder(tmp_path, pattern, values):
    inside = zipped({"a/5.png": flat(5), "b/6.png": flat(6)})
    files = {"HR/1.png": flat(1), "HR/2.png": flat(2), "LR/x1.png": flat(3), "set.zip": inside}
    assert set(contents(write_files(tmp_path / "x", files), data_files=pattern)["train"]) == {flat(value) for value in values}


def test_data_files_of_a_folder_of_shards(tmp_path):
    for name, value in {"a": 1, "b": 2}.items():
        write_shard(tmp_path / f"{name}.parquet", [flat(value)])
    assert contents(tmp_path, data_files="b.parquet") == {"train": [flat(2)]}


def test_what_is_not_there_is_one_sentence(tmp_path):
    folder = str(write_files(tmp_path / "photos", {"train/1.png": flat(1), "validation/1.png": flat(2), "notes.txt": b"text"}))
    (tmp_path / "empty").mkdir()
    for words, dataset, options in [
        ("--dataset is empty; give a folder of images, a folder of parquet shards, or a Hub id", "", {}),
        ("is a file; give the folder of images or parquet shards, or a zip", f"{folder}/notes.txt", {}),
        ("is a file; give the folder", f"{folder}/train/1.png", {}),
        ("nowhere' cannot be loaded: ", str(tmp_path / "nowhere"), {}),
        ("empty' cannot be loaded: .*doesn't contain any data files", str(tmp_path / "empty"), {}),
        ("photos' cannot be loaded: .*", folder, dict(data_files="*.nothing")),
        ("photos' cannot be loaded: .*", folder, dict(data_files="nothing.png")),
    ]:
        for opened in (open_splits, split_names):
            if opened is split_names and not dataset:
                continue
            with pytest.raises(ValueError, match=words) as caught:
                opened(dataset, **options)
            assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_wrong_split_names_those_there_are(tmp_path):
    folder = str(write_files(tmp_path / "photos", {"train/1.png": flat(1), "val/1.png": flat(2)}))
    words = r"photos has no split 'test'; it has: train, validation \(choose with --split\)"
    with pytest.raises(ValueError, match=words):
        choose(open_splits(folder), "test", folder)
    with pytest.raises(ValueError, match=words):
        open_stream(folder, "test")
    assert choose(open_splits(folder), "validation", folder) == "validation"


def test_configuration_of_a_local_folder(tmp_path):
    card = "---\nconfigs:\n- config_name: {}\n  data_files: {}/*.parquet\n- config_name: {}\n  data_files: {}/*.parquet\n---\n"
    write_files(tmp_path, {"README.md": card.format("small", "small", "large", "large").encode()})
    for name, value in {"small": 1, "large": 2}.items():
        write_shard(tmp_path / name / "0.parquet", [flat(value)])
    assert contents(tmp_path, config="large") == {"train": [flat(2)]}
    with pytest.raises(ValueError, match=r"cannot be loaded: .*middle"):
        open_splits(str(tmp_path), config="middle")


@pytest.mark.parametrize("kind", ["folder", "zip", "shards"])
def test_fingerprint_changes_with_a_file_and_only_then(tmp_path, kind):
    if kind == "shards":
        changed = write_shard(tmp_path / "x" / "0.parquet", [flat(1)])
    elif kind == "zip":
        changed = write_files(tmp_path, {"x.zip": zipped({"1.png": flat(1)})}) / "x.zip"
    else:
        changed = write_files(tmp_path / "x", {"1.png": flat(1), "2.png": flat(2)}) / "1.png"
    dataset = str(tmp_path / ("x.zip" if kind == "zip" else "x"))
    before = open_splits(dataset)["train"].fingerprint
    assert open_splits(dataset)["train"].fingerprint == before
    os.utime(changed, (time.time(), changed.stat().st_mtime + 3))
    assert open_splits(dataset)["train"].fingerprint != before


def test_fingerprint_tells_columns_and_splits_apart(tmp_path):
    image = pa.array([{"bytes": flat(2), "path": None}])
    write_shard(tmp_path / "train" / "0.parquet", [flat(1)], column="lr", hr=image)
    write_shard(tmp_path / "validation" / "0.parquet", [flat(1)], column="lr", hr=image)
    for options in ({}, dict(data_files="*/*.parquet")):  # read here, and by `datasets`
        opened = [open_splits(str(tmp_path), column=column, **options) for column in ("lr", "hr")]
        assert len({images.fingerprint for splits in opened for images in splits.values()}) == (2 if options else 4)


def test_hub_id_with_column_configuration_or_pattern(hub, tmp_path):
    image = pa.array([{"bytes": flat(2), "path": None}])
    pair = write_shard(tmp_path / "pair.parquet", [flat(1)], column="lr", hr=image).read_bytes()
    one, two = (write_shard(tmp_path / f"{n}.parquet", [flat(n)]).read_bytes() for n in (1, 2))
    card = b"---\nconfigs:\n- config_name: a\n  data_files: a/*.parquet\n- config_name: b\n  data_files: b/*.parquet\n---\n"
    hub.seed("dataset", "lab/pair", {"data/train-0.parquet": pair, "data/test-0.parquet": pair})
    hub.seed("dataset", "lab/configs", {"README.md": card, "a/0.parquet": one, "b/0.parquet": two})
    hub.seed("dataset", "lab/mixed", {"HR/1.png": flat(1), "LR/1.png": flat(2)})
    hub.seed("dataset", "lab/labels", {"a/1.png": flat(1), "b/2.png": flat(2)})
    hub.seed("dataset", "lab/zips", {"all.zip": zipped({"a/1.png": flat(1), "b/2.png": flat(2)})})
    hub.seed("dataset", "lab/private", {"1.png": flat(3)}, private=True)
    done = show_datasets(
        hub,
        "show('lab/pair'); show('lab/pair', column='lr'); show('lab/pair', column='sr')\n"
        "show('lab/configs', config='b'); show('lab/configs')\n"
        "show('lab/mixed'); show('lab/mixed', data_files='HR/*')\n"
        "show('lab/labels'); show('lab/zips'); show('lab/private'); show('lab/nothing')\n",
    )
    lines = done.stdout.splitlines()
    assert lines[:4] == ["lab/pair train 2", "lab/pair test 2", "lab/pair train 1", "lab/pair test 1"]
    assert lines[4] == "lab/pair has no image column 'sr'; it has: lr, hr"
    assert lines[5] == "lab/configs train 2"
    assert lines[6].startswith("the dataset 'lab/configs' cannot be loaded: Config name is missing.")
    assert lines[7].startswith("lab/mixed holds LR images beside HR ones")
    assert lines[8:12] == ["lab/mixed train 1", "lab/labels train 1 2", "lab/zips train 1 2", "lab/private train 3"]
    assert lines[12].startswith("the dataset 'lab/nothing' cannot be loaded: Dataset 'lab/nothing' doesn't exist")
    assert len(lines) == 13


def test_fingerprint_of_a_hub_dataset_changes_with_its_files_and_not_from_run_to_run(hub, tmp_path):
    def fingerprints():
        code = "for id in ('lab/files', 'lab/shards'): print(open_splits(id)['train'].fingerprint)"
        return show_datasets(hub, code, cold=True).stdout.splitlines()

    hub.seed("dataset", "lab/files", {"1.png": flat(1)})
    hub.seed("dataset", "lab/shards", {"data/train-0.parquet": write_shard(tmp_path / "0.parquet", [flat(1)]).read_bytes()})
    before = fingerprints()
    hub.seed("dataset", "lab/files", {"1.png": flat(2)})
    after = fingerprints()
    assert before[0] != after[0] and before[1] == after[1]
