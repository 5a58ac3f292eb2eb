"""The tab "Enlarge": upload, settings, result, and their events. The work is done in enlarge.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import gradio as gr

from srgan_hub.hub.space import line_of, name_of, offered
from srgan_hub.imaging.resize import Target
from srgan_hub.ui import over_panel, view, view_panel, words
from srgan_hub.ui.enlarge import FORMATS, Cut, Order, enlarge, open_photo
from srgan_hub.ui.models import Limits, may_name_hub_ids, partner, scale_of
from srgan_hub.ui.queue import MISTAKES, Line, mistake, told
from srgan_hub.ui.server import fresh_folder
from srgan_hub.ui.theme import files
from srgan_hub.ui.view_panel import COMPASS, DOUBTS, MEASURE, view_size

LONGEST = "Longest side"
USUAL = 3840  # pixels of the longest side, until another number is entered


class Spot(NamedTuple):
    """A place in a cut of a photo; it means nothing for another photo or cut."""

    path: str
    cut: Cut
    at: tuple[float, float]


def at(spot: Spot | None, path: str | None, cut: Cut) -> tuple[float, float] | None:
    return spot.at if spot and (spot.path, spot.cut) == (path, cut) else None


def sizes(scale: int) -> list[str]:
    """What the menu offers for a model that enlarges `scale` times, the model's own size first."""
    return [f"×{scale}", *(f"×{factor}" for factor in (4, 2) if factor < scale), LONGEST]


def as_target(size: str, longest: float | None, scale: int) -> Target:
    """size: one of `sizes`, of this model or, for a moment after a change, of the model before."""
    if size == LONGEST:
        return Target(longest=round(longest or 0))
    return Target(scale=int(size[1:])) if int(size[1:]) < scale else Target()


def as_order(cut: Cut, model: str, other: str | None, texture: float, size: str, longest: float | None, format: str) -> Order:
    """What the settings ask for; other: a Hub checkpoint that was typed in. Raises CheckpointError as `partner` does."""
    model = (other or "").strip() or model
    return Order(model, texture / 100 if partner(model) else 1.0, as_target(size, longest, scale_of(model)), format, cut)


def build(limits: Limits, line: Line, credits: str) -> gr.Image:
    """The tab's components, inside a gr.Blocks. Returns the photo component, which others use."""
    models = [name for _, name in offered()]
    offer = sizes(scale_of(models[0]))
    cut, place = gr.State(Cut()), gr.State(None)  # place: the Spot in view, None for the most detailed part

    with gr.Row(elem_id="bench"):
        with gr.Column(elem_id="photo-column"), gr.Tabs():
            with gr.Tab("One photo", id="one"):
                photo = gr.Image(
                    label="Photo", type="filepath", sources=["upload", "clipboard"], elem_id="photo", height=240, buttons=[]
                )
                # Take the file as it was uploaded: gradio would open it here, and a damaged one would cause a traceback.
                photo.preprocess = lambda payload: payload and payload.path
                gr.Examples(files(), photo, label="Or try one of these", elem_id="examples")
                gr.Markdown(credits, elem_classes="credits")
            with gr.Tab("Several", id="several"):
                photos = gr.File(
                    label=f"Up to {limits.files} photos", file_count="multiple", file_types=["image"], elem_id="photos",
                    height=200,
                )  # fmt: skip
                small = gr.Checkbox(True, label="Shrink photos over the limit first", elem_id="shrink-many")
                many = gr.Button("Enlarge them all", variant="primary", elem_id="enlarge-many")
        eye = view_panel.build()
        with gr.Column(elem_id="settings"):
            over = over_panel.build()
            model = gr.Radio([(name_of(name), name) for name in models], value=models[0], label="Model", elem_id="model")
            about = gr.Markdown(line_of(models[0]), elem_id="model-line")
            other = gr.Textbox(
                label="Another checkpoint from the Hub", placeholder="user/name", visible=may_name_hub_ids(), elem_id="other"
            )
            texture = gr.Slider(
                0, 100, 100, step=25, label="Texture, %", info="0: faithful, invents nothing. 100: vivid.", elem_id="texture",
                visible=bool(partner(models[0])), buttons=[],
            )  # fmt: skip
            with gr.Row():
                size = gr.Dropdown(offer, value=offer[0], label="Size", elem_id="size", min_width=120, filterable=False)
                format = gr.Dropdown(
                    list(FORMATS), value="PNG", label="Format", elem_id="format", min_width=120, filterable=False
                )
            longest = gr.Number(USUAL, precision=0, minimum=1, label="Longest side, pixels", visible=False, elem_id="longest")
            go = gr.Button("Enlarge", variant="primary", elem_id="enlarge")
            stop = gr.Button("Cancel", variant="stop", visible=False, elem_id="cancel")
        with gr.Column(elem_id="outcome"):
            status = gr.HTML(elem_id="status", min_height=40)
            file = gr.File(label="Download", interactive=False, elem_id="result", visible=False)
            numbers = gr.HTML(elem_id="numbers")
    settings = [model, other, texture, size, longest, format]

    # Event handlers. Arguments are named after what they hold, so that they do not hide the components above.

    def show(room, path, cut_, spot, mode, against, *chosen):
        """The view, with the current settings."""
        if not path:
            return eye.show(None, None, mode)
        with told(path):
            where = at(spot, path, cut_)
            look = view.look(path, as_order(cut_, *chosen), where, view_size(room, mode), against, mode == DOUBTS)
            seen = {place: Spot(path, cut_, look.box.center)}
            return eye.show(look, view.thumbnail(path, cut_, look.box), mode) | seen

    def clear():
        """For a new photo: nothing of the last one is left."""
        left = {cut: Cut(), place: None, file: gr.File(None, visible=False), numbers: "", status: "", longest: USUAL}
        return left | {over.group: gr.Column(visible=False)}

    def admit(path, cut_, *chosen):
        """A photo that may be enlarged whole is not cut."""
        with told(path):
            shown = over_panel.admit(over, limits, path, as_order(cut_, *chosen).model, cut_)
        return shown | ({} if shown[over.group].visible else {cut: Cut()})

    def describe(*chosen):
        with told():
            name, chosen_size = as_order(Cut(), *chosen).model, chosen[3]
            choices = sizes(scale_of(name))
            menu = gr.Dropdown(choices, value=chosen_size if chosen_size in choices else choices[0])
            return {about: line_of(name), texture: gr.Slider(visible=bool(partner(name))), size: menu}

    def look_at(path, cut_, event: gr.SelectData):
        with told(path):
            return Spot(path, cut_, view.placed(event.index, path, cut_))

    def go_to(across, down, room, path, cut_, spot, *chosen):
        """The place half a view further in that direction."""
        if not (now := at(spot, path, cut_)):
            return spot
        with told(path):
            whole = open_photo(path, cut_).image.size
            times = view.factor(as_order(cut_, *chosen), whole)
        width, height = view_size(room, view_panel.SLIDER)
        moved = now[0] + across * width / times, now[1] + down * height / times
        return Spot(path, cut_, tuple(min(max(one, 0), side) for one, side in zip(moved, whole, strict=True)))

    def take_region(path, cut_, spot, *chosen):
        """A region around the current view."""
        with told(path):
            centre = over_panel.on_photo(at(spot, path, cut_), path, cut_)
            found, shown = over_panel.region_on(over, limits, path, as_order(Cut(), *chosen).model, centre)
            return shown | {cut: found}

    def move_region(path, model_, other_, texture_, size_, longest_, format_, event: gr.SelectData):
        with told(path):
            name = as_order(Cut(), model_, other_, texture_, size_, longest_, format_).model
            found, shown = over_panel.region_on(over, limits, path, name, view.placed(event.index, path, Cut()))
            return shown | {cut: found}

    def take_shrunk(path, *chosen):
        with told(path):
            found = Cut(pixels=limits.pixels(as_order(Cut(), *chosen).model))
            return {cut: found, over.why: over_panel.way(path, found), over.pick: gr.Image(visible=False)}

    def take_quick(path):
        with told(path):
            name, found = over_panel.quickly(limits, path)
        said = f'Switched to the model "{name_of(name)}". Now press Enlarge.'
        return {model: name, other: "", cut: found, status: words.said(said)}

    def fit_longest(path, cut_, chosen, wanted, name, other_):
        """The number of pixels, if that setting is chosen, limited to what the photo allows."""
        if chosen != LONGEST or not path:
            return gr.Number(visible=chosen == LONGEST)
        with told(path):
            least = max(open_photo(path, cut_).image.size)
            most = least * scale_of((other_ or "").strip() or name)
        return gr.Number(min(max(round(wanted or 0), least), most), visible=True)

    def run(sources: Sequence[str], order: Order) -> Iterator[dict]:
        """The steps of a run as they are shown, and finally its file."""
        running = line.steps(enlarge(sources, order, fresh_folder(), limits))
        try:
            while True:
                try:
                    step = next(running)
                except StopIteration as end:
                    result = end.value
                    break
                yield {status: words.progress(step), file: gr.File(None, visible=False), numbers: ""}
        except MISTAKES as error:
            yield {status: words.said(str(error))}
            raise mistake(None, error) from error
        finally:
            running.close()
        done = words.facts(result, result.file.stat().st_size)
        yield buttons(busy=False) | {status: words.said("Done."), file: gr.File(str(result.file), visible=True), numbers: done}

    def run_one(path, cut_, *chosen):
        yield from ordered([path] if path else [], cut_, chosen)

    def run_many(paths, shrink, *chosen):
        pixels = limits.pixels((chosen[1] or "").strip() or chosen[0])
        yield from ordered(paths or [], Cut(pixels=pixels) if shrink else Cut(), chosen)

    def ordered(paths, cut_, chosen):
        with told():
            order = as_order(cut_, *chosen)
        yield from run(paths, order)

    def buttons(busy):
        return {go: gr.Button(visible=not busy), many: gr.Button(visible=not busy), stop: gr.Button(visible=busy)}

    private = dict(api_visibility="private")
    quietly = dict(show_progress="hidden", **private)
    seen = [eye.width, photo, cut, place, eye.mode, eye.left, *settings]
    # A region takes a fraction of a second. It has its own lane, so that nobody has to wait for another visitor's whole photo.
    looking = dict(
        fn=show, inputs=seen, outputs=[*eye.shown, place], js=MEASURE, concurrency_id="view", concurrency_limit=1,
        show_progress="minimal", show_progress_on=eye.caption, trigger_mode="always_last", **private,
    )  # fmt: skip
    fitting = dict(fn=fit_longest, inputs=[photo, cut, size, longest, model, other], outputs=longest, **quietly)
    admitting = dict(fn=admit, inputs=[photo, cut, *settings], outputs=[*over, cut], **quietly)

    arrived = photo.change(clear, None, [cut, place, file, numbers, status, longest, over.group], **quietly).then(**admitting)
    arrived.failure(lambda mode: eye.show(None, None, mode), eye.mode, eye.shown, **quietly)
    arrived.success(**fitting).success(**looking)
    gr.on([eye.mode.change, eye.left.change, texture.release, texture.change, longest.submit, longest.blur], **looking)
    size.change(**fitting).success(**looking)
    described = gr.on([model.change, other.submit], describe, settings, [about, texture, size], **quietly)
    described.success(**admitting).success(**looking)
    eye.thumbnail.select(look_at, [photo, cut], place, **quietly).success(**looking)
    for name, button in eye.moves.items():
        button.click(
            lambda *inputs, way=COMPASS[name]: go_to(*way, *inputs), [eye.width, photo, cut, place, *settings], place, js=MEASURE,
            **quietly,
        ).success(**looking)  # fmt: skip

    taken = [cut, over.pick, over.why]
    for asked, way, inputs, outputs in (
        (over.region.click, take_region, [photo, cut, place, *settings], taken),
        (over.pick.select, move_region, [photo, *settings], taken),
        (over.shrink.click, take_shrunk, [photo, *settings], taken),
        (over.quick.click, take_quick, photo, [model, other, cut, status]),
    ):
        asked(way, inputs, outputs, **quietly).success(**fitting).success(**looking)

    lane = dict(
        outputs=[go, many, stop, status, file, numbers], concurrency_limit=None, **quietly,
    )  # fmt: skip
    runs = []
    for button, start, inputs in ((go, run_one, [photo, cut]), (many, run_many, [photos, small])):
        # The buttons change first, so that visitors who wait in the queue can cancel too.
        pressed = button.click(lambda: buttons(busy=True) | {status: ""}, None, [go, many, stop, status], queue=False, **quietly)
        runs.append(pressed.then(start, [*inputs, *settings], **lane))
        runs[-1].failure(lambda: buttons(busy=False), None, [go, many, stop], queue=False, **quietly)
    # The buttons come back when the run has ended, as a failure: gradio would ignore them if they were pressed before that.
    stop.click(lambda: words.said("Cancelled."), None, status, cancels=runs, queue=False, **quietly)
    photo.change(None, cancels=runs[0], queue=False, **private)  # its result would appear under another photo
    return photo
