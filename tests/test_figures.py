import numpy as np
import pytest
from PIL import Image

from conftest import read, smooth_photo
from srgan_hub import SRGANGenerator, Upscaler
from srgan_hub.evaluation.benchmark import open_methods
from srgan_hub.evaluation.figures import FACE, GAP, LINE, PANEL, PHOTO, comparison, specimen
from srgan_hub.imaging.resize import shrunk
from srgan_hub.imaging.tiles import Box, most_detailed


@pytest.fixture
def photo():
    picture = np.asarray(smooth_photo(200, 160)).copy()
    picture[96:128, 120:152] = np.random.default_rng(0).integers(0, 256, (32, 32, 3))
    return picture


def test_crops_stand_beside_the_whole(photo):
    methods, scale = open_methods(["nearest", "bicubic"])
    sheet = comparison(photo, methods, scale, Box(120, 96, 152, 128))
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


def test_box_finds_the_detail_and_must_be_inside(photo):
    methods, scale = open_methods(["nearest"])
    box = most_detailed(Image.fromarray(photo), (48, 48))
    assert comparison(photo, methods, scale) == comparison(photo, methods, scale, box)
    comparison(photo[:20, :30], methods, scale)  # smaller than a box usually is
    for outside in (Box(190, 0, 222, 32), Box(0, 150, 32, 182), Box(0, 0, 0, 0)):
        with pytest.raises(ValueError, match="is not inside the image of 200x160"):
            comparison(photo, methods, scale, outside)


def test_the_specimen_of_a_checkpoint_at_every_scale(tiny_generator):
    width, height = read(PHOTO).size
    assert width % 8 == height % 8 == 0
    assert FACE.right <= width and FACE.bottom <= height
    other = SRGANGenerator(scale=2, width=4, blocks=1)
    other.initialize()
    pictures = [np.asarray(specimen(Upscaler(network, engine="pytorch"), "net")) for network in (tiny_generator, other)]
    assert pictures[0].shape == pictures[1].shape
    assert 1200 < pictures[0].shape[1] < 1600
    assert not np.array_equal(*pictures), "twice is easier than four times"
