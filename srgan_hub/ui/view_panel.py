"""The panel for viewing a photo: its components and what they show. The images are made in view.py."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import gradio as gr
from PIL import Image

from srgan_hub.evaluation.benchmark import bicubic
from srgan_hub.hub.space import name_of, offered
from srgan_hub.imaging.io import read_picture
from srgan_hub.ui import words
from srgan_hub.ui.theme import MODEL, files, result_of
from srgan_hub.ui.view import BICUBIC, Look, title

SLIDER, SIDES, DOUBTS = "Slider", "Side by side", "Where detail was invented"
COMPASS = {"Left": (-0.5, 0), "Up": (0, -0.5), "Down": (0, 0.5), "Right": (0.5, 0)}  # steps in widths and heights of the view
SAMPLE = (0, 0, 512, 400)  # pixels of the first example's result
NARROW = 560               # pixels of the screen; below that, two images are stacked
GAP = 12                   # pixels between two images
ROOM = 240, 1200           # pixels: least and greatest width of the panel, as in MEASURE
# Puts the panel's width, in pixels of the screen, into the first input, so that images are made to be shown pixel by pixel.
MEASURE = """(...inputs) => {
    inputs[0] = Math.max(240, Math.min(document.querySelector('#view')?.clientWidth || 640, 1200));
    return inputs;
}"""


class ViewPanel(NamedTuple):
    empty: gr.Column          # before there is a photo
    stage: gr.Column          # all that follows
    mode: gr.Radio
    caption: gr.HTML
    pair: gr.ImageSlider
    sides: gr.Row
    before: gr.Image
    after: gr.Image
    changed: gr.Image
    doubted: gr.HTML
    thumbnail: gr.Image
    left: gr.Dropdown
    moves: dict[str, gr.Button]
    width: gr.Number          # from MEASURE

    @property
    def shown(self) -> list:
        """The components that `show` updates."""
        return [component for component in self if component not in (self.mode, self.moves, self.width)]

    def show(self, look: Look | None, thumbnail: Image.Image | None, mode: str) -> dict:
        if look is None:
            return {self.stage: gr.Column(visible=False), self.empty: gr.Column(visible=True)}
        (left, right), doubts = look.names, look.doubts
        if mode == SLIDER:
            pictures = [(None, None)] * 3
        elif doubts:
            pictures = [(look.second, right), (doubts.invented, "Invented"), (doubts.changed, "Changed")]
        else:
            pictures = [(look.first, left), (look.second, right), (None, None)]
        return {
            self.empty: gr.Column(visible=False),
            self.stage: gr.Column(visible=True),
            self.caption: gr.HTML(words.names(left, right, look.second.size), visible=mode == SLIDER),
            self.pair: gr.ImageSlider((look.first, look.second) if mode == SLIDER else None, visible=mode == SLIDER),
            self.sides: gr.Row(visible=mode != SLIDER),
            **{
                component: gr.Image(picture, label=label, visible=picture is not None)
                for component, (picture, label) in zip((self.before, self.after, self.changed), pictures, strict=True)
            },
            self.doubted: gr.HTML(words.doubted(doubts) if doubts else "", visible=bool(doubts)),
            self.thumbnail: thumbnail,
            self.left: gr.Dropdown(visible=mode != DOUBTS),
        }


def view_size(room: float, mode: str) -> tuple[int, int]:
    """(width, height) in pixels of an image in a panel of width `room`: it fits on a screen with the buttons around it."""
    room = min(max(round(room), ROOM[0]), ROOM[1])  # a browser may send anything, and we pay with our time
    width = room if mode == SLIDER or room < NARROW else (room - GAP) // 2
    return width, min(560, max(320, round(0.66 * room)))


def sample() -> tuple[Image.Image, Image.Image] | None:
    """A part of the first example beside its result, to look at before there is a photo."""
    example = next(iter(files()), None)
    if not example or not result_of(example).is_file():
        return None
    small, large = read_picture(Path(example)), read_picture(result_of(example))
    return bicubic(4)(small).crop(SAMPLE), large.crop(SAMPLE)


def build() -> ViewPanel:
    """The components, inside a gr.Blocks."""
    picture = dict(format="png", interactive=False)  # gradio's default for shown images, WebP, is lossy
    slider = dict(picture, show_label=False, max_height=900)
    with gr.Column(elem_id="view"):
        with gr.Column(elem_id="empty") as empty:
            gr.HTML(
                "<h2>Choose a photo or one of the examples</h2><p>You can also drop or paste photos anywhere on this page. The "
                "most detailed part appears here at once, at full size. Move the line to see what to expect.</p>"
            )
            if there := sample():
                gr.HTML(words.names("Bicubic", title(MODEL), there[0].size))
                gr.ImageSlider(there, elem_id="sample", **slider)
        with gr.Column(visible=False) as stage:
            mode = gr.Radio([SLIDER, SIDES, DOUBTS], value=SLIDER, label="View", elem_id="mode", container=False)
            caption = gr.HTML(elem_id="caption")
            pair = gr.ImageSlider(elem_id="pair", image_mode=None, **slider)
            with gr.Row(visible=False, elem_id="sides") as sides:
                before, after, changed = (
                    gr.Image(elem_id=name, image_mode=None, min_width=240, buttons=["fullscreen"], **picture)
                    for name in ("before", "after", "changed")
                )
                doubted = gr.HTML(elem_id="doubted", visible=False)
            with gr.Row(elem_id="where"):
                thumbnail = gr.Image(
                    label="The whole photo", show_label=False, elem_id="thumbnail", buttons=[], min_width=200, **picture
                )
                with gr.Column(scale=2, min_width=220):
                    left = gr.Dropdown(
                        [("Bicubic, plain enlargement", BICUBIC), *((name_of(name), name) for _, name in offered())],
                        value=BICUBIC, label="On the left", elem_id="left",
                    )  # fmt: skip
                    gr.Markdown("To look elsewhere, click on the small image or move:")
                    with gr.Row(elem_id="compass"):
                        moves = {name: gr.Button(name, size="sm", elem_id=f"go-{name.lower()}") for name in COMPASS}
    width = gr.Number(640, visible=False)
    return ViewPanel(
        empty, stage, mode, caption, pair, sides, before, after, changed, doubted, thumbnail, left, moves, width
    )  # fmt: skip
