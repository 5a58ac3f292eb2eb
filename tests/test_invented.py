import numpy as np
import pytest

from conftest import smooth_photo
from srgan_hub.evaluation.invented import STRONG, colored, invented, lr_error, smoothed
from srgan_hub.imaging.color import luma
from srgan_hub.imaging.resize import shrunk


def test_nothing_is_invented_where_the_two_agree_and_something_where_not():
    mean = np.asarray(smooth_photo(96, 64))
    sr = mean.copy()
    sr[20:50, 50:80] ^= 64
    levels = invented(sr, mean)
    assert levels.shape == (64, 96)
    assert levels[:8].max() == levels[:, :38].max() == 0
    assert levels[35, 65] == pytest.approx(np.abs(luma(sr) - luma(mean))[20:50, 50:80].mean(), rel=0.1)
    with pytest.raises(ValueError, match="96x64 and 96x40"):
        invented(mean, mean[:40])


def test_lr_error_is_nought_for_the_original_and_local():
    lr, hr = shrunk(np.asarray(smooth_photo(64, 48)), 4)
    assert lr_error(hr, np.asarray(lr)).max() < 1e-9
    hr[20:24, 40:44] = 0
    error = lr_error(hr, np.asarray(lr))
    assert error.shape == (12, 16)
    assert np.unravel_index(error.argmax(), error.shape) == (5, 10)
    assert error[:2].max() < 1e-9


def test_smoothing_keeps_a_constant_and_the_sum():
    assert np.allclose(smoothed(np.full((9, 7), 3.0), 2.0), 3)
    spot = np.zeros((31, 31))
    spot[15, 15] = 1
    assert smoothed(spot, 2.0).sum() == pytest.approx(1)


def test_colours_grow_darker():
    grey = luma(colored(np.linspace(0, 1.2 * STRONG, 100)[None]))[0]
    assert (np.diff(grey) <= 1e-9).all()
    assert grey[0] == pytest.approx(235)
    assert grey[-1] == grey[-2]

