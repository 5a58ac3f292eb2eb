import os
import subprocess
import sys

import pyarrow as pa
import pytest

from conftest import ROOT, flat, write_shard
from srgan_hub.data.sources import Shards, choose_column, find_shards, open_splits


@pytest.mark.parametrize("bare", [False, True])
def test_rows_come_in_order_and_at_random_across_groups_and_files(tmp_path, bare):
    images = [flat(value) for value in range(9)]
    paths = [write_shard(tmp_path / f"{n}.parquet", images[a:b], bare=bare) for n, (a, b) in enumerate([(0, 5), (5, 5), (5, 9)])]
    rows = Shards(paths, None)
    assert rows.column == "image"
    assert [rows[i] for i in range(len(rows))] == images
    assert [rows[i] for i in (8, 0, 5, 4, 4, 7)] == [images[i] for i in (8, 0, 5, 4, 4, 7)]


def test_image_by_its_path_and_empty_rows(tmp_path):
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    by_path = pa.array([{"bytes": None, "path": "/photos/1.png"}, None, {"bytes": None, "path": None}], kind)
    rows = Shards([write_shard(tmp_path / "0.parquet", [None] * 3, bare=True, column="no", hr=by_path)], "hr")
    assert [rows[i] for i in range(3)] == ["/photos/1.png", b"", b""]


def test_split_is_told_by_folder_or_name_inside_the_dataset(tmp_path):
    folder = tmp_path / "my test set"  # says nothing: it is the dataset's own name
    names = ["0.parquet", "data/train-00000-of-00002.parquet", "data/valid-0.parquet", "validation/0.parquet", "x/test/1.parquet"]
    paths = {name: write_shard(folder / name, [flat(1)]) for name in names}
    write_shard(folder / "metadata.parquet", [flat(1)])
    found = {split: {str(path.relative_to(folder)) for path in paths} for split, paths in find_shards(folder).items()}
    assert found == {"train": {*names[:2]}, "validation": {*names[2:4]}, "test": {names[4]}}
    assert all(path.exists() for path in paths.values())


def test_column_of_images_is_found_preferred_or_asked_for(tmp_path):
    def column(asked=None, **columns):
        return Shards([write_shard(tmp_path / "c.parquet", [flat(1)], **columns)], asked).column

    image = pa.array([{"bytes": flat(2), "path": None}])
    assert column(column="picture", name=["text"], size=[3]) == "picture"
    assert column(column="lr", hr=image) == "hr"
    assert column(column="thumbnail", image=image) == "image"
    assert column("lr", column="lr", hr=image) == "lr"
    with pytest.raises(ValueError, match=r"one image column, or one named hr, HR, image; it has a, b, name; choose with --im"):
        column(column="a", b=image, name=["text"])
    with pytest.raises(ValueError, match=r"c\.parquet has no image column 'name'; it has: image"):
        column("name", name=["text"])
    with pytest.raises(ValueError, match="has no image column 'x'; it has: none"):
        choose_column("x", [], ["text"], "the dataset")


def test_shard_without_the_column_or_damaged_is_named(tmp_path):
    paths = [write_shard(tmp_path / "0.parquet", [flat(1)]), write_shard(tmp_path / "1.parquet", [flat(1)], column="other")]
    with pytest.raises(ValueError, match=r"1\.parquet has no column 'image', which 0\.parquet has"):
        Shards(paths, None)
    paths[1].write_bytes(b"PAR1 no more")
    with pytest.raises(ValueError, match=r"the parquet shard .*1\.parquet cannot be read"):
        Shards(paths, None)
    whole = paths[0].read_bytes()
    paths[0].write_bytes(whole[:4] + bytes(60) + whole[64:])  # the table of contents is whole, a page is not
    rows = Shards(paths[:1], None)
    with pytest.raises(ValueError, match=r"the parquet shard .*0\.parquet cannot be read"):
        rows[0]


def test_fingerprint_changes_with_a_shard_and_only_then(tmp_path):
    def fingerprints():
        return {split: Shards(paths, None).fingerprint for split, paths in find_shards(tmp_path).items()}

    paths = [write_shard(tmp_path / split / "0.parquet", [flat(1)]) for split in ("train", "validation")]
    for path in paths:
        os.utime(path, ns=(5, 5))
    before = fingerprints()
    assert before == fingerprints()
    assert before["train"] != before["validation"]  # alike in all but their folders
    (tmp_path / "train" / "README.md").write_text("more")
    assert before == fingerprints()
    os.utime(paths[0], ns=(6, 6))
    after = fingerprints()
    assert after["train"] != before["train"] and after["validation"] == before["validation"]


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
    assert done.stdout.splitlines() == [
        "train 3 PNG",
        "someone/photos: without the package datasets only local folders of parquet shards can be read; pip install datasets",
    ]


def test_a_folder_of_shards_is_opened_as_such(tmp_path):
    write_shard(tmp_path / "data" / "train-0.parquet", [flat(1)])
    assert isinstance(open_splits(str(tmp_path))["train"], Shards)
