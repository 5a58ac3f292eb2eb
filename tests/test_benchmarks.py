import json

import numpy as np
import pytest
from PIL import Image

from conftest import client, encoded, smooth_photo, write_shard
from srgan_hub.data.benchmarks import hashes, open_hub_set, pairs
from srgan_hub.imaging.resize import shrunk

PHOTOS = [smooth_photo(50, 41, seed=n) for n in range(2)]
HR = [encoded(photo) for photo in PHOTOS]
LR = [{"bytes": encoded(photo.resize((12, 10), Image.Resampling.NEAREST)), "path": None} for photo in PHOTOS]


def test_columns_of_a_dataset_become_pairs(tmp_path):
    write_shard(tmp_path / "bench" / "test-0.parquet", HR, "HR", LR_x4=LR)
    one = open_hub_set(str(tmp_path / "bench"))
    assert one.name == "bench"
    for (name, lr, hr), number in zip(pairs(one), range(2), strict=True):
        assert name == f"{number:04d}"
        assert np.array_equal(lr, PHOTOS[number].resize((12, 10), Image.Resampling.NEAREST))
        assert np.array_equal(hr, np.asarray(PHOTOS[number])[:40, :48])
    assert all(kinds.keys() == {"hr", "lr"} and len(kinds["hr"]) == 64 for kinds in hashes(one).values())


def test_without_a_column_of_that_scale_lr_is_made(tmp_path):
    write_shard(tmp_path / "bench" / "train-0.parquet", HR, "image", lr_x2=LR)
    one = open_hub_set(str(tmp_path / "bench"))
    assert one.lr is None
    assert np.array_equal(next(pairs(one))[1], shrunk(np.asarray(PHOTOS[0]), 4)[0])


def test_the_split_that_is_meant_for_it_is_measured(tmp_path):
    write_shard(tmp_path / "bench" / "train-0.parquet", HR, "hr")
    write_shard(tmp_path / "bench" / "test-0.parquet", HR[:1], "hr")
    assert len(open_hub_set(str(tmp_path / "bench")).hr) == 1
    assert len(open_hub_set(str(tmp_path / "bench"), split="train").hr) == 2
    with pytest.raises(ValueError, match="no split 'valid'; it has: "):
        open_hub_set(str(tmp_path / "bench"), split="valid")


def test_a_dataset_without_hr_is_one_sentence(tmp_path):
    write_shard(tmp_path / "bench" / "test-0.parquet", HR, "picture")
    with pytest.raises(ValueError, match="no column of HR images named hr, HR, image; it has picture"):
        open_hub_set(str(tmp_path / "bench"))


def test_the_command_measures_a_dataset_of_the_hub(hub, tmp_path):
    write_shard(tmp_path / "shard.parquet", HR, "hr", lr=LR)
    hub.seed("dataset", "user/bench", {"data/test-00000-of-00001.parquet": (tmp_path / "shard.parquet").read_bytes()})
    command = ["-m", "srgan_hub", "benchmark", "--models", "nearest", "--json", tmp_path / "r.json", "--data"]
    done = client(hub, *command, "user/bench")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "r.json").read_text())["sets"]["bench"]["note"].startswith("2 images; LR as given")
    gone = client(hub, *command, "user/nothing")
    assert gone.returncode == 2
    assert "user/nothing" in gone.stderr and "Traceback" not in gone.stderr
