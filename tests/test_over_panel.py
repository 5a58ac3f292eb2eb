import gradio as gr
import pytest
from PIL import Image

from srgan_hub.imaging.region import Box
from srgan_hub.ui import over_panel
from srgan_hub.ui.limits import Limits
from srgan_hub.ui.photo import Cut

LIMITS = Limits(megapixels=0.01)  # 10,000 pixels, and 30,000 for the quick model


@pytest.fixture(scope="module")
def panel():
    with gr.Blocks():
        return over_panel.build()


@pytest.fixture
def path(tmp_path):
    Image.new("RGB", (400, 100)).save(tmp_path / "a.png")
    return str(tmp_path / "a.png")


def test_over_the_limit_the_panel_says_why(panel, path):
    shown = over_panel.admit(panel, LIMITS, path, "srgan-x4", Cut())
    assert shown[panel.group].visible
    assert "400×100" in shown[panel.why]
    assert shown[panel.quick].visible
    assert not over_panel.admit(panel, LIMITS, path, "srgan-x4-lite", Cut())[panel.quick].visible


def test_within_it_the_panel_is_hidden(panel, path):
    for given, cut in ((path, Cut(pixels=10_000)), (None, Cut())):
        assert not over_panel.admit(panel, LIMITS, given, "srgan-x4", cut)[panel.group].visible
    assert not over_panel.admit(panel, Limits(), path, "srgan-x4", Cut())[panel.group].visible


def test_a_region_is_as_large_as_it_may_be_and_where_the_click_was(panel, path):
    cut, shown = over_panel.region_on(panel, LIMITS, path, "srgan-x4", None)
    assert cut.region == Box(100, 25, 300, 75)
    assert shown[panel.pick].visible
    cut, _ = over_panel.region_on(panel, LIMITS, path, "srgan-x4", (0, 0))
    assert cut.region == Box(0, 0, 200, 50)


def test_every_way_on_leads_below_the_limit(path):
    cut, said = over_panel.shrunk(LIMITS, path, "srgan-x4")
    assert cut == Cut(pixels=10_000)
    assert "200×50" in said
    model, cut, said = over_panel.quickly(LIMITS, path)
    assert (model, cut) == ("srgan-x4-lite", Cut(pixels=30_000))
    assert "shrunk to 346×86" in said
    assert over_panel.quickly(Limits(megapixels=0.02), path)[1] == Cut()
