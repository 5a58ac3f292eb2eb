import pytest

from srgan_hub.imaging.resize import Target
from srgan_hub.ui.enlarge import Cut, Order
from srgan_hub.ui.enlarge_tab import as_order, as_target, sizes


@pytest.mark.parametrize(
    ("size", "target"), [("×4", Target()), ("×2", Target(scale=2)), ("Longest side", Target(longest=3840))]
)
def test_sizes(size, target):
    assert as_target(size, 3840.0, 4) == target


def test_a_menu_has_the_models_own_size_first():
    assert sizes(4) == ["×4", "×2", "Longest side"] and sizes(8)[:3] == ["×8", "×4", "×2"]
    assert sizes(2) == ["×2", "Longest side"] and sizes(3)[:2] == ["×3", "×2"]
    assert as_target("×4", None, 2) == Target()  # of the model before


def test_an_order_is_what_the_settings_say(tmp_path):
    assert as_order(Cut(), "srgan-x4", "", 25, "×4", 1, "PNG") == Order("srgan-x4", 0.25)
    assert as_order(Cut(), "srresnet-x4", None, 25, "×4", 1, "PNG") == Order("srresnet-x4", 1.0)  # no partner: no texture
    assert as_order(Cut(pixels=9), "srgan-x4", " srgan-x4-lite ", 100, "×2", 1, "JPEG") == Order(
        "srgan-x4-lite", 1.0, Target(scale=2), "JPEG", Cut(pixels=9)
    )
