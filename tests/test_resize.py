import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.imaging.resize import BLOCK, crop_to_multiple, downsample


def test_flat_picture_stays_flat():
    for value in (0, 1, 127, 255):
        assert (downsample(torch.full((3, 16, 20), value, dtype=torch.uint8), 4) == value).all()


def test_impulse_gives_the_hand_computed_kernel():
    """At scale 2 the kernel has 8 taps at distances 1/4, 3/4, 5/4, 7/4 from the centre (source pixels / 2).

    Keys' polynomial there: 111/128, 29/128, -9/128, -3/128; halved, they weigh a pixel of 128 as 55.5, 14.5, -4.5, -1.5.
    One row is enlarged along x only (every row is alike, and the weights sum to one)."""
    hr = torch.zeros(1, 8, 16, dtype=torch.uint8)
    hr[:, :, 8] = 128
    # LR pixel j sits between HR 2j and 2j + 1, at 2j + 0.5: HR 8 is 0.5 right of the centre of 4, 1.5 left of 3's, ...
    #   j: 2 -> distance 3.5/2 = 7/4; 3 -> 1.5/2 = 3/4; 4 -> 0.5/2 = 1/4; 5 -> 2.5/2 = 5/4
    expected = [0, 0, 0, 15, 56, 0, 0, 0]  # 14.5 and 55.5 rounded with halves up; -1.5 and -4.5 clamped
    assert downsample(hr, 2)[0, 2].tolist() == expected


@pytest.mark.parametrize("scale", [2, 3, 4, 5, 6, 8])
def test_blocks_of_outputs_are_a_direct_sum_over_the_taps(scale):
    """One row, so that only the pass along it matters: as wide as several blocks and a rest, one block, less, one pixel."""
    rng = np.random.default_rng(scale)
    for outputs in (2 * BLOCK + 1, 3 * BLOCK, BLOCK + 7, BLOCK, BLOCK - 1, 5, 1):
        row = rng.integers(0, 2, outputs * scale) * 255  # the hardest for overshoot: black and white
        direct = []
        for out in range(outputs):
            centre, total = (out + 0.5) * scale - 0.5, Fraction(0)
            for tap in range(int(centre) - 2 * scale, int(centre) + 2 * scale + 2):
                total += keys(Fraction(abs(2 * tap - int(2 * centre)), 2 * scale)) * int(row[mirror(tap, len(row))]) / scale
            direct.append(min(255, max(0, math.floor(total + Fraction(1, 2)))))
        image = torch.from_numpy(row.astype(np.uint8)).expand(3, scale, -1)  # `scale` rows alike shrink to one
        assert downsample(image, scale)[0].tolist() == [direct]
        assert downsample(image.transpose(1, 2), scale)[0, :, 0].tolist() == direct


def keys(x: Fraction) -> Fraction:
    """Keys' cubic kernel, a = -1/2, of a distance, exactly."""
    if x <= 1:
        return (3 * x**3 - 5 * x**2 + 2) / 2
    return (-(x**3) + 5 * x**2 - 8 * x + 4) / 2 if x < 2 else Fraction(0)


def mirror(place: int, length: int) -> int:
    """Where a place outside lies inside, the edge pixel repeated."""
    place %= 2 * length
    return min(place, 2 * length - 1 - place)


def test_first_pass_is_vertical_and_rounded():
    """The vertical pass comes first and is rounded to whole grey levels; the other order gives other pixels."""
    hr = torch.from_numpy(np.random.default_rng(3).integers(0, 256, (1, 64, 64), dtype=np.uint8))
    other_order = downsample(hr.transpose(1, 2), 4).transpose(1, 2)
    assert not torch.equal(downsample(hr, 4), other_order)
    halves = torch.zeros(1, 16, 16, dtype=torch.uint8)
    halves[:, ::2] = 1  # every second row: each LR row is 0.5, rounded up to 1 before the columns are averaged
    assert (downsample(halves, 2)[:, 2:-2] == 1).all()


def test_benchmark_pictures_are_bit_exact_inside(benchmark_sets):
    for folder in find_sets(benchmark_sets):
        for name, lr, hr in pairs(folder):
            ours = downsample(torch.from_numpy(hr.copy()).permute(2, 0, 1), 4).permute(1, 2, 0).numpy()
            assert np.array_equal(ours[3:-3, 3:-3], np.asarray(lr)[3:-3, 3:-3]), f"{folder.name}/{name}"


def test_close_to_pillows_bicubic(photo):
    hr = photo.resize((160, 112), Image.Resampling.BICUBIC)
    pillow = np.asarray(hr.resize((40, 28), Image.Resampling.BICUBIC)).astype(int)
    ours = downsample(torch.from_numpy(np.array(hr)).permute(2, 0, 1), 4).permute(1, 2, 0).numpy().astype(int)
    assert np.abs(ours - pillow)[3:-3, 3:-3].max() <= 2


def test_size_must_be_a_multiple():
    with pytest.raises(ValueError, match="multiples of 4, got 9x8"):
        downsample(torch.zeros(3, 9, 8, dtype=torch.uint8), 4)
    with pytest.raises(ValueError, match="uint8"):
        downsample(torch.zeros(3, 8, 8), 4)


def test_crop_to_multiple_cuts_right_and_bottom():
    image = np.arange(7 * 9).reshape(7, 9)
    assert np.array_equal(crop_to_multiple(image, 4), image[:4, :8])
