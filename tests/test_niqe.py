import math

import numpy as np
import pytest
from PIL import Image, ImageFilter

from benchmarks.third_judge import as_jpeg
from conftest import smooth_photo
from srgan_hub.evaluation.niqe import niqe


def test_is_matlabs(benchmark_sets):
    """What the authors' MATLAB code gives for it (R2021a; written down by BasicSR beside its own 5.7295763)."""
    baboon = np.asarray(Image.open(benchmark_sets / "Set14/HR/baboon.png").convert("RGB"))
    assert niqe(baboon, border=0) == pytest.approx(5.72957338, abs=1e-5)


def test_worse_pictures_are_worse(benchmark_sets):
    hr = Image.open(benchmark_sets / "BSD100/HR/007.png").convert("RGB").crop((0, 0, 296, 200))
    good = niqe(np.asarray(hr))
    for worse in (hr.filter(ImageFilter.GaussianBlur(2)), as_jpeg(hr, 10), noisy(np.asarray(hr), 30)):
        assert niqe(np.asarray(worse)) > good


def noisy(picture: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 1, picture.shape)
    return (picture + sigma * noise).clip(0, 255).round().astype(np.uint8)


def test_too_small_or_without_any_contrast_there_is_none():
    assert math.isnan(niqe(np.asarray(smooth_photo(199, 190))))
    assert niqe(np.asarray(smooth_photo(200, 104))) > 0
    assert math.isnan(niqe(np.full((104, 200, 3), 128, np.uint8)))
    picture = noisy(np.full((104, 392, 3), 128, np.uint8), 20)
    picture[:, 300:] = 7
    assert math.isfinite(niqe(picture))
