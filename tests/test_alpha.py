import numpy as np
import pytest
import torch

from srgan_hub.imaging import color
from srgan_hub.imaging.color import HIDDEN, bound, fill_hidden


def clear(height, width, channels=4):
    return np.zeros((height, width, channels), np.uint8)


@pytest.mark.parametrize("channels", [2, 4])
def test_hidden_pixels_take_the_visible_colour_at_any_distance(channels):
    pixels = clear(37, 50, channels)
    pixels[10:14, 10:14, [0, -1]] = 255  # a red (or white) square, black where hidden
    filled = fill_hidden(pixels)
    assert (filled[..., 0] == 255).all() and not filled[..., 1:-1].any()
    assert np.array_equal(filled[..., -1], pixels[..., -1])


def test_visible_pixels_stay_as_they_are():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 9, 4), dtype=np.uint8)
    pixels[..., 3] = np.maximum(pixels[..., 3], 100) - 100
    visible, before = pixels[..., 3] > HIDDEN, pixels.copy()
    filled = fill_hidden(pixels)
    assert np.array_equal(filled[visible], pixels[visible]) and not np.array_equal(filled, pixels)
    assert np.array_equal(pixels, before)


def test_the_nearest_visible_colour_counts_most():
    """A thin black line is not outshone by a large white square further away."""
    pixels = clear(40, 40)
    pixels[:, 10, 3] = 255
    pixels[:, 20:, :3], pixels[:, 24:, 3] = 255, 255
    filled = fill_hidden(pixels)[..., :3]
    assert filled[:, 7:13].max() <= 77
    assert filled[:, 22:].min() >= 178


def test_all_but_invisible_pixels_count_as_hidden():
    pixels = clear(8, 8)
    pixels[..., 3] = HIDDEN
    pixels[:, 4:] = 255  # white beside black that is nearly not there
    assert fill_hidden(pixels)[:, 3, :3].min() == 255


def test_faint_pixels_weigh_less():
    pixels = clear(2, 4)
    pixels[1, 2], pixels[0, 2, 3] = (255, 255, 255, 230), 26  # white, and faint black above it
    assert fill_hidden(pixels)[:, 3, :3].min() > 204


def test_picture_without_anything_visible_passes():
    pixels = np.random.default_rng(0).integers(0, HIDDEN + 1, (5, 5, 4), dtype=np.uint8)
    assert np.array_equal(fill_hidden(pixels), pixels)


def test_rows_are_filled_a_few_at_a_time_as_all_at_once(monkeypatch):
    pixels = np.random.default_rng(1).integers(0, 256, (51, 23, 4), dtype=np.uint8)
    pixels[..., 3] *= pixels[..., 3] > 220
    expected = fill_hidden(pixels)
    for rows in (2, 8, 50):
        monkeypatch.setattr(color, "ROWS", rows)
        assert np.array_equal(fill_hidden(pixels), expected)


def test_flat_alpha_is_kept_exactly():
    source = torch.zeros(1, 1, 6, 8)
    source[..., 4:] = 1.0
    ringing = torch.nn.functional.interpolate(source, scale_factor=4, mode="bicubic") * 1.1 - 0.03
    bounded = bound(ringing, source, 4)
    assert bounded[..., :12].abs().max() == 0
    assert bounded[..., 20:].min() == 1
    assert 0 < bounded[..., 12:20].mean() < 1
