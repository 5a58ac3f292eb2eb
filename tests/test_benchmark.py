import math

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import smooth_photo
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.evaluation.benchmark import bicubic, markdown, mean, measure, validation_pairs
from srgan_hub.imaging.resize import downsample


@pytest.fixture
def sets(tmp_path):
    for name in ("Mine", "Set14", "Set5"):
        for kind in ("HR", "LR_x4"):
            (tmp_path / "sets" / name / kind).mkdir(parents=True)
        hr = smooth_photo(50, 41, seed=len(name))
        hr.save(tmp_path / "sets" / name / "HR" / "a.png")
        cut = torch.from_numpy(np.array(hr)[:40, :48]).permute(2, 0, 1)
        lr = Image.fromarray(downsample(cut, 4).permute(1, 2, 0).contiguous().numpy())
        lr.save(tmp_path / "sets" / name / "LR_x4" / "a.png")
    return tmp_path / "sets"


def test_sets_come_in_the_papers_order(sets):
    assert [path.name for path in find_sets(sets)] == ["Set5", "Set14", "Mine"]
    assert [path.name for path in find_sets(sets / "Set5")] == ["Set5"]


def test_hr_is_cut_to_the_lr(sets):
    ((name, lr, hr),) = pairs(sets / "Set5")
    assert (name, lr.size, hr.shape) == ("a", (12, 10), (40, 48, 3))


def test_faulty_sets_are_named(sets, tmp_path):
    with pytest.raises(ValueError, match="there is no folder"):
        find_sets(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no benchmark set"):
        find_sets(tmp_path / "sets" / "Set5" / "HR")
    smooth_photo(90, 80).save(sets / "Set5" / "HR" / "a.png")
    with pytest.raises(ValueError, match="90x80, not 4 times its LR, 12x10"):
        list(pairs(sets / "Set5"))
    (sets / "Mine" / "HR" / "a.png").rename(sets / "Mine" / "HR" / "b.png")
    with pytest.raises(ValueError, match="only one has: a, b"):
        list(pairs(sets / "Mine"))


def test_perfect_method_is_infinite_and_bicubic_is_not(sets):
    loaded = list(pairs(sets / "Set5"))
    perfect = measure(lambda lr: Image.fromarray(loaded[0][2]), loaded)
    assert mean(perfect, "psnr") == math.inf
    assert math.isclose(mean(perfect, "ssim"), 1)
    plain = measure(bicubic(4), loaded)
    assert 15 < mean(plain, "psnr") < 45
    assert plain[0]["image"] == "a"
    table = markdown({"Set5": {"bicubic": plain, "perfect": perfect}})
    assert "| Set5 | 1 | " in table
    assert "inf / 1.0000 |" in table


def test_validation_pairs_are_made_by_the_degradation():
    photo = np.asarray(smooth_photo(42, 37))
    ((_, lr, hr),) = validation_pairs([photo], 4)
    assert hr.shape == (36, 40, 3)
    expected = downsample(torch.from_numpy(hr).permute(2, 0, 1), 4)
    assert torch.equal(torch.from_numpy(np.array(lr)).permute(2, 0, 1), expected)
