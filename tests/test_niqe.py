import io
import math

import numpy as np
import pytest
from PIL import Image, ImageFilter

from conftest import encoded, read, smooth_photo
from srgan_hub.evaluation.metrics import niqe, niqe_of_result


def test_is_matlabs(benchmark_sets):
    """What the authors' MATLAB code gives for it (R2021a; written down by BasicSR beside its own 5.7295763)."""
    baboon = np.asarray(Image.open(benchmark_sets / "Set14/HR/baboon.png").convert("RGB"))
    assert niqe(baboon, border=0) == pytest.approx(5.72957338, abs=1e-5)


# of BasicSR 1.4.2's implementation (numpy and scipy; it shrinks in float32, hence the tolerance), border 4
BASICSR = {"001": 2.85224, "003": 3.17461, "007": 2.43488, "009": 2.03548, "013": 2.89513, "015": 2.97387, "019": 3.00405}


@pytest.mark.parametrize(("name", "value"), BASICSR.items())
def test_is_basicsrs(benchmark_sets, name, value):
    picture = np.asarray(Image.open(benchmark_sets / f"BSD100/HR/{name}.png").convert("RGB"))
    assert niqe(picture) == pytest.approx(value, abs=2e-3)


def test_worse_pictures_are_worse(benchmark_sets):
    hr = Image.open(benchmark_sets / "BSD100/HR/007.png").convert("RGB")
    blurs = [niqe(np.asarray(hr.filter(ImageFilter.GaussianBlur(radius)))) for radius in (0, 1, 2)]
    assert blurs == sorted(blurs)
    noises = [niqe(noisy(np.asarray(hr), sigma)) for sigma in (0, 10, 30)]
    assert noises == sorted(noises)
    jpegs = [niqe(np.asarray(read(io.BytesIO(encoded(hr, "JPEG", quality=quality))))) for quality in (95, 10)]
    assert jpegs == sorted(jpegs)


def noisy(picture: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 1, picture.shape)
    return (picture + sigma * noise).clip(0, 255).round().astype(np.uint8)


def test_a_picture_too_small_says_so():
    small = np.asarray(smooth_photo(199, 190))
    with pytest.raises(ValueError, match="two blocks of 96x96 pixels inside the border of 4, got an image of 199x190"):
        niqe(small)
    assert math.isnan(niqe_of_result(small, small))
    assert niqe_of_result(small, small, 2) == niqe(small, 2)
    assert niqe(np.asarray(smooth_photo(200, 104))) > 0


def test_flat_blocks_are_left_out():
    picture = noisy(np.full((104, 392, 3), 128, np.uint8), 20)
    picture[:, 300:] = 7
    assert math.isfinite(niqe(picture))
    assert math.isnan(niqe(np.full((104, 200, 3), 128, np.uint8)))
