import numpy as np
import pytest
from PIL import Image

from srgan_hub.imaging.color import to_image
from srgan_hub.imaging.resize import shrunk_rows


def coming(pixels, rows, taken):
    for first in range(0, len(pixels), rows):
        taken.append(first)
        yield pixels[first : first + rows]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("source", "size"),
    [((60, 200), (30, 100)), ((40, 203), (39, 202)), ((61, 97), (23, 36)), ((50, 120), (12, 30)), ((30, 64), (30, 21)),
     ((33, 64), (11, 64)), ((8, 9), (8, 9)), ((4, 400), (1, 131)), ((4, 4), (1, 1))],
)  # fmt: skip
def test_rows_are_pillows_bytes(channels, source, size):
    """Noise of black, white and grey, half of it transparent where it can be: every rounding shows."""
    rng = np.random.default_rng(channels)
    pixels = rng.choice(np.array([0, 0, 3, 100, 255, 255], np.uint8), (source[1], source[0], channels))
    expected = to_image(pixels).resize(size, Image.Resampling.BICUBIC)
    for rows in (1, 7, 1000):
        found = np.concatenate(list(shrunk_rows(coming(pixels, rows, []), source, size)))
        assert found.dtype == np.uint8 and found.tobytes() == expected.tobytes()


def test_a_row_is_given_as_soon_as_its_window_is_there():
    pixels, taken = np.zeros((400, 6, 3), np.uint8), []
    rows = shrunk_rows(coming(pixels, 8, taken), (6, 400), (3, 200))
    assert len(next(rows)) == 30 and taken[-1] == 56  # row 29 is made of rows up to 62, row 30 of rows up to 64
    assert len(next(rows)) == 32 and taken[-1] == 120


def test_a_deep_picture_is_pillows_and_a_float_one_stays_within_black_and_white():
    grey = np.random.default_rng(0).integers(0, 65536, (30, 20, 1), dtype=np.uint16)
    (found,) = shrunk_rows(coming(grey, 7, []), (20, 30), (7, 9))
    assert found.dtype == np.uint16 and found.tobytes() == to_image(grey).resize((7, 9), Image.Resampling.BICUBIC).tobytes()
    (found,) = shrunk_rows(coming(np.eye(16, dtype=np.float32)[..., None], 5, []), (16, 16), (7, 7))
    assert found.dtype == np.float32 and found.shape == (7, 7, 1) and found.min() == 0
