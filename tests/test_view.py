import numpy as np
import pytest
from PIL import Image

from conftest import smooth_photo
from srgan_hub import SRGANGenerator, Upscaler
from srgan_hub.imaging.resize import Target
from srgan_hub.imaging.tiles import Box
from srgan_hub.ui import view
from srgan_hub.ui.enlarge import Cut, Order
from srgan_hub.ui.view import BICUBIC, enlarged, factor, look, placed, region, thumbnail

WHOLE = Cut()


@pytest.fixture
def tiny(monkeypatch, tiny_generator):
    upscaler = Upscaler(tiny_generator)
    monkeypatch.setattr(view, "open_upscaler", lambda model, texture: upscaler)
    enlarged.cache_clear()
    yield upscaler
    enlarged.cache_clear()


@pytest.fixture
def path(tmp_path):
    smooth_photo(120, 90).save(tmp_path / "a.png", icc_profile=b"a profile")
    return str(tmp_path / "a.png")


@pytest.mark.parametrize("box", [Box(40, 30, 90, 60), Box(0, 0, 30, 20), Box(100, 60, 120, 90)])
@pytest.mark.parametrize("times", [4, 2])
@pytest.mark.parametrize("method", ["srgan-x4", BICUBIC])
def test_region_is_what_the_whole_has_there(tiny, path, box, times, method):
    whole = Image.open(path)
    large = whole.resize((times * 120, times * 90), Image.Resampling.BICUBIC) if method == BICUBIC else tiny(
        whole, scale=times
    )  # fmt: skip
    expected = np.asarray(large.crop([times * side for side in box])).astype(int)
    shown = enlarged(path, WHOLE, box, method, 1.0, times)
    assert shown.size == (times * box.size[0], times * box.size[1])
    assert np.abs(np.asarray(shown) - expected).max() <= 1
    assert shown.info["icc_profile"] == b"a profile"


def test_region_has_the_size_of_the_view_and_keeps_to_its_place(path):
    assert region(path, WHOLE, (60, 45), (160, 80), 4) == Box(40, 35, 80, 55)
    assert region(path, WHOLE, (0, 0), (160, 80), 2) == Box(0, 0, 80, 40)
    assert region(path, WHOLE, None, (160, 80), 4).size == (40, 20)
    assert factor(Order("srgan-x4", target=Target(longest=240)), (120, 90)) == 2


def test_a_model_of_another_scale_is_shown_at_its_own(path, tmp_path, monkeypatch):
    SRGANGenerator(scale=2, width=4, blocks=1).save_pretrained(tmp_path / "two")
    monkeypatch.setenv("SRGAN_MODELS", f"{tmp_path / 'two'} srgan-x4-lite")
    seen = look(path, Order(str(tmp_path / "two")), (60, 45), (160, 80), "srgan-x4-lite")
    assert seen.box == Box(20, 25, 100, 65)
    assert seen.first.size == seen.second.size == (160, 80)


def test_thumbnail_shows_where_and_a_click_on_it_leads_there(tmp_path):
    Image.new("RGB", (1200, 600), "grey").save(tmp_path / "a.png")
    path = str(tmp_path / "a.png")
    small = thumbnail(path, WHOLE, Box(600, 300, 900, 450))
    assert small.size == (240, 120)
    assert small.getpixel((120, 70)) == (255, 255, 255)
    assert small.getpixel((60, 30)) == small.getpixel((150, 75)) == (128, 128, 128)
    assert placed((120, 60), path, WHOLE) == (600, 300)
    thumbnail(path, WHOLE, Box(5, 5, 6, 6))  # a region of a pixel
