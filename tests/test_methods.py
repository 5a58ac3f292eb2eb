import hashlib

import numpy as np
import pytest
from PIL import Image

from conftest import smooth_photo
from srgan_hub import SRGANGenerator
from srgan_hub.evaluation.benchmark import open_methods


def test_interpolations_and_checkpoints_stand_side_by_side(tmp_path):
    SRGANGenerator(width=4, blocks=1, scale=2).save_pretrained(tmp_path / "mine")
    methods, scale = open_methods(["nearest", str(tmp_path / "mine")])
    assert [method.name for method in methods] == ["nearest", "mine"]
    assert scale == 2
    lr = smooth_photo(9, 7)
    for method in methods:
        assert method.upscale(lr).size == (18, 14)
    assert np.array_equal(np.asarray(methods[0].upscale(lr)), np.asarray(lr.resize((18, 14), Image.Resampling.NEAREST)))
    weights = (tmp_path / "mine" / "model.safetensors").read_bytes()
    assert methods[1].about["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    assert methods[1].about["engine"].startswith("PyTorch ")
    assert methods[0].about["engine"].startswith("Pillow ")


def test_without_a_checkpoint_the_scale_is_asked_for():
    assert open_methods(["bicubic"])[1] == 4
    assert open_methods(["bicubic"], scale=3)[0][0].upscale(smooth_photo(9, 7)).size == (27, 21)


def test_folders_of_one_name_keep_their_paths(tmp_path):
    for parent in ("a", "b"):
        SRGANGenerator(width=4, blocks=1).save_pretrained(tmp_path / parent / "same")
    names = [str(tmp_path / parent / "same") for parent in ("a", "b")]
    assert [method.name for method in open_methods(names)[0]] == names


def test_what_cannot_stand_in_one_table_is_refused(tmp_path):
    for scale in (2, 4):
        SRGANGenerator(width=4, blocks=1, scale=scale).save_pretrained(tmp_path / f"x{scale}")
    with pytest.raises(ValueError, match=r"x2 enlarges 2 times, .*x4 enlarges 4 times; measure them separately"):
        open_methods([str(tmp_path / "x2"), str(tmp_path / "x4")])
    with pytest.raises(ValueError, match=r"x2 enlarges 2 times, 4 was asked for"):
        open_methods([str(tmp_path / "x2")], scale=4)
    with pytest.raises(ValueError, match="bicubic: named twice"):
        open_methods(["bicubic", "bicubic"])
    with pytest.raises(ValueError, match="no checkpoint 'bicubik'"):
        open_methods(["bicubik"])
