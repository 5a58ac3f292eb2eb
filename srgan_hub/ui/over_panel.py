"""The panel for a photo over the size limit, with three options: a region of it, shrinking it first, or the quick model."""

from __future__ import annotations

from typing import NamedTuple

import gradio as gr

from srgan_hub.hub.space import offered
from srgan_hub.imaging.tiles import around
from srgan_hub.ui import words
from srgan_hub.ui.enlarge import Cut, open_photo
from srgan_hub.ui.models import Limits, is_quick
from srgan_hub.ui.view import thumbnail


class OverPanel(NamedTuple):
    group: gr.Column
    why: gr.Markdown
    region: gr.Button
    shrink: gr.Button
    quick: gr.Button
    pick: gr.Image    # where the region lies


def quick_model() -> str | None:
    """The first quick model on offer."""
    return next((name for _, name in offered() if is_quick(name)), None)


def build() -> OverPanel:
    """The components, inside a gr.Blocks."""
    with gr.Column(visible=False, elem_id="over") as group:
        why = gr.Markdown(elem_id="why")
        region = gr.Button("Take a region of it", elem_id="take-region")
        shrink = gr.Button("Shrink it first", elem_id="take-shrunk")
        quick = gr.Button("Use the quick model", elem_id="take-quick", visible=bool(quick_model()))
        pick = gr.Image(
            label="Click to place the region", show_label=False, interactive=False, visible=False, elem_id="pick",
            format="png", buttons=[],
        )  # fmt: skip
    return OverPanel(group, why, region, shrink, quick, pick)


def admit(panel: OverPanel, limits: Limits, path: str | None, model: str, cut: Cut) -> dict:
    """The panel for that photo: hidden only if all of it is within the limit, because another option may still be wanted."""
    over = limits.sentence(open_photo(path).image.size, model) if path else None
    text = ""
    if over:
        taken = open_photo(path, cut).image.size
        text = f"**{over}** Three options:" if limits.sentence(taken, model) else way(path, cut)
    return {
        panel.group: gr.Column(visible=bool(over)),
        panel.why: text,
        panel.shrink: f"Shrink it to {limits.pixels(model) / 1e6:g} megapixels first",
        panel.quick: gr.Button(visible=bool(quick_model()) and not is_quick(model)),
        panel.pick: gr.Image(visible=bool(over and cut.region)),
    }


def way(path: str, cut: Cut) -> str:
    """What will be enlarged of a photo, in words."""
    size = words.by(open_photo(path, cut).image.size)
    if cut.region:
        return f"A region of {size} pixels will be enlarged. Click on the photo to move it."
    return f"The photo is shrunk to {size} pixels first. Now press Enlarge."


def on_photo(place: tuple[float, float] | None, path: str, cut: Cut) -> tuple[float, float] | None:
    """Where a place in a cut lies on the whole photo."""
    if not place:
        return None
    left, top, right, bottom = cut.region or (0, 0, *open_photo(path).image.size)
    width, height = open_photo(path, cut).image.size
    return left + place[0] * (right - left) / width, top + place[1] * (bottom - top) / height


def region_on(panel: OverPanel, limits: Limits, path: str, model: str, place: tuple[float, float] | None) -> tuple[Cut, dict]:
    """The largest region that may be enlarged, in the photo's proportions, around a place in it or in the middle."""
    width, height = open_photo(path).image.size
    share = min(1.0, (limits.pixels(model) / (width * height)) ** 0.5)
    box = around(place or (width / 2, height / 2), (int(share * width), int(share * height)), (width, height))
    cut = Cut(region=box)
    return cut, {panel.pick: gr.Image(thumbnail(path, Cut(), box), visible=True), panel.why: way(path, cut)}


def quickly(limits: Limits, path: str) -> tuple[str, Cut]:
    """The quick model, and a cut: a photo that is too large even for this model is shrunk to its limit."""
    model = quick_model()
    return model, Cut(pixels=limits.pixels(model)) if limits.sentence(open_photo(path).image.size, model) else Cut()
