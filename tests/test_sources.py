import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from conftest import ROOT, client, flat, show_datasets, write_files, write_shard, zipped
from srgan_hub.data.sources import choose, fetch, open_splits, open_stream, split_names

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
    with pytest.raises(ValueError, match="only one dataset can be streamed at a time"):
        open_stream(f"{one},{other}", "train")


@pytest.mark.parametrize(
    "names",
    [
        ["a/1.png", "b/2.png", "b/my test shots/3.png"],  # `datasets` would take the last for a test split, without the others
        ["cats/1.png", "dogs/2.png", "dogs/val/3.png"],   # a folder named as a split, but no train/
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


def test_shards_are_split_by_folder_or_name(tmp_path):
    folder = tmp_path / "my test set [1]"  # says nothing: it is the dataset's own name
    for value, name in enumerate(("0", "data/train-00000-of-00002", "data/valid-0", "validation/1", "x/test/1")):
        write_shard(folder / f"{name}.parquet", [flat(value)])
    write_shard(folder / "metadata.parquet", [flat(9)])
    found = {split: [images[i] for i in range(len(images))] for split, images in open_splits(str(folder)).items()}
    assert found == {"train": [flat(0), flat(1)], "validation": [flat(2), flat(3)], "test": [flat(4)]}


@pytest.mark.parametrize("bare", [False, True])
def test_rows_of_shards_come_in_order_and_at_random(tmp_path, bare):
    images = [flat(value) for value in range(9)]
    for n, (a, b) in enumerate([(0, 5), (5, 5), (5, 9)]):
        write_shard(tmp_path / f"{n}.parquet", images[a:b], bare=bare, name=["n"] * (b - a))
    rows = open_splits(str(tmp_path))["train"]
    assert [rows[i] for i in range(len(rows))] == images
    assert [rows[i] for i in (8, 0, 5, 4, 4, 7)] == [images[i] for i in (8, 0, 5, 4, 4, 7)]


def test_image_by_its_path_and_empty_rows(tmp_path):
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    by_path = pa.array([{"bytes": None, "path": "/photos/1.png"}, None, {"bytes": None, "path": None}], kind)
    write_shard(tmp_path / "0.parquet", [None] * 3, bare=True, column="no", hr=by_path)
    rows = open_splits(str(tmp_path), column="hr")["train"]
    assert [rows[i] for i in range(3)] == ["/photos/1.png", b"", b""]


def test_column_of_images_is_found_preferred_or_asked_for(tmp_path):
    image = pa.array([{"bytes": flat(2), "path": None}])
    write_shard(tmp_path / "pair" / "0.parquet", [flat(1)], column="lr", hr=image)
    write_shard(tmp_path / "two" / "0.parquet", [flat(1)], column="a", b=image, name=["text"])
    assert contents(tmp_path / "pair") == {"train": [flat(2)]}
    assert contents(tmp_path / "pair", column="lr") == {"train": [flat(1)]}
    for opened in (open_splits, lambda *args, **more: open_stream(*args, "train", **more)):
        with pytest.raises(ValueError, match="has no image column 'x'; it has: lr, hr"):
            opened(str(tmp_path / "pair"), column="x")
        with pytest.raises(ValueError, match=r"one image column, .* it has a, b, name; choose with --image_column"):
            opened(str(tmp_path / "two"))


def test_shard_without_the_column_or_damaged_is_named(tmp_path):
    paths = [write_shard(tmp_path / "0.parquet", [flat(1)]), write_shard(tmp_path / "1.parquet", [flat(1)], column="other")]
    with pytest.raises(ValueError, match=r"1\.parquet has no image column 'image'"):
        open_splits(str(tmp_path))
    paths[1].write_bytes(b"PAR1 no more")
    with pytest.raises(ValueError, match=r"1\.parquet cannot be read"):
        open_splits(str(tmp_path))
    paths[1].unlink()
    whole = paths[0].read_bytes()
    paths[0].write_bytes(whole[:4] + bytes(60) + whole[64:])  # the table of contents is whole, a page is not
    rows = open_splits(str(tmp_path))["train"]
    with pytest.raises(ValueError, match=r"0\.parquet cannot be read"):
        rows[0]


def test_shards_need_no_datasets(tmp_path):
    write_shard(tmp_path / "train-0.parquet", [flat(1), flat(2), flat(3)])
    code = (
        "import sys; sys.modules['datasets'] = None\n"
        "from srgan_hub.data.sources import open_splits\n"
        "splits = open_splits(sys.argv[1])\n"
        "print(*splits, len(splits['train']), splits['train'][2][1:4].decode())\n"
        "try: open_splits('someone/photos')\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, cwd=ROOT, check=True)
    found, refused = done.stdout.splitlines()
    assert found == "train 3 PNG" and "pip install datasets" in refused


def test_div2k_as_folders_or_zips_takes_hr_alone(tmp_path):
    folder = write_files(tmp_path / "DIV2K", HR | VALID | LR)
    assert contents(folder) == {"train": [*HR.values()], "validation": [*VALID.values()]}
    assert contents(folder / "DIV2K_train_HR") == {"train": [*HR.values()]}
    zips = {"DIV2K_train_HR.zip": HR, "DIV2K_valid_HR.zip": VALID, "DIV2K_train_LR_bicubic_X4.zip": LR}
    folder = write_files(tmp_path / "a [1]", {name: zipped(files) for name, files in zips.items()})
    for where in (folder, folder / "DIV2K_train_HR.zip"):
        assert contents(where) == {"train": [*HR.values()], "validation": [*VALID.values()]}
    write_files(folder, {"DIV2K_train_HR/half.png": flat(9)})  # unpacked beside the zip
    assert contents(folder / "DIV2K_train_HR.zip")["train"] == [*HR.values()]
    assert contents(folder)["train"] == [flat(9)]


def test_any_zip_of_images(tmp_path):
    files = {"b/2.png": flat(2), "a/1.png": flat(1), "__MACOSX/a/._1.png": b"none"}
    write_files(tmp_path, {"Some photos.ZIP": zipped(files)})
    assert sorted(contents(tmp_path / "Some photos.ZIP")["train"]) == sorted([flat(1), flat(2)])


@pytest.mark.parametrize(
    "files",
    [
        {"train/hr/1.png": flat(1), "train/lr_x4/1.png": flat(2), "validation/1.png": flat(3)},
        {"x/" + name: image for name, image in (HR | LR).items()},
        {"DIV2K_valid_HR.zip": zipped(VALID), "DIV2K_valid_LR.zip": zipped(LR)},
    ],
)
def test_lr_beside_hr_is_refused_with_the_way_out(tmp_path, files):
    folder = write_files(tmp_path / "my_LR_work" / "photos", files)
    with pytest.raises(ValueError, match=r"photos holds LR images beside HR ones \(.*\); .* --data_files"):
        open_splits(str(folder))
    with pytest.raises(ValueError, match="holds LR images beside HR ones"):
        open_stream(str(folder), "train")


def test_lr_alone_is_as_good_as_any(tmp_path):
    assert len(contents(write_files(tmp_path / "LR", LR))["train"]) == 3


@pytest.mark.parametrize(("pattern", "values"), [("HR/*.png", {1, 2}), ("HR", {1, 2}), ("**/1.png", {1}), ("set.zip", {5})])
def test_data_files_of_a_local_folder(tmp_path, pattern, values):
    files = {"HR/1.png": flat(1), "HR/2.png": flat(2), "LR/x1.png": flat(3), "set.zip": zipped({"a/5.png": flat(5)})}
    assert set(contents(write_files(tmp_path / "x", files), data_files=pattern)["train"]) == {flat(value) for value in values}


def test_what_is_not_there_is_one_sentence(tmp_path):
    folder = str(write_files(tmp_path / "photos", {"train/1.png": flat(1), "val/1.png": flat(2), "notes.txt": b"text"}))
    (tmp_path / "empty").mkdir()
    for words, dataset, options in [
        ("is a file; give the folder of images or parquet shards, or a zip", f"{folder}/notes.txt", {}),
        ("nowhere' cannot be loaded: ", str(tmp_path / "nowhere"), {}),
        ("empty' cannot be loaded: .*doesn't contain any data files", str(tmp_path / "empty"), {}),
        ("photos' cannot be loaded: .*", folder, dict(data_files="*.nothing")),
    ]:
        for opened in (open_splits, split_names):
            with pytest.raises(ValueError, match=words) as caught:
                opened(dataset, **options)
            assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    with pytest.raises(ValueError, match="--dataset is empty"):
        open_splits("")
    with pytest.raises(ValueError, match=r"photos has no split 'test'; it has: train, validation \(choose with --split\)"):
        choose(open_splits(folder), "test", folder)


def test_what_cannot_be_fetched_is_one_sentence(tmp_path):
    write_files(tmp_path, {"broken.zip": b"no zip"})
    for path in (f"zip://1.png::{tmp_path}/broken.zip", f"zip://1.png::{tmp_path}/gone.zip", "nosuchprotocol://1.png"):
        with pytest.raises(ValueError, match="cannot be fetched: ") as caught:
            fetch({"bytes": None, "path": path})
        assert path in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["folder", "zip", "shards"])
def test_fingerprint_changes_with_a_file_and_only_then(tmp_path, kind):
    if kind == "shards":
        changed = write_shard(tmp_path / "x" / "0.parquet", [flat(1)])
        write_files(tmp_path / "x", {"notes.txt": b"no image"})
    elif kind == "zip":
        changed = write_files(tmp_path, {"x.zip": zipped({"1.png": flat(1)})}) / "x.zip"
    else:
        changed = write_files(tmp_path / "x", {"1.png": flat(1), "2.png": flat(2)}) / "1.png"
    dataset = str(tmp_path / ("x.zip" if kind == "zip" else "x"))
    before = open_splits(dataset)["train"].fingerprint
    assert open_splits(dataset)["train"].fingerprint == before
    later = changed.stat().st_mtime + 3
    os.utime(changed, (later, later))
    assert open_splits(dataset)["train"].fingerprint != before


def test_fingerprint_tells_columns_and_splits_apart(tmp_path):
    image = pa.array([{"bytes": flat(2), "path": None}])
    for split in ("train", "validation"):
        write_shard(tmp_path / split / "0.parquet", [flat(1)], column="lr", hr=image)
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
    hub.seed("dataset", "lab/private", {"1.png": flat(3)}, private=True)
    done = show_datasets(
        hub,
        "show('lab/pair'); show('lab/pair', column='lr'); show('lab/configs', config='b'); show('lab/configs')\n"
        "show('lab/mixed'); show('lab/mixed', data_files='HR/*')\n"
        "show('lab/labels'); show('lab/private'); show('lab/nothing')\n",
    )
    lines = done.stdout.splitlines()
    assert lines[:4] == ["lab/pair train 2", "lab/pair test 2", "lab/pair train 1", "lab/pair test 1"]
    assert lines[4] == "lab/configs train 2"
    assert lines[5].startswith("the dataset 'lab/configs' cannot be loaded: Config name is missing.")
    assert lines[6].startswith("lab/mixed holds LR images beside HR ones")
    assert lines[7:10] == ["lab/mixed train 1", "lab/labels train 1 2", "lab/private train 3"]
    assert lines[10].startswith("the dataset 'lab/nothing' cannot be loaded: Dataset 'lab/nothing' doesn't exist")
    assert len(lines) == 11


def test_presets_load_the_hr_images_of_look_alikes(hub):
    """What is known of the repositories' files, with pictures of a few pixels."""
    zips = {"DIV2K_train_HR": HR, "DIV2K_valid_HR": VALID, "DIV2K_train_LR_bicubic_X4": LR, "DIV2K_train_LR_mild": LR}
    hub.seed("dataset", "goodfellowliu/DIV2K", {f"{name}.zip": zipped(files) for name, files in zips.items()})
    hub.seed("dataset", "yangtao9009/DIV2K", {"DIV2K_train.zip": zipped(HR)})
    hub.seed("dataset", "mAiello00/DIV2K", HR | LR)
    done = show_datasets(hub, "for id in ('goodfellowliu/DIV2K', 'yangtao9009/DIV2K', 'mAiello00/DIV2K'): show(id)")
    assert done.stdout.splitlines() == [
        "goodfellowliu/DIV2K train 1 2 3",
        "goodfellowliu/DIV2K validation 101 102",
        "yangtao9009/DIV2K train 1 2 3",
        "mAiello00/DIV2K train 1 2 3",
    ]
    assert not list(hub.home.rglob("*_LR_*"))


def test_fingerprint_of_a_hub_dataset_changes_with_its_files_and_not_from_run_to_run(hub, tmp_path):
    def fingerprints(cold):
        code = "from srgan_hub.data.sources import open_splits\n"
        code += "for id in ('lab/files', 'lab/shards'): print(open_splits(id)['train'].fingerprint)"
        return client(hub, "-c", code, cold=cold).stdout.splitlines()

    hub.seed("dataset", "lab/files", {"1.png": flat(1)})
    hub.seed("dataset", "lab/shards", {"data/train-0.parquet": write_shard(tmp_path / "0.parquet", [flat(1)]).read_bytes()})
    before = fingerprints(cold=False)
    hub.seed("dataset", "lab/files", {"1.png": flat(2)})
    after = fingerprints(cold=True)
    assert before[0] != after[0] and before[1] == after[1]
