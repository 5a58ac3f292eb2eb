"""The panel for a photo that is over the limit, with three ways on: a region of it, shrunk first, or by the quick model."""

from __future__ import annotations

from typing import NamedTuple

import gradio as gr

from srgan_hub.imaging.region import Box, around
from srgan_hub.ui import words
from srgan_hub.ui.limits import Limits, is_quick
from srgan_hub.ui.models import name_of, offered
from srgan_hub.ui.photo import Cut, apply, open_photo
from srgan_hub.ui.view import placed, thumbnail


class OverPanel(NamedTuple):
    group: gr.Column
    why: gr.Markdown
    region: gr.Button
    shrink: gr.Button
    quick: gr.Button
    pick: gr.Image    # where the region lies


def quick_model() -> str | None:
    """The first lite one on offer."""
    return next((name for _, name in offered() if is_quick(name)), None)


def build() -> OverPanel:
    """The components, inside a gr.Blocks."""
    with gr.Column(visible=False, elem_id="over") as group:
        why = gr.Markdown(elem_id="why")
        region = gr.Button("Take a region of it", elem_id="take-region")
        shrink = gr.Button("Shrink it first", elem_id="take-shrunk")
        quick = gr.Button("Use the quick model", elem_id="take-quick", visible=bool(quick_model()))
        pick = gr.Image(
            label="Click where the region shall be", interactive=False, visible=False, elem_id="pick", format="png", buttons=[]
        )
    return OverPanel(group, why, region, shrink, quick, pick)


def admit(panel: OverPanel, limits: Limits, path: str | None, model: str, cut: Cut) -> dict:
    """The panel for that photo: hidden where it is within the limit."""
    text = limits.sentence(open_photo(path, cut).image.size, model) if path else None
    return {
        panel.group: gr.Column(visible=bool(text)),
        panel.why: f"**{text}** Three ways on:" if text else "",
        panel.shrink: f"Shrink it to {limits.pixels(model) / 1e6:g} megapixels first",
        panel.quick: gr.Button(visible=bool(quick_model()) and not is_quick(model)),
        panel.pick: gr.Image(visible=False),
    }


def largest_region(limits: Limits, path: str, model: str, place: tuple[float, float] | None) -> Box:
    """The largest that may be enlarged, in the photo's proportions, around a place of it."""
    width, height = open_photo(path).image.size
    share = min(1.0, (limits.pixels(model) / (width * height)) ** 0.5)
    return around(place or (width / 2, height / 2), (int(share * width), int(share * height)), (width, height))


def region_on(panel: OverPanel, limits: Limits, path: str, model: str, click: tuple[int, int] | None) -> tuple[Cut, dict]:
    """A region around a click on `pick`, or in the middle."""
    place = placed(click, path, Cut()) if click else None
    box = largest_region(limits, path, model, place)
    return Cut(region=box), {
        panel.pick: gr.Image(thumbnail(path, Cut(), box), visible=True),
        panel.why: f"A region of {words.by(box.size)} pixels will be enlarged. Click on the picture to move it.",
    }


def shrunk(limits: Limits, path: str, model: str) -> tuple[Cut, str]:
    """As many pixels as the model may have, and that in words."""
    cut = Cut(pixels=limits.pixels(model))
    size = words.by(apply(cut, open_photo(path).image).size)
    return cut, f"The photo is shrunk to {size} pixels first. Now press Enlarge."


def quickly(limits: Limits, path: str) -> tuple[str, Cut, str]:
    """The quick model, for a photo that is still too large shrunk to what that may have, and both in words."""
    model, image = quick_model(), open_photo(path).image
    if limits.sentence(image.size, model) is None:
        return model, Cut(), f'"{name_of(model)}" is the model now. Now press Enlarge.'
    cut, _ = shrunk(limits, path, model)
    size = words.by(apply(cut, image).size)
    return model, cut, f'"{name_of(model)}" is the model now, and the photo is shrunk to {size} pixels first. Now press Enlarge.'
