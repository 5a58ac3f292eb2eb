import shutil

import numpy as np
import pytest
from PIL import Image

from conftest import read, smooth_photo
from srgan_hub import SRGANGenerator, Upscaler
from srgan_hub.imaging.resize import Target
from srgan_hub.imaging.tiles import Box
from srgan_hub.ui import view
from srgan_hub.ui.enlarge import Cut, Order
from srgan_hub.ui.view import BICUBIC, SHIPPED, enlarged, examples, factor, look, placed, region, result_of, shipped, thumbnail
from srgan_hub.ui.view_panel import MEASURE, SIDES, SLIDER, view_size

ORDER = Order("srgan-x4")


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


@pytest.mark.parametrize("box", [Box(40, 30, 90, 60), Box(100, 60, 120, 90)])
@pytest.mark.parametrize("times", [4, 2])
@pytest.mark.parametrize("method", ["srgan-x4", BICUBIC])
def test_region_is_what_the_whole_has_there(tiny, path, box, times, method):
    whole = Image.open(path)
    plain = whole.resize((times * 120, times * 90), Image.Resampling.BICUBIC)
    large = plain if method == BICUBIC else tiny(whole, scale=times)
    expected = np.asarray(large.crop([times * side for side in box])).astype(int)
    shown = enlarged(path, Cut(), box, method, 1.0, times)
    assert shown.size == (times * box.size[0], times * box.size[1])
    assert np.abs(np.asarray(shown) - expected).max() <= 1
    assert shown.info["icc_profile"] == b"a profile"


def test_region_has_the_size_of_the_view_and_keeps_to_its_place(path):
    assert region(path, ORDER, (0.5, 0.5), (160, 80)) == Box(40, 35, 80, 55)
    assert region(path, ORDER._replace(target=Target(scale=2)), (-0.1, 0), (160, 80)) == Box(0, 0, 80, 40)
    assert region(path, ORDER, None, (160, 80)).size == (40, 20)
    assert factor(Order("srgan-x4", target=Target(longest=240)), (120, 90)) == 2


def test_a_model_of_another_scale_is_shown_at_its_own(path, tmp_path, monkeypatch):
    SRGANGenerator(scale=2, width=4, blocks=1).save_pretrained(tmp_path / "two")
    monkeypatch.setenv("SRGAN_MODELS", f"{tmp_path / 'two'} srgan-x4-lite")
    seen = look(path, Order(str(tmp_path / "two")), (0.5, 0.5), (160, 80), "srgan-x4-lite")
    assert seen.box == Box(20, 25, 100, 65)
    assert seen.first.size == seen.second.size == (160, 80)


def test_thumbnail_shows_where_and_a_click_on_it_leads_there(tmp_path):
    Image.new("RGB", (1200, 600), "grey").save(tmp_path / "a.png")
    path = str(tmp_path / "a.png")
    small = thumbnail(path, Cut(), Box(600, 300, 900, 450))
    assert small.size == (240, 120)
    assert small.getpixel((120, 70)) == (255, 255, 255)
    assert small.getpixel((60, 30)) == small.getpixel((150, 75)) == (128, 128, 128)
    assert placed((120, 60), path, Cut()) == (0.5, 0.5)
    thumbnail(path, Cut(), Box(5, 5, 6, 6))  # a region of a pixel


def test_the_view_fits_a_screen_whatever_the_browser_says():
    assert view_size(328, SLIDER) == view_size(328, SIDES) == (328, 320)
    assert view_size(840, SLIDER) == (840, 554)
    assert view_size(840, SIDES) == (414, 554)
    for said, room in ((1e9, 1200), (-5, 240)):
        assert view_size(said, SLIDER) == view_size(room, SLIDER)
        assert str(room) in MEASURE


def test_the_results_that_come_with_the_page_are_the_models(tmp_path):
    upscaler = Upscaler.from_pretrained(SHIPPED)
    for example in examples():
        assert shipped(shutil.copy(example, tmp_path), SHIPPED, 1.0) == result_of(example)
        now = np.asarray(upscaler(read(example).crop((0, 0, 72, 72))))[:128, :128]  # what the cut off pixels do not reach
        there = np.asarray(read(result_of(example)))[:128, :128].astype(int)
        assert np.abs(there - now).mean() < 1  # another processor may compute in another precision


def test_an_example_is_shown_without_a_model_and_everything_else_is_computed(path, monkeypatch):
    monkeypatch.setattr(view, "open_upscaler", None)
    example = examples()[0]
    shown = enlarged(example, Cut(), Box(10, 20, 60, 50), SHIPPED, 1.0, 4)
    with Image.open(result_of(example)) as whole:
        assert np.array_equal(np.asarray(shown), np.asarray(whole.convert(shown.mode).crop((40, 80, 240, 200))))
    assert shipped(path, SHIPPED, 1.0) is shipped(example, SHIPPED, 0.5) is shipped(example, "srgan-x4", 1.0) is None
