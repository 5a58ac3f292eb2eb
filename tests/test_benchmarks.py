import io
import json

import numpy as np
import pytest
from PIL import Image, ImageOps

from conftest import client, encoded, smooth_photo, write_shard
from srgan_hub.data.benchmarks import (
    BITS,
    SAME,
    benchmark_image,
    distance,
    find_sets,
    hashes,
    open_hub_set,
    pairs,
    perceptual_hash,
)
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
    with pytest.raises(ValueError, match=r"no column of HR images .* it has picture"):
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


CHANGES = {
    "nothing": lambda image: image,
    "mirror": ImageOps.mirror,
    "JPEG 30": lambda image: Image.open(io.BytesIO(encoded(image, "JPEG", quality=30))),
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS),
    "darker": lambda image: image.point(lambda value: 0.7 * value),
    "a lost row and column": lambda image: image.crop((0, 0, image.width - 1, image.height - 1)),
}


def test_a_changed_copy_has_nearly_the_same_perceptual_hash():
    for name, change in CHANGES.items():
        for seed in range(4):
            image = smooth_photo(203, 154, seed)
            hashes = [perceptual_hash(np.asarray(picture.convert("RGB"))) for picture in (image, change(image))]
            assert distance(*hashes) <= SAME, name


def test_other_pictures_have_other_hashes():
    hashes = [perceptual_hash(np.asarray(smooth_photo(200, 150, seed))) for seed in range(30)]
    distances = [distance(one, other) for i, one in enumerate(hashes) for other in hashes[:i]]
    assert min(distances) > SAME and max(distances) <= BITS
    image = np.asarray(smooth_photo(200, 150))
    assert distance(perceptual_hash(image), perceptual_hash(image[::-1])) > SAME  # upended, not mirrored
    assert benchmark_image(hashes[0]) is None


def test_every_benchmark_image_is_known_also_small_cut_and_compressed(benchmark_sets):
    for one in find_sets(benchmark_sets):
        for name, lr, hr in pairs(one):
            is_it = "Set5 head" if name == "face" else f"{one.name} {name}"  # Set14's face is Set5's head
            compressed = Image.open(io.BytesIO(encoded(Image.fromarray(hr[:-3, :-3]), "JPEG", quality=30)))
            for copy in (lr.convert("RGB"), compressed):
                assert benchmark_image(perceptual_hash(np.asarray(copy))) == is_it
