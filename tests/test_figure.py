import numpy as np
import pytest
from PIL import Image

from conftest import smooth_photo
from srgan_hub.evaluation.benchmark import open_methods
from srgan_hub.evaluation.figures import GAP, LINE, PANEL, Box, axis, comparison, detailed, tradeoff
from srgan_hub.imaging.resize import shrunk


@pytest.fixture
def photo():
    picture = np.asarray(smooth_photo(200, 160)).copy()
    picture[96:128, 120:152] = np.random.default_rng(0).integers(0, 256, (32, 32, 3))
    return picture


def test_crops_stand_beside_the_whole(photo):
    methods, scale = open_methods(["nearest", "bicubic"])
    sheet = comparison(photo, methods, scale, Box(120, 96, 32))
    high = 2 * (PANEL + 2 * LINE) + GAP
    left = round(200 * high / 160)
    assert sheet.size == (left + 2 * (PANEL + GAP), high)
    lr, hr = shrunk(photo, 4)
    for number, picture in enumerate([methods[0].upscale(lr), methods[1].upscale(lr), Image.fromarray(hr)]):
        x, y = left + GAP + number % 2 * (PANEL + GAP), number // 2 * (PANEL + 2 * LINE + GAP)
        part = picture.crop((120, 96, 152, 128)).resize((PANEL, PANEL), Image.Resampling.NEAREST)
        assert np.array_equal(np.asarray(sheet.crop((x, y, x + PANEL, y + PANEL))), np.asarray(part))
        assert np.asarray(sheet.crop((x, y + PANEL, x + PANEL, y + PANEL + 2 * LINE))).min() < 60  # words
    assert (np.asarray(sheet)[round(100 * high / 160), round(120 * high / 160)] == (0xE0, 0x20, 0x20)).all()  # the box


def test_box_finds_the_detail(photo):
    box = detailed(photo)
    assert box.side == 48
    assert box.x <= 121 and box.x + 48 >= 151 and box.y <= 97 and box.y + 48 >= 127
    assert detailed(np.zeros((20, 30, 3), np.uint8)).side == 20


@pytest.mark.parametrize("box", [Box(190, 0, 32), Box(0, 150, 32), Box(0, 0, 0)])
def test_box_outside_is_refused(photo, box):
    methods, scale = open_methods(["nearest"])
    with pytest.raises(ValueError, match="is not inside the image of 200x160"):
        comparison(photo, methods, scale, box)


def test_every_method_has_its_dot():
    image = tradeoff({"bicubic": (26.0, 7.6), "sharp": (25.2, 4.0), "HR": (float("inf"), 3.4)}, "niqe", "BSD100")
    pixels = np.asarray(image)
    dots = [np.argwhere((pixels == colour).all(axis=2)).mean(axis=0) for colour in ((0x25, 0x63, 0xEB), (0xE1, 0x1D, 0x48))]
    assert dots[0][1] > dots[1][1]  # more PSNR: further right
    assert dots[0][0] > dots[1][0]  # higher NIQE: lower
    with pytest.raises(ValueError, match="no method of BSD100 has both PSNR and niqe"):
        tradeoff({"HR": (float("inf"), 3.4)}, "niqe", "BSD100")


@pytest.mark.parametrize("values", [[26.0, 27.3], [0.0, 1000.0], [5.0], [0.0], [-1e-3, 1e-3]])
def test_axis_has_room_and_round_ticks(values):
    low, high, ticks = axis(values)
    assert low < min(values) and high > max(values)
    assert 3 <= len(ticks) <= 9 and low <= ticks[0] and ticks[-1] <= high
