"""The look of the page: colors with enough contrast (WCAG AA) in light and dark, one column on a phone."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

CSS, HEAD = (Path(__file__).with_name(name) for name in ("page.css", "head.html"))

# variable: in light, in dark; gradio's own grays have a contrast of 2.6:1 on white
COLORS = {
    "body_text_color_subdued": ("*neutral_600", "*neutral_300"),
    "block_info_text_color": ("*neutral_600", "*neutral_300"),
    "block_label_text_color": ("*neutral_700", "*neutral_200"),
    "block_title_text_color": ("*neutral_700", "*neutral_200"),
    "input_placeholder_color": ("*neutral_600", "*neutral_300"),
    "button_primary_text_color": ("white", "white"),
    "button_primary_background_fill": ("*primary_700", "*primary_700"),  # white on it has a contrast of 5.5:1
    "button_primary_background_fill_hover": ("*primary_800", "*primary_800"),
    "checkbox_label_text_color_selected": ("white", "white"),
    "checkbox_label_background_fill_selected": ("*primary_700", "*primary_700"),
    "slider_color": ("*primary_600", "*primary_500"),
    "link_text_color": ("*primary_700", "*primary_300"),
}
THEME = gr.themes.Default(
    primary_hue="teal",
    neutral_hue="slate",
    font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif"],
    font_mono=["ui-monospace", "DejaVu Sans Mono", "monospace"],
    radius_size="md",
).set(
    color_accent="*primary_700",  # of the open tab; there is no separate one for dark
    **{name: light for name, (light, _) in COLORS.items()},
    **{f"{name}_dark": dark for name, (_, dark) in COLORS.items()},
)
