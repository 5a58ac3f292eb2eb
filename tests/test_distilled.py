import numpy as np
import pytest
import torch
import torch.nn.functional as F

from conftest import cached, smooth_photo
from srgan_hub.data.distilled import SIDE, Distilled, DistilledPatches, with_colors
from srgan_hub.imaging.degradations import bicubic

SMALL = SIDE // 4


def inverted(lr):
    """A teacher whose results nobody can mistake for HR."""
    return 1 - F.interpolate(lr, scale_factor=4)


def darker(hr, scale, rng):
    return bicubic(hr, scale, rng) // 2


@pytest.fixture
def photos(tmp_path):
    return cached([smooth_photo(260, 240, seed=n) for n in range(3)], tmp_path)


def opened(photos, tmp_path, count=4, seed=0, **settings):
    root = tmp_path / "distilled"
    return Distilled(root, photos, [0, 1, 2], count=count, scale=4, seed=seed, settings=settings)


def filled(distilled, degrade=darker, teach=inverted, teach_clean=None, stop=lambda: False):
    distilled.fill(degrade, teach, teach_clean, 2.0, 0.0, stop)
    return distilled


def test_a_damaged_patch_is_learned_from_the_teacher_in_the_colours_of_hr(photos, tmp_path):
    made = filled(opened(photos, tmp_path))
    assert len(made) == 4
    for lr, hr, target in zip(made.lr, made.hr, made.target, strict=True):
        taught = 255 - np.kron(lr, np.ones((4, 4, 1), np.uint8))
        colours = lambda image: image.reshape(SMALL // 4, 16, SMALL // 4, 16, 3).mean((1, 3))  # noqa: E731
        assert np.abs(colours(target.astype(float)) - colours(hr.astype(float))).mean() < 0.3 * np.abs(
            colours(taught.astype(float)) - colours(hr.astype(float))
        ).mean()
        assert np.abs(target.astype(float) - hr).mean() > 0.1


@pytest.mark.parametrize("clean", [None, inverted])
def test_a_clean_patch_is_learned_from_hr_or_from_its_own_teacher(photos, tmp_path, clean):
    def refuse(lr):
        raise AssertionError("the teacher is not for clean patches")

    made = filled(opened(photos, tmp_path), bicubic, refuse, clean)
    for lr, hr, target in zip(made.lr, made.hr, made.target, strict=True):
        expected = hr if clean is None else 255 - np.kron(lr, np.ones((4, 4, 1), np.uint8))
        assert np.abs(target.astype(int) - expected).max() <= 1


def test_a_filling_that_was_stopped_goes_on_to_the_same_bytes(photos, tmp_path):
    whole = filled(opened(photos, tmp_path / "whole"))
    questions = iter([False, False, True])
    part = filled(opened(photos, tmp_path), stop=lambda: next(questions))
    assert len(part) == 2
    again = filled(opened(photos, tmp_path))
    assert len(again) == 4
    for name in ("lr", "hr", "target"):
        assert np.array_equal(getattr(again, name), getattr(whole, name))


def test_more_patches_go_on_with_those_of_fewer_and_other_settings_start_anew(photos, tmp_path):
    filled(opened(photos, tmp_path, count=2))
    assert len(opened(photos, tmp_path, count=3)) == 2
    assert len(opened(photos, tmp_path, count=1)) == 1
    assert len(opened(photos, tmp_path, seed=1)) == 0
    assert len(opened(photos, tmp_path, teacher="another")) == 0


def test_batches_are_functions_of_their_number_and_lr_lies_under_what_is_learned(photos, tmp_path):
    made = filled(opened(photos, tmp_path), bicubic)
    patches = DistilledPatches(made, crop=64, batch_size=5, seed=1)
    patches.look()
    lr, hr = patches.batch(7)
    assert lr.shape == (5, 3, 16, 16) and hr.shape == (5, 3, 64, 64)
    assert all(map(torch.equal, patches.batch(7), (lr, hr)))
    assert not torch.equal(patches.batch(8)[0], lr)
    assert (F.avg_pool2d(hr.float(), 4) - lr.float()).abs().mean() < 4


def test_a_run_learns_from_as_many_as_it_was_told(photos, tmp_path):
    made = filled(opened(photos, tmp_path))
    made.lr[1:] = 0
    patches = DistilledPatches(made, crop=64, batch_size=20, seed=1)
    patches.stretches = [(0, 1)]
    patches.look(5)
    assert patches.stretches == [(0, 1), (5, 4)]
    assert (patches.batch(4)[0].amax((1, 2, 3)) > 0).all()
    assert (patches.batch(5)[0].amax((1, 2, 3)) == 0).any()


def test_what_cannot_be_kept_is_a_sentence(photos, tmp_path, monkeypatch):
    small = cached([smooth_photo(100, 100)], tmp_path / "small")
    with pytest.raises(ValueError, match="no photo is as large as a teacher's patch of 224x224"):
        Distilled(tmp_path, small, [0], count=1, scale=4, seed=0, settings={})
    with pytest.raises(ValueError, match="--crop must be at most 224"):
        DistilledPatches(opened(photos, tmp_path), crop=256, batch_size=1, seed=0)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
    with pytest.raises(ValueError, match=r"4 patches of a teacher need .* GB .*--cache_dir"):
        opened(photos, tmp_path, seed=5)


def test_colours_are_moved_and_detail_stays():
    hr = torch.randint(100, 156, (1, 3, 64, 64), dtype=torch.uint8)
    board = (10 * ((torch.arange(64)[:, None] + torch.arange(64)) % 2)).byte()
    moved = with_colors(hr - 40 + board, hr, 16)
    assert (moved.float() - (hr.float() + board - 5)).abs().max() <= 1
