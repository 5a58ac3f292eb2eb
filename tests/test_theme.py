import re

import pytest

from srgan_hub.ui.theme import CSS, THEME

PAIRS = [  # text, what it stands on
    ("body_text_color", "body_background_fill"),
    ("body_text_color_subdued", "body_background_fill"),
    ("block_info_text_color", "block_background_fill"),
    ("block_title_text_color", "block_background_fill"),
    ("block_label_text_color", "block_label_background_fill"),
    ("input_placeholder_color", "input_background_fill"),
    ("button_primary_text_color", "button_primary_background_fill"),
    ("button_primary_text_color", "button_primary_background_fill_hover"),
    ("button_secondary_text_color", "button_secondary_background_fill"),
    ("checkbox_label_text_color_selected", "checkbox_label_background_fill_selected"),
    ("link_text_color", "body_background_fill"),
]


def colour(name, dark):
    """What a variable of the theme comes to, as red, green and blue in [0, 1]."""
    value = (getattr(THEME, f"{name}_dark", None) if dark else None) or getattr(THEME, name)
    while not value.startswith("#"):
        if value in ("white", "black"):
            value = {"white": "#ffffff", "black": "#000000"}[value]
            continue
        inner = value.removeprefix("*")
        value = (getattr(THEME, f"{inner}_dark", None) if dark else None) or getattr(THEME, inner)
    assert re.fullmatch("#[0-9a-f]{6}", value)
    return [int(value[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def luminance(rgb):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_text_has_the_contrast_of_wcag_aa(pair, dark):
    one, other = sorted(luminance(colour(name, dark)) for name in pair)
    assert (other + 0.05) / (one + 0.05) >= 4.5


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_what_has_the_focus_is_seen(dark):
    """3:1, as WCAG AA asks of what is no text."""
    outlines = re.findall(r"outline(?:-color)?: (?:3px solid )?var\(--(primary-\d+)\)", CSS)
    assert len(outlines) == 2
    one, other = sorted(luminance(colour(name, dark)) for name in (outlines[dark].replace("-", "_"), "body_background_fill"))
    assert (other + 0.05) / (one + 0.05) >= 3
