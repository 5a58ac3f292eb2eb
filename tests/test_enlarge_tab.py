import pytest
from PIL import Image

from srgan_hub.imaging.resize import Target
from srgan_hub.imaging.tiles import Box
from srgan_hub.ui.enlarge import Cut, Order
from srgan_hub.ui.enlarge_tab import Asked, as_target, largest_region, over_limit, quick_model, sizes
from srgan_hub.ui.models import Limits

LIMITS = Limits(megapixels=0.01)  # 10,000 pixels, and 30,000 for the quick model
ASKED = Asked(640, None, Cut(), None, "Slider", "bicubic", "srgan-x4", 25, "×4", 1, "PNG")


@pytest.fixture
def path(tmp_path):
    Image.new("RGB", (800, 200)).save(tmp_path / "a.png")
    return str(tmp_path / "a.png")


def test_a_menu_has_the_models_own_size_first():
    assert sizes(4) == ["×4", "×2", "Longest side"] and sizes(8)[:3] == ["×8", "×4", "×2"]
    assert sizes(2) == ["×2", "Longest side"] and sizes(3)[:2] == ["×3", "×2"]
    assert as_target("×4", None, 2) == Target()  # of the model before


def test_an_order_is_what_the_settings_say():
    assert ASKED.order == Order("srgan-x4", 0.25)
    assert ASKED._replace(model="srresnet-x4").order == Order("srresnet-x4", 1.0)  # no partner: no texture
    other = ASKED._replace(model="srgan-x4-lite", texture=100, size="×2", format="JPEG", cut=Cut(pixels=9))
    assert other.order == Order("srgan-x4-lite", 1.0, Target(scale=2), "JPEG", Cut(pixels=9))
    assert ASKED._replace(size="Longest side", longest=3840.0).order.target == Target(longest=3840)


def test_a_photo_over_the_limit_is_told_what_will_be_enlarged(path):
    def said(cut, limits=LIMITS):
        return over_limit(limits, path, "srgan-x4", cut)

    assert "800×200" in said(Cut()) and "Three options" in said(Cut(pixels=40_000))
    assert said(Cut(pixels=10_000)) == "The photo is shrunk to 200×50 pixels first. Now press Enlarge."
    assert said(Cut(region=Box(0, 0, 200, 50))).startswith("A region of 200×50 pixels")
    assert said(Cut(), Limits()) is over_limit(LIMITS, None, "srgan-x4", Cut()) is None
    assert quick_model() == "srgan-x4-photo-lite"


def test_a_region_is_as_large_as_it_may_be_and_around_its_place(path):
    assert largest_region(LIMITS, path, "srgan-x4", (0.5, 0.5)).region == Box(300, 75, 500, 125)
    assert largest_region(LIMITS, path, "srgan-x4", (0, 0)).region == Box(0, 0, 200, 50)
