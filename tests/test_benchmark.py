import hashlib
import math

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import smooth_photo
from srgan_hub import SRGANGenerator
from srgan_hub.data.benchmarks import compared, find_sets, hashes, pairs
from srgan_hub.evaluation.benchmark import bicubic, mean, measure, open_methods, validation_pairs
from srgan_hub.evaluation.metrics import metrics_for
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
    assert [one.name for one in find_sets(sets)] == ["Set5", "Set14", "Mine"]
    assert [one.name for one in find_sets(sets / "Set5")] == ["Set5"]


def test_hr_is_cut_to_the_lr(sets):
    ((name, lr, hr),) = pairs(find_sets(sets / "Set5")[0])
    assert (name, lr.size, hr.shape) == ("a", (12, 10), (40, 48, 3))


def test_without_lr_it_is_made(sets):
    for folder in (sets / "Set5", sets / "Mine"):
        for path in (folder / "LR_x4").iterdir():
            path.unlink()
        (folder / "LR_x4").rmdir()
    one = find_sets(sets / "Set5")[0]
    ((name, lr, hr),) = pairs(one)
    given = next(pairs(find_sets(sets / "Set14")[0]))
    assert (one.lr, name, lr.size, hr.shape) == (None, "a", given[1].size, given[2].shape)
    expected = downsample(torch.from_numpy(hr.copy()).permute(2, 0, 1), 4)
    assert torch.equal(torch.from_numpy(np.array(lr)).permute(2, 0, 1), expected)
    bare = find_sets(sets / "Set5" / "HR", bare=True)[0]
    assert (bare.name, bare.hr.keys(), bare.lr) == ("HR", {"a"}, None)


def of(folder):
    one = find_sets(folder)[0]
    return compared(one.name, hashes(one))


def test_a_set_that_is_not_ours_is_told_from_ours(sets, benchmark_sets, tmp_path):
    assert {compared(one.name, hashes(one)) for one in find_sets(benchmark_sets)} == {"files as in the manifest"}
    assert of(sets / "Set5") == "not the files of the manifest: 0 of its 10 are here, and 2 others"
    assert of(sets / "Mine") == ""
    (tmp_path / "Set5" / "HR").mkdir(parents=True)
    for path in (benchmark_sets / "Set5" / "HR").iterdir():
        (tmp_path / "Set5" / "HR" / path.name).symlink_to(path)
    assert of(tmp_path / "Set5") == "not the files of the manifest: 5 of its 10 are here, and 0 others"


def test_grey_and_transparent_pictures_are_measured(tmp_path):
    (tmp_path / "Mine" / "HR").mkdir(parents=True)
    smooth_photo(50, 40).convert("L").save(tmp_path / "Mine" / "HR" / "grey.jpg")
    smooth_photo(50, 40).convert("RGBA").save(tmp_path / "Mine" / "HR" / "alpha.webp")
    loaded = list(pairs(find_sets(tmp_path)[0]))
    assert [(name, lr.mode, hr.shape) for name, lr, hr in loaded] == [("alpha", "RGB", (40, 48, 3)), ("grey", "RGB", (40, 48, 3))]
    assert all(20 < row["psnr"] < 60 for row in measure(bicubic(4), loaded))


def test_faulty_sets_are_named(sets, tmp_path):
    with pytest.raises(ValueError, match="there is no folder"):
        find_sets(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"holds no benchmark set: .* inside$"):
        find_sets(tmp_path / "sets" / "Set5" / "HR")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"holds no benchmark set: .*, or images"):
        find_sets(tmp_path / "empty", bare=True)
    smooth_photo(90, 80).save(sets / "Set5" / "HR" / "a.png")
    with pytest.raises(ValueError, match="90x80, not 4 times its LR, 12x10"):
        list(pairs(find_sets(sets / "Set5")[0]))
    (sets / "Set5" / "HR" / "a.png").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"a\.png is not a readable image"):
        list(pairs(find_sets(sets / "Set5")[0]))
    (sets / "Mine" / "HR" / "a.png").rename(sets / "Mine" / "HR" / "b.png")
    with pytest.raises(ValueError, match="only one has: a, b"):
        find_sets(sets / "Mine")
    (sets / "Mine" / "HR" / "b.png").unlink()
    (sets / "Mine" / "LR_x4" / "a.png").unlink()
    with pytest.raises(ValueError, match="Mine holds no images"):
        find_sets(sets / "Mine")


def test_what_is_too_small_has_no_number(sets):
    hr = np.asarray(smooth_photo(16, 16))
    (row,) = measure(bicubic(4), [("tiny", Image.fromarray(hr[::4, ::4]), hr)], 4, metrics_for("validation"))
    assert row["image"] == "tiny" and row["megapixels"] == 16 * 16 / 1e6
    assert row["psnr"] > 0 and math.isnan(row["ssim"]) and math.isnan(row["niqe"]) and math.isnan(row["feature_distance"])
    assert math.isnan(mean([row], "ssim")) and mean([row, {"ssim": 0.5}], "ssim") == 0.5


def test_a_result_of_another_size_is_refused(sets):
    with pytest.raises(ValueError, match="the images differ in size: 24x20 and 48x40"):
        measure(bicubic(2), pairs(find_sets(sets / "Set5")[0]))


def test_validation_pairs_are_made_by_the_degradation_and_small_photos_left_out():
    photos = [np.asarray(smooth_photo(42, 37)), np.asarray(smooth_photo(42, 20))]
    ((_, lr, hr),) = validation_pairs(photos, 4)
    assert hr.shape == (36, 40, 3)
    expected = downsample(torch.from_numpy(hr).permute(2, 0, 1), 4)
    assert torch.equal(torch.from_numpy(np.array(lr)).permute(2, 0, 1), expected)


def test_interpolations_and_checkpoints_stand_side_by_side(tmp_path):
    for parent in ("a", "b"):
        SRGANGenerator(width=4, blocks=1, scale=2).save_pretrained(tmp_path / parent / "mine")
    methods, scale = open_methods(["nearest", str(tmp_path / "a" / "mine")])
    assert ([method.name for method in methods], scale) == (["nearest", "mine"], 2)
    lr = smooth_photo(9, 7)
    assert [method.upscale(lr).size for method in methods] == [(18, 14)] * 2
    weights = (tmp_path / "a" / "mine" / "model.safetensors").read_bytes()
    assert methods[1].about["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    assert [method.about["engine"].split()[0] for method in methods] == ["Pillow", "PyTorch"]
    assert open_methods(["srgan-x4-lite"], faithful=True)[0][0].about["engine"].endswith(", back-projected")
    names = [str(tmp_path / parent / "mine") for parent in ("a", "b")]
    assert [method.name for method in open_methods(names)[0]] == names, "folders of one name keep their paths"


def test_what_cannot_stand_in_one_table_is_refused(tmp_path):
    for scale in (2, 4):
        SRGANGenerator(width=4, blocks=1, scale=scale).save_pretrained(tmp_path / f"x{scale}")
    with pytest.raises(ValueError, match=r"x2 enlarges 2 times, .*x4 enlarges 4 times; measure them separately"):
        open_methods([str(tmp_path / "x2"), str(tmp_path / "x4")])
    with pytest.raises(ValueError, match="bicubic: named twice"):
        open_methods(["bicubic", "bicubic"])
