import numpy as np
import pytest
from PIL import Image

from conftest import smooth_photo
from srgan_hub.evaluation.benchmark import bicubic, mean, measure, validation_pairs
from srgan_hub.training.monitor import GAP, SIDE, Validation


@pytest.fixture
def pairs():
    return validation_pairs([np.asarray(smooth_photo(160, 140, seed=n)) for n in range(6)], 4)


def test_measures_are_those_of_the_benchmark(pairs):
    validation = Validation(pairs, 4)
    rows = measure(bicubic(4), pairs)
    found = validation(bicubic(4))
    assert found["psnr"] == mean(rows, "psnr")
    assert found["ssim"] == mean(rows, "ssim")
    assert found.keys() == {"psnr", "ssim", "feature_distance", "grid"}, "the images are too small for NIQE"
    assert len(validation) == 6


def test_grid_shows_lr_bicubic_sr_hr_of_the_first_four(pairs):
    grid = Validation(pairs, 4).grid(lambda lr: Image.new("RGB", (4 * lr.width, 4 * lr.height), "red"))
    assert grid.size == (4 * (SIDE + GAP) - GAP, 4 * (SIDE + GAP) - GAP)
    cells = [np.asarray(grid.crop((c * (SIDE + GAP), 0, c * (SIDE + GAP) + SIDE, SIDE))) for c in range(4)]
    _, lr, hr = pairs[0]
    y, x = (hr.shape[0] - SIDE) // 2, (hr.shape[1] - SIDE) // 2
    assert np.array_equal(cells[3], hr[y : y + SIDE, x : x + SIDE])
    assert (cells[2] == (255, 0, 0)).all()
    assert np.array_equal(cells[0], np.asarray(lr).repeat(4, 0).repeat(4, 1)[y : y + SIDE, x : x + SIDE])
    assert np.array_equal(cells[1], np.asarray(bicubic(4)(lr))[y : y + SIDE, x : x + SIDE])


def test_grid_of_small_pictures_is_whole():
    pairs = validation_pairs([np.asarray(smooth_photo(40, 36))], 4)
    assert Validation(pairs, 4).grid(bicubic(4)).size == (4 * (SIDE + GAP) - GAP, SIDE)
