import gradio as gr
import pytest
from PIL import Image

from srgan_hub.imaging.tiles import Box
from srgan_hub.ui import over_panel
from srgan_hub.ui.enlarge import Cut
from srgan_hub.ui.models import Limits

LIMITS = Limits(megapixels=0.01)  # 10,000 pixels, and 30,000 for the quick model


@pytest.fixture(scope="module")
def panel():
    with gr.Blocks():
        return over_panel.build()


@pytest.fixture
def path(tmp_path):
    Image.new("RGB", (800, 200)).save(tmp_path / "a.png")
    return str(tmp_path / "a.png")


def test_over_the_limit_the_panel_says_why(panel, path):
    shown = over_panel.admit(panel, LIMITS, path, "srgan-x4", Cut())
    assert shown[panel.group].visible
    assert "800×200" in shown[panel.why]
    assert shown[panel.quick].visible
    assert not over_panel.admit(panel, LIMITS, path, "srgan-x4-lite", Cut())[panel.quick].visible


def test_within_it_the_panel_is_hidden(panel, path):
    assert not over_panel.admit(panel, LIMITS, None, "srgan-x4", Cut())[panel.group].visible
    assert not over_panel.admit(panel, Limits(), path, "srgan-x4", Cut())[panel.group].visible


def test_a_way_once_chosen_is_said_and_another_may_be(panel, path):
    shown = over_panel.admit(panel, LIMITS, path, "srgan-x4", Cut(pixels=10_000))
    assert shown[panel.group].visible and not shown[panel.pick].visible
    assert shown[panel.why] == "The photo is shrunk to 200×50 pixels first. Now press Enlarge."
    shown = over_panel.admit(panel, LIMITS, path, "srgan-x4", Cut(region=Box(0, 0, 200, 50)))
    assert shown[panel.pick].visible and shown[panel.why].startswith("A region of 200×50 pixels")
    assert "Three options" in over_panel.admit(panel, LIMITS, path, "srgan-x4", Cut(pixels=40_000))[panel.why]


def test_a_region_is_as_large_as_it_may_be_and_around_what_was_looked_at(panel, path):
    cut, shown = over_panel.region_on(panel, LIMITS, path, "srgan-x4", None)
    assert cut.region == Box(300, 75, 500, 125)
    assert shown[panel.pick].visible
    cut, _ = over_panel.region_on(panel, LIMITS, path, "srgan-x4", (0, 0))
    assert cut.region == Box(0, 0, 200, 50)
    assert over_panel.on_photo((10, 20), path, cut) == (10, 20)
    assert over_panel.on_photo((10, 20), path, Cut(region=Box(300, 75, 500, 125))) == (310, 95)
    assert over_panel.on_photo((10, 20), path, Cut(pixels=10_000)) == (40, 80)
    assert over_panel.on_photo(None, path, cut) is None


def test_the_quick_model_gets_no_more_than_it_may_have(path):
    assert over_panel.quickly(LIMITS, path) == ("srgan-x4-lite", Cut(pixels=30_000))
    assert over_panel.way(path, Cut(pixels=30_000)) == "The photo is shrunk to 346×86 pixels first. Now press Enlarge."
    assert over_panel.quickly(Limits(megapixels=0.06), path) == ("srgan-x4-lite", Cut())
