import gradio as gr
import pytest
from PIL import Image

from srgan_hub.imaging.tiles import Box
from srgan_hub.ui import view_panel
from srgan_hub.ui.view import Doubts, Look
from srgan_hub.ui.view_panel import DOUBTS, SIDES, SLIDER, sample, view_size

PICTURE = Image.new("RGB", (40, 20))
LOOK = Look(Box(0, 0, 10, 5), PICTURE, PICTURE, ("Bicubic", "Clean model"), None)


@pytest.fixture(scope="module")
def panel():
    with gr.Blocks():
        return view_panel.build()


def test_the_view_fits_a_screen():
    assert view_size(328, SLIDER) == view_size(328, SIDES) == (328, 320)
    assert view_size(840, SLIDER) == (840, 554)
    assert view_size(840, SIDES) == view_size(840, DOUBTS) == (414, 554)
    assert view_size(1200, SLIDER) == (1200, 560)


@pytest.mark.parametrize(("said", "room"), [(1e9, 1200), (1201, 1200), (0, 240), (-5, 240)])
def test_a_browser_that_lies_gets_no_more_than_a_screen(said, room):
    assert view_size(said, SLIDER) == view_size(room, SLIDER)
    assert str(room) in view_panel.MEASURE


def test_the_sample_is_a_pair_of_one_size():
    plain, enlarged = sample()
    assert plain.size == enlarged.size


@pytest.mark.parametrize("mode", [SLIDER, SIDES, DOUBTS])
def test_each_way_of_looking_shows_its_pictures_and_hides_the_others(panel, mode):
    doubts = Doubts(PICTURE, PICTURE, 1, 0.5, 1, weak=False) if mode == DOUBTS else None
    shown = panel.show(LOOK._replace(doubts=doubts), PICTURE, mode)
    assert shown.keys() == set(panel.shown)
    assert shown[panel.stage].visible
    assert shown[panel.pair].visible == (mode == SLIDER)
    assert [shown[one].visible for one in (panel.before, panel.after, panel.changed)] == {
        SLIDER: [False] * 3, SIDES: [True, True, False], DOUBTS: [True] * 3,
    }[mode]  # fmt: skip


def test_without_a_photo_there_is_the_sample(panel):
    shown = panel.show(None, None, SLIDER)
    assert shown[panel.empty].visible
    assert not shown[panel.stage].visible
