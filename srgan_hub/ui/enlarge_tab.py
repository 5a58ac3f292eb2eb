"""The tab "Enlarge": upload, settings, result, and their events. The work is done in enlarge.py and view.py."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import NamedTuple

import gradio as gr

from srgan_hub.hub.space import line_of, name_of, offered
from srgan_hub.imaging.resize import Target
from srgan_hub.imaging.tiles import around
from srgan_hub.ui import view
from srgan_hub.ui.enlarge import FORMATS, Cut, Order, Result, enlarge, open_photo
from srgan_hub.ui.models import Limits, about, by, is_quick
from srgan_hub.ui.queue import Line, told
from srgan_hub.ui.run import on_press, said
from srgan_hub.ui.server import fresh_folder
from srgan_hub.ui.view_panel import COMPASS, DOUBTS, MEASURE, ViewPanel, view_size

LONGEST = "Longest side"
USUAL = 3840  # pixels of the longest side, until another number is entered
CREDITS = "*astronaut* (NASA, public domain) and *chelsea* (Stéfan van der Walt, CC0), shrunk, from scikit-image."


class Asked(NamedTuple):
    """The photo, where the visitor looks, and the settings: what every event of the tab gets."""

    room: float               # pixels: width of the view
    path: str | None
    cut: Cut
    place: view.Place | None  # in view, on the cut photo; None for the most detailed part
    mode: str
    against: str
    model: str
    texture: float            # percent
    size: str
    longest: float | None
    format: str

    @property
    def order(self) -> Order:
        """Raises CheckpointError as `about` does."""
        texture = self.texture / 100 if about(self.model).partner else 1.0
        return Order(self.model, texture, as_target(self.size, self.longest, about(self.model).scale), self.format, self.cut)

    def looked_at(self) -> view.Box:
        return view.region(self.path, self.order, self.place, view_size(self.room, self.mode))


def sizes(scale: int) -> list[str]:
    """What the menu offers for a model that enlarges `scale` times, the model's own size first."""
    return [f"×{scale}", *(f"×{factor}" for factor in (4, 2) if factor < scale), LONGEST]


def as_target(size: str, longest: float | None, scale: int) -> Target:
    """size: one of `sizes`, of this model or, for a moment after a change, of the model before."""
    if size == LONGEST:
        return Target(longest=round(longest or 0))
    return Target(scale=int(size[1:])) if int(size[1:]) < scale else Target()


def quick_model() -> str | None:
    """The first quick model on offer."""
    return next(filter(is_quick, offered()), None)


def largest_region(limits: Limits, path: str, model: str, place: view.Place) -> Cut:
    """The largest region that may be enlarged, in the photo's proportions, around a place on the whole photo."""
    width, height = open_photo(path).image.size
    share = min(1.0, (limits.pixels(model) / (width * height)) ** 0.5)
    center = place[0] * width, place[1] * height
    return Cut(region=around(center, (int(share * width), int(share * height)), (width, height)))


def over_limit(limits: Limits, path: str | None, model: str, cut: Cut) -> str | None:
    """What to say of a photo that is too large to be enlarged whole; None for any other."""
    if not path or not (over := limits.sentence(open_photo(path).image.size, model)):
        return None
    taken = open_photo(path, cut).image.size
    if limits.sentence(taken, model):
        return f"**{over}** Three options:"
    if cut.region:
        return f"A region of {by(taken)} pixels will be enlarged. Click on the photo to move it."
    return f"The photo is shrunk to {by(taken)} pixels first. Now press Enlarge."


def facts(result: Result) -> str:
    """A table of the numbers, and sentences about what was left out."""
    rows = {"Size": f"{by(result.given)} → {by(result.size)} pixels"}
    if result.count > 1:
        rows = {"Photos": str(result.count)}
    elif result.taken != result.given:
        rows["Enlarged from"] = f"{by(result.taken)} pixels"
    rows["File"] = f"{result.file.name}, {result.file.stat().st_size / 1e6:.1f} MB"
    rows["Time"] = f"{result.seconds:.1f} s"
    rows["Computed by"] = result.engine
    if result.profile:
        rows["Color profile"] = "kept"
    if result.lost:
        rows["Losses"] = "; ".join(result.lost)
    table = "".join(f"<tr><th scope=row>{name}</th><td>{escape(text)}</td></tr>" for name, text in rows.items())
    faults = "".join(f"<li>{escape(fault)}</li>" for fault in result.faults)
    missing = f'<div class="notice"><p>Not enlarged:</p><ul>{faults}</ul></div>' if faults else ""
    return f'<table class="facts">{table}</table>{missing}'


def build(limits: Limits, line: Line) -> gr.Image:
    """The tab's components, inside a gr.Blocks. Returns the photo component, which others use."""
    models = offered()
    offer = sizes(about(models[0]).scale)
    cut, place = gr.State(Cut()), gr.State(None)

    with gr.Row(elem_id="bench"):
        with gr.Column(elem_id="photo-column"), gr.Tabs():
            with gr.Tab("One photo", id="one"):
                photo = gr.Image(
                    label="Photo", type="filepath", sources=["upload", "clipboard"], elem_id="photo", height=240, buttons=[]
                )
                # Take the file as it was uploaded: gradio would open it here, and a damaged one would cause a traceback.
                photo.preprocess = lambda payload: payload and payload.path
                gr.Examples(view.examples(), photo, label="Or try one of these", elem_id="examples")
                gr.Markdown(CREDITS, elem_classes="credits")
            with gr.Tab("Several", id="several"):
                label = f"Up to {limits.files} photos"
                photos = gr.File(label=label, file_count="multiple", file_types=["image"], elem_id="photos", height=200)
                small = gr.Checkbox(True, label="Shrink photos over the limit first", elem_id="shrink-many")
                many = gr.Button("Enlarge them all", variant="primary", elem_id="enlarge-many")
        eye = ViewPanel()
        with gr.Column(elem_id="settings"):
            with gr.Column(visible=False, elem_id="over") as over:  # for a photo over the limit
                why = gr.Markdown(elem_id="why")
                region = gr.Button("Take a region of it", elem_id="take-region")
                shrink = gr.Button("Shrink it first", elem_id="take-shrunk")
                quick = gr.Button("Use the quick model", elem_id="take-quick")
                pick = gr.Image(
                    label="Click to place the region", show_label=False, interactive=False, visible=False, elem_id="pick",
                    format="png", buttons=[],
                )  # fmt: skip
            model = gr.Radio([(name_of(name), name) for name in models], value=models[0], label="Model", elem_id="model")
            described = gr.Markdown(line_of(models[0]), elem_id="model-line")
            texture = gr.Slider(
                0, 100, 100, step=25, label="Texture, %", info="0: faithful, invents nothing. 100: vivid.", elem_id="texture",
                visible=bool(about(models[0]).partner), buttons=[],
            )  # fmt: skip
            with gr.Row():
                menu = dict(min_width=120, filterable=False)
                size = gr.Dropdown(offer, value=offer[0], label="Size", elem_id="size", **menu)
                format = gr.Dropdown(list(FORMATS), value="PNG", label="Format", elem_id="format", **menu)
            longest = gr.Number(USUAL, precision=0, minimum=1, label="Longest side, pixels", visible=False, elem_id="longest")
            go = gr.Button("Enlarge", variant="primary", elem_id="enlarge")
            stop = gr.Button("Cancel", variant="stop", visible=False, elem_id="cancel")
        with gr.Column(elem_id="outcome"):
            status = gr.HTML(elem_id="status", min_height=40)
            file = gr.File(label="Download", interactive=False, elem_id="result", visible=False)
            numbers = gr.HTML(elem_id="numbers")

    # Event handlers. Each gets the values of `everything`, in the order of Asked.

    everything = [eye.width, photo, cut, place, eye.mode, eye.left, model, texture, size, longest, format]
    no_result = {file: gr.File(None, visible=False), numbers: ""}

    def clear(request: gr.Request):
        """For a new photo: nothing of the last one is left, and its run ends."""
        line.stop(request.session_hash)
        return no_result | {cut: Cut(), place: None, status: "", longest: USUAL, over: gr.Column(visible=False)}

    @told()
    def adjust(*inputs):
        """Fit the settings to the model and the photo."""
        asked = Asked(*inputs)
        scale, said_over = about(asked.model).scale, over_limit(limits, asked.path, asked.model, asked.cut)
        cut_now = asked.cut if said_over else Cut()  # a photo that may be enlarged whole is not cut
        choices, pixels = sizes(scale), asked.longest
        chosen = asked.size if asked.size in choices else choices[0]
        if chosen == LONGEST and asked.path:
            least = max(open_photo(asked.path, cut_now).image.size)
            pixels = min(max(round(pixels or 0), least), least * scale)
        marked = view.thumbnail(asked.path, Cut(), cut_now.region) if cut_now.region else None
        return {
            described: line_of(asked.model),
            texture: gr.Slider(visible=bool(about(asked.model).partner)),
            size: gr.Dropdown(choices, value=chosen),
            longest: gr.Number(pixels, visible=chosen == LONGEST),
            over: gr.Column(visible=bool(said_over)),
            why: said_over or "",
            shrink: f"Shrink it to {limits.pixels(asked.model) / 1e6:g} megapixels first",
            quick: gr.Button(visible=bool(quick_model()) and not is_quick(asked.model)),
            pick: gr.Image(marked, visible=bool(marked)),
            cut: cut_now,
        } | ({} if cut_now == asked.cut else {place: None})

    @told()
    def show(*inputs):
        asked = Asked(*inputs)
        if not asked.path:
            return eye.show(None, asked.mode)
        room = view_size(asked.room, asked.mode)
        return eye.show(view.look(asked.path, asked.order, asked.place, room, asked.against, asked.mode == DOUBTS), asked.mode)

    @told()
    def look_at(event: gr.SelectData, *inputs):
        asked = Asked(*inputs)
        return view.placed(event.index, asked.path, asked.cut)

    @told()
    def go_to(across, down, *inputs):
        """The place half a view further in that direction."""
        asked = Asked(*inputs)
        if not asked.path:
            return None
        box, (width, height) = asked.looked_at(), open_photo(asked.path, asked.cut).image.size
        return (box.center[0] + across * box.size[0]) / width, (box.center[1] + down * box.size[1]) / height

    @told()
    def take_region(*inputs):
        """A region around the current view."""
        asked = Asked(*inputs)
        whole, taken = open_photo(asked.path).image.size, open_photo(asked.path, asked.cut).image.size
        left, top, right, bottom = asked.cut.region or (0, 0, *whole)
        x, y = (one / side for one, side in zip(asked.looked_at().center, taken, strict=True))
        center = (left + x * (right - left)) / whole[0], (top + y * (bottom - top)) / whole[1]
        return {cut: largest_region(limits, asked.path, asked.model, center), place: None}

    @told()
    def move_region(event: gr.SelectData, *inputs):
        asked = Asked(*inputs)
        center = view.placed(event.index, asked.path, Cut())
        return {cut: largest_region(limits, asked.path, asked.model, center), place: None}

    @told()
    def take_shrunk(*inputs):
        return {cut: Cut(pixels=limits.pixels(Asked(*inputs).model)), place: None}

    @told()
    def take_quick(*inputs):
        """A photo that is too large even for the quick model is shrunk to its limit."""
        name = quick_model()
        return {
            cut: Cut(pixels=limits.pixels(name)), place: None, model: name,
            status: said(f'Switched to the model "{name_of(name)}". Now press Enlarge.'),
        }  # fmt: skip

    def run_one(*inputs):
        asked = Asked(*inputs)
        return run([asked.path] if asked.path else [], asked)

    def run_many(paths, shrunk, *inputs):
        asked = Asked(*inputs)
        return run(paths or [], asked._replace(cut=Cut(pixels=limits.pixels(asked.model)) if shrunk else Cut()))

    def run(paths, asked):
        def shown(result):
            return {status: said("Done."), file: gr.File(str(result.file), visible=True), numbers: facts(result)}

        return partial(enlarge, paths, asked.order, fresh_folder(), limits), shown

    private = dict(api_visibility="private")
    quietly = dict(show_progress="hidden", **private)
    # A region takes a fraction of a second. It has its own lane, so that nobody has to wait for another visitor's whole photo.
    looking = dict(
        fn=show, inputs=everything, outputs=eye.shown, js=MEASURE, concurrency_id="view", concurrency_limit=1,
        show_progress="minimal", show_progress_on=eye.caption, trigger_mode="always_last", **private,
    )  # fmt: skip
    adjusted = [described, texture, size, longest, over, why, shrink, quick, pick, cut, place]
    adjusting = dict(fn=adjust, inputs=everything, outputs=adjusted, **quietly)

    starts = {go: (run_one, everything), many: (run_many, [photos, small, *everything])}
    on_press(line, starts, no_result, [file, numbers], stop, status)
    cleared = photo.change(clear, None, [cut, place, file, numbers, status, longest, over], **quietly)
    arrived = cleared.then(**adjusting)
    arrived.failure(lambda mode: eye.show(None, mode), eye.mode, eye.shown, **quietly)
    arrived.success(**looking)
    gr.on([eye.mode.change, eye.left.change, texture.release, texture.change, longest.submit, longest.blur], **looking)
    gr.on([model.change, size.change], **adjusting).success(**looking)
    eye.thumbnail.select(look_at, everything, place, **quietly).success(**looking)
    for name, button in eye.moves.items():
        button.click(
            lambda *inputs, way=COMPASS[name]: go_to(*way, *inputs), everything, place, js=MEASURE, **quietly
        ).success(**looking)  # fmt: skip
    for event, way in (
        (region.click, take_region), (pick.select, move_region), (shrink.click, take_shrunk), (quick.click, take_quick)
    ):  # fmt: skip
        outputs = [cut, place, model, status] if way is take_quick else [cut, place]
        event(way, everything, outputs, js=MEASURE, **quietly).success(**adjusting).success(**looking)
    return photo
