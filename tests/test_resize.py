import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import smooth_photo
from srgan_hub import Upscaler
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.evaluation.metrics import lr_consistency
from srgan_hub.imaging.color import to_image, white
from srgan_hub.imaging.resize import (
    BLOCK,
    Target,
    back_projection,
    downsample,
    shrunk_exactly,
    shrunk_rows,
)


def test_impulse_gives_the_hand_computed_kernel():
    """At scale 2 the kernel has 8 taps at distances 1/4, 3/4, 5/4, 7/4 from the center (source pixels / 2).

    Keys' polynomial there: 111/128, 29/128, -9/128, -3/128; halved, they weigh a pixel of 128 as 55.5, 14.5, -4.5, -1.5.
    One row is enlarged along x only (every row is alike, and the weights sum to one)."""
    hr = torch.zeros(1, 8, 16, dtype=torch.uint8)
    hr[:, :, 8] = 128
    # LR pixel j sits between HR 2j and 2j + 1, at 2j + 0.5: HR 8 is 0.5 right of the center of 4, 1.5 left of 3's, ...
    #   j: 2 -> distance 3.5/2 = 7/4; 3 -> 1.5/2 = 3/4; 4 -> 0.5/2 = 1/4; 5 -> 2.5/2 = 5/4
    expected = [0, 0, 0, 15, 56, 0, 0, 0]  # 14.5 and 55.5 rounded with halves up; -1.5 and -4.5 clamped
    assert downsample(hr, 2)[0, 2].tolist() == expected


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_blocks_of_outputs_are_a_direct_sum_over_the_taps(scale):
    """One row, so that only the pass along it matters: as wide as several blocks and a rest, one block, less, one pixel."""
    rng = np.random.default_rng(scale)
    for outputs in (2 * BLOCK + 1, 3 * BLOCK, BLOCK + 7, BLOCK, BLOCK - 1, 5, 1):
        row = rng.integers(0, 2, outputs * scale) * 255  # the hardest for overshoot: black and white
        direct = []
        for out in range(outputs):
            center, total = (out + 0.5) * scale - 0.5, Fraction(0)
            for tap in range(int(center) - 2 * scale, int(center) + 2 * scale + 2):
                total += keys(Fraction(abs(2 * tap - int(2 * center)), 2 * scale)) * int(row[mirror(tap, len(row))]) / scale
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
    """The vertical pass comes first and is rounded to whole gray levels; the other order gives other pixels."""
    hr = torch.from_numpy(np.random.default_rng(3).integers(0, 256, (1, 64, 64), dtype=np.uint8))
    other_order = downsample(hr.transpose(1, 2), 4).transpose(1, 2)
    assert not torch.equal(downsample(hr, 4), other_order)
    halves = torch.zeros(1, 16, 16, dtype=torch.uint8)
    halves[:, ::2] = 1  # every second row: each LR row is 0.5, rounded up to 1 before the columns are averaged
    assert (downsample(halves, 2)[:, 2:-2] == 1).all()


def test_benchmark_pictures_are_bit_exact_inside(benchmark_sets):
    for folder in find_sets(benchmark_sets)[-2:]:  # Set14 and Set5
        for name, lr, hr in pairs(folder):
            ours = downsample(torch.from_numpy(hr.copy()).permute(2, 0, 1), 4).permute(1, 2, 0).numpy()
            assert np.array_equal(ours[3:-3, 3:-3], np.asarray(lr)[3:-3, 3:-3]), f"{folder.name}/{name}"


def test_size_must_be_a_multiple():
    with pytest.raises(ValueError, match="multiples of 4, got 9x8"):
        downsample(torch.zeros(3, 9, 8, dtype=torch.uint8), 4)
    with pytest.raises(ValueError, match="uint8"):
        downsample(torch.zeros(3, 8, 8), 4)


# Shrunk to any size, while rows arrive.


@pytest.mark.parametrize(("channels", "dtype"), [*((c, np.uint8) for c in (1, 2, 3, 4)), (1, np.uint16), (1, np.float32)])
@pytest.mark.parametrize(
    ("source", "size"),
    [((60, 200), (30, 100)), ((61, 97), (23, 36)), ((33, 64), (11, 64)), ((8, 9), (8, 9)), ((4, 400), (1, 131))],
)
def test_rows_are_pillows(channels, dtype, source, size):
    """Noise of black, white and gray, half of it transparent where it can be: every rounding shows."""
    rng = np.random.default_rng(channels)
    levels = np.array([0, 0, 3, 100, 255, 255]) / 255 * white(dtype)
    pixels = rng.choice(levels.astype(dtype), (source[1], source[0], channels))
    expected = np.asarray(to_image(pixels).resize(size, Image.Resampling.BICUBIC)).clip(0, white(dtype)).astype(float)
    for rows in (1, 7, 1000):
        parts = np.split(pixels, range(rows, source[1], rows))
        found = np.concatenate(list(shrunk_rows(parts, source, size)))
        assert found.dtype == dtype and found.shape == (*size[::-1], channels)
        assert np.abs(found - expected.reshape(found.shape)).max() <= white(dtype) / 255


def test_rows_are_given_as_they_come():
    pixels, taken = np.zeros((400, 6, 3), np.uint8), []

    def coming():
        for first in range(0, 400, 8):
            taken.append(first)
            yield pixels[first : first + 8]

    heights = [len(part) for part in shrunk_rows(coming(), (6, 400), (3, 200)) if len(taken) < 50]
    assert len(heights) > 40 and max(heights) < 10


# The size that is asked for.


@pytest.mark.parametrize(
    ("target", "size", "label"),
    [
        (Target(), (400, 120), "x4"),
        (Target(scale=2), (200, 60), "x2"),
        (Target(scale=1.5), (150, 45), "x1.5"),
        (Target(scale=1), (100, 30), "x1"),
        (Target(longest=333), (333, 100), "333"),
        (Target(longest=400), (400, 120), "400"),
    ],
)
def test_size_and_name(target, size, label):
    assert target.size(100, 30, 4) == size and target.label(4) == label


def test_no_side_is_lost():
    assert Target(scale=1).size(1, 5000, 4) == (1, 5000) and Target(longest=300).size(1, 200, 4) == (2, 300)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (Target(scale=5), "from 1 to the network's 4, got 5"),
        (Target(scale=0.5), "from 1 to the network's 4, got 0.5"),
        (Target(scale=float("nan")), "got nan"),
        (Target(longest=401), "401 is not possible from 100x30; choose 100 to 400"),
        (Target(longest=99), "99 is not possible"),
        (Target(2, 200), "not both"),
    ],
)
def test_what_cannot_be_had_is_a_sentence(target, sentence):
    with pytest.raises(ValueError, match=sentence):
        target.size(100, 30, 4)


def test_upscaler_gives_the_size_that_is_asked_for(tiny_generator, photo):
    upscaler = Upscaler(tiny_generator)
    assert upscaler(photo, scale=2).size == (80, 56) and upscaler(photo, longest=100).size == (100, 70)
    assert upscaler(photo, scale=4).tobytes() == upscaler(photo).tobytes()
    turned = photo.copy()
    turned.getexif()[0x0112] = 6  # lies on its side
    assert upscaler(turned, longest=100).size == (70, 100)


# Back-projection.


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_the_result_shrinks_to_what_was_given(scale):
    lr = torch.from_numpy(np.array(smooth_photo(30, 22))).permute(2, 0, 1)[None] / 255
    sr = torch.nn.functional.interpolate(lr, scale_factor=scale) + 0.02 * torch.randn(1, 3, 22 * scale, 30 * scale)
    projected = back_projection(sr, lr, scale)
    before, after = ((shrunk_exactly(x, scale) - lr).square().mean().sqrt() for x in (sr, projected))
    assert after < 1 / 255 / 3 < before and projected.min() >= 0 and projected.max() <= 1


def test_what_shrinking_does_not_see_is_kept():
    lr = torch.full((1, 3, 8, 8), 0.5)
    board = 0.2 * (torch.arange(32).view(-1, 1) + torch.arange(32)).remainder(2) - 0.1  # vanishes when it is shrunk
    projected = back_projection(lr.mean() + board.expand(1, 3, 32, 32), lr, 4)
    assert (projected - 0.5 - board).abs().max() < 0.01


def test_upscaler_gives_the_picture_back():
    image = smooth_photo(60, 44)
    found = {}
    for faithful in (False, True):
        for tile in (256, 24):
            result = Upscaler.from_pretrained("srgan-x4-lite", faithful=faithful, tile=tile)(image)
            found[faithful, tile] = lr_consistency(np.asarray(result), np.asarray(image))
    for tile in (256, 24):  # how near the network comes by itself depends on the processor's arithmetic
        assert found[True, tile] > max(50, found[False, tile] + 5)
