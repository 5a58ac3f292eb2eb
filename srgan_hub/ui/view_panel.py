"""The panel for viewing a photo: its components and what they show. The images are made in view.py."""

from __future__ import annotations

from html import escape
from pathlib import Path

import gradio as gr
from PIL import Image

from srgan_hub.evaluation.benchmark import bicubic
from srgan_hub.hub.space import name_of, offered
from srgan_hub.imaging.io import read_picture
from srgan_hub.ui.models import by
from srgan_hub.ui.view import BICUBIC, SHIPPED, Look, examples, result_of, title

SLIDER, SIDES, DOUBTS = "Slider", "Side by side", "Where detail was invented"
COMPASS = {"Left": (-0.5, 0), "Up": (0, -0.5), "Down": (0, 0.5), "Right": (0.5, 0)}  # steps in widths and heights of the view
SAMPLE = (0, 0, 512, 400)  # pixels of the first example's result
INVITATION = """<h2>Choose a photo or one of the examples</h2><p>You can also drop or paste photos anywhere on this page. \
The most detailed part appears here at once, at full size. Move the line to see what to expect.</p>"""
NAMES = 600                # pixels that the names above a view need to fit on one line, however small the image
NARROW = 560               # pixels of the screen; below that, two images are stacked
GAP = 12                   # pixels between two images
ROOM = 240, 1200           # pixels: least and greatest width of the panel, as in MEASURE
# Puts the panel's width, in pixels of the screen, into the first input, so that images are made to be shown pixel by pixel.
MEASURE = """(...inputs) => {
    inputs[0] = Math.max(240, Math.min(document.querySelector('#view')?.clientWidth || 640, 1200));
    return inputs;
}"""


class ViewPanel:
    """Made inside a gr.Blocks; `shown`: the components that `show` updates."""

    def __init__(self):
        picture = dict(format="png", interactive=False)  # gradio's default for shown images, WebP, is lossy
        slider = dict(picture, show_label=False, max_height=900)
        with gr.Column(elem_id="view"):
            with gr.Column(elem_id="empty") as self.empty:
                gr.HTML(INVITATION)
                if there := sample():
                    gr.HTML(names("Bicubic", title(SHIPPED), there[0].size))
                    gr.ImageSlider(there, elem_id="sample", **slider)
            with gr.Column(visible=False) as self.stage:
                self.mode = gr.Radio([SLIDER, SIDES, DOUBTS], value=SLIDER, label="View", elem_id="mode", container=False)
                self.caption = gr.HTML(elem_id="caption")
                self.pair = gr.ImageSlider(elem_id="pair", image_mode=None, **slider)
                with gr.Row(visible=False, elem_id="sides") as self.sides:
                    self.pictures = [
                        gr.Image(elem_id=name, image_mode=None, min_width=240, buttons=["fullscreen"], **picture)
                        for name in ("before", "after", "changed")
                    ]
                    self.doubted = gr.HTML(elem_id="doubted", visible=False)
                with gr.Row(elem_id="where"):
                    self.thumbnail = gr.Image(
                        label="The whole photo", show_label=False, elem_id="thumbnail", buttons=[], min_width=200, **picture
                    )
                    with gr.Column(scale=2, min_width=220):
                        methods = [("Bicubic, plain enlargement", BICUBIC), *((name_of(name), name) for name in offered())]
                        self.left = gr.Dropdown(methods, value=BICUBIC, label="On the left", elem_id="left")
                        gr.Markdown("To look elsewhere, click on the small image or move:")
                        with gr.Row(elem_id="compass"):
                            self.moves = {name: gr.Button(name, size="sm", elem_id=f"go-{name.lower()}") for name in COMPASS}
        self.width = gr.Number(640, visible=False)  # from MEASURE
        self.shown = [
            self.empty, self.stage, self.caption, self.pair, self.sides, *self.pictures, self.doubted, self.thumbnail, self.left,
        ]  # fmt: skip

    def show(self, look: Look | None, mode: str) -> dict:
        """None: no photo, or one that cannot be shown."""
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
            self.caption: gr.HTML(names(left, right, look.second.size), visible=mode == SLIDER),
            self.pair: gr.ImageSlider((look.first, look.second) if mode == SLIDER else None, visible=mode == SLIDER),
            self.sides: gr.Row(visible=mode != SLIDER),
            **{
                component: gr.Image(picture, label=label, visible=picture is not None)
                for component, (picture, label) in zip(self.pictures, pictures, strict=True)
            },
            self.doubted: gr.HTML(doubts.words if doubts else "", visible=bool(doubts)),
            self.thumbnail: look.thumbnail,
            self.left: gr.Dropdown(visible=mode != DOUBTS),
        }


def names(left: str, right: str, size: tuple[int, int]) -> str:
    """What is on which side of the view."""
    pixels = f"<span>{by(size)} pixels of the result, shown 1:1</span>"
    fitting = no_wider("#pair, #sample", size[0]) + no_wider(".names", max(size[0], NAMES))
    return f'{fitting}<div class="names"><div>◀ {escape(left)}</div>{pixels}<div>{escape(right)} ▶</div></div>'


def no_wider(places: str, width: int) -> str:
    """Keeps these images from being stretched to the column's width: they are to be seen pixel by pixel."""
    return f"<style>:is({places}) {{ max-width: {width}px; margin: 0 auto; }}</style>"


def view_size(room: float, mode: str) -> tuple[int, int]:
    """(width, height) in pixels of an image in a panel of width `room`: it fits on a screen with the buttons around it."""
    room = min(max(round(room), ROOM[0]), ROOM[1])  # a browser may send anything, and we pay with our time
    width = room if mode == SLIDER or room < NARROW else (room - GAP) // 2
    return width, min(560, max(320, round(0.66 * room)))


def sample() -> tuple[Image.Image, Image.Image] | None:
    """A part of the first example beside its result, to look at before there is a photo."""
    if not (there := examples()):
        return None
    small, large = read_picture(Path(there[0])), read_picture(result_of(there[0]))
    return bicubic(4)(small).crop(SAMPLE), large.crop(SAMPLE)
