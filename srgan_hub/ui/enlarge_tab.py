"""The tab "Enlarge": its components and what happens when they are used. The work is done in enlarge.py and view.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gradio as gr
from PIL import Image

from srgan_hub.evaluation.benchmark import bicubic
from srgan_hub.files import read_picture
from srgan_hub.imaging.region import around
from srgan_hub.imaging.target import Target
from srgan_hub.ui import view, words
from srgan_hub.ui.enlarge import FORMATS, Order, enlarge
from srgan_hub.ui.examples import MODEL, files, result_of
from srgan_hub.ui.folder import fresh_folder
from srgan_hub.ui.limits import Limits, is_quick
from srgan_hub.ui.mistakes import MISTAKES, mistake
from srgan_hub.ui.models import offered
from srgan_hub.ui.photo import Cut, apply, open_photo
from srgan_hub.ui.upscalers import may_name_hub_ids, partner

SLIDER, SIDES, DOUBTS = "Slider", "Side by side", "Where detail was invented"
SIZES = ("×4", "×2", "Longest side")
SAMPLE = (0, 0, 512, 400)  # pixels of the first example's result
COMPASS = {"Left": (-0.5, 0), "Up": (0, -0.5), "Down": (0, 0.5), "Right": (0.5, 0)}  # steps in widths and heights of the view
# What the view may be wide and high, in pixels of the screen: the picture is then shown pixel by pixel.
MEASURE = """(...inputs) => {
    const room = document.querySelector('#view')?.clientWidth || 640;
    inputs[0] = Math.max(240, Math.min(room, 1200));
    return inputs;
}"""


def sample() -> tuple[Image.Image, Image.Image] | None:
    """A part of the first example beside its result: what to look at before there is a photo."""
    example = next(iter(files()), None)
    if not example or not result_of(example).is_file():
        return None
    small, large = read_picture(Path(example)), read_picture(result_of(example))
    return bicubic(4)(small).crop(SAMPLE), large.crop(SAMPLE)


def as_target(size: str, longest: float | None) -> Target:
    if size == "Longest side":
        return Target(longest=round(longest or 0))
    return Target(scale=2) if size == "×2" else Target()


def sentence_of(line: str) -> str:
    return line[:1].upper() + line[1:] + "."


def height(width: int) -> int:
    """Of a view: what fits on a screen together with the buttons around it."""
    return min(560, max(320, round(0.66 * width)))


def build(limits: Limits, credits: str) -> gr.Image:
    """The tab's components, inside a gr.Blocks. Returns the photo's, which other tabs use."""
    models = offered()
    lines = {name: sentence_of(label.partition(": ")[2] or label) for label, name in models}
    choices = [(label.partition(": ")[0], name) for label, name in models]
    short = {name: label for label, name in choices}
    quick = next((name for _, name in models if is_quick(name)), None)
    default = models[0][1]

    cut, place = gr.State(Cut()), gr.State(None)  # place: of the photo that the view is around, or None for the most detailed
    with gr.Row(elem_id="bench"):
        with gr.Column(elem_id="photo-column"), gr.Tabs():
            with gr.Tab("One photo", id="one"):
                photo = gr.Image(
                    label="Photo", type="filepath", sources=["upload", "clipboard"], elem_id="photo", height=240, buttons=[]
                )
                # The file as it was uploaded: gradio would open it here, and a damaged one would end in a traceback.
                photo.preprocess = lambda payload: payload and payload.path
                gr.Examples(files(), photo, label="Or try one of these", elem_id="examples")
                gr.Markdown(credits, elem_classes="credits")
            with gr.Tab("Several", id="several"):
                photos = gr.File(
                    label=f"Up to {limits.files} photos", file_count="multiple", file_types=["image"], elem_id="photos", height=200
                )
                small = gr.Checkbox(True, label="Shrink photos over the limit first", elem_id="shrink-many")
                many = gr.Button("Enlarge them all", variant="primary", elem_id="enlarge-many")

        with gr.Column(elem_id="view"):
            with gr.Column(elem_id="empty") as empty:
                gr.HTML(
                    "<h2>Choose a photo, or one of the examples</h2><p>Its most detailed part appears here at once, at full size. "
                    "This is what to expect: move the line.</p>"
                )
                if pair_ := sample():
                    gr.HTML(words.names("Bicubic", f"{short.get(MODEL, MODEL)} model", pair_[0].size))
                    gr.ImageSlider(pair_, format="png", interactive=False, elem_id="sample", show_label=False, max_height=900)
            with gr.Column(visible=False) as stage:
                mode = gr.Radio([SLIDER, SIDES, DOUBTS], value=SLIDER, label="View", elem_id="mode", container=False)
                caption = gr.HTML(elem_id="caption")
                # png: gradio's default for shown pictures, WebP, is lossy
                pair = gr.ImageSlider(
                    label="before | after", format="png", interactive=False, elem_id="pair", max_height=900, image_mode=None,
                    show_label=False,
                )  # fmt: skip
                with gr.Row(visible=False, elem_id="sides") as sides:
                    before, after, changed = (
                        gr.Image(format="png", interactive=False, image_mode=None, elem_id=name, min_width=240, buttons=["fullscreen"])
                        for name in ("before", "after", "changed")
                    )
                    doubted = gr.HTML(elem_id="doubted", visible=False)
                with gr.Row(elem_id="where"):
                    thumbnail = gr.Image(
                        label="The whole photo: click where to look", show_label=False, interactive=False, elem_id="thumbnail",
                        format="png", buttons=[], min_width=200,
                    )  # fmt: skip
                    with gr.Column(scale=2, min_width=220):
                        left = gr.Dropdown(
                            [("Bicubic, plain enlargement", view.BICUBIC), *choices], value=view.BICUBIC, elem_id="left",
                            label="On the left",
                        )  # fmt: skip
                        gr.Markdown("Look elsewhere: click on the small picture, or")
                        with gr.Row(elem_id="compass"):
                            moves = {name: gr.Button(name, size="sm", elem_id=f"go-{name.lower()}") for name in COMPASS}

        with gr.Column(elem_id="settings"):
            with gr.Group(visible=False, elem_id="over") as over:
                why = gr.Markdown(elem_id="why", padding=True)
                ways = {
                    "region": gr.Button("Take a region of it", elem_id="take-region"),
                    "shrink": gr.Button("Shrink it first", elem_id="take-shrunk"),
                    "quick": gr.Button("Use the quick model", elem_id="take-quick", visible=bool(quick)),
                }
                pick = gr.Image(
                    label="Click where the region shall be", interactive=False, visible=False, elem_id="pick", format="png",
                    buttons=[],
                )  # fmt: skip
            model = gr.Radio(choices, value=default, label="Model", elem_id="model")
            line = gr.Markdown(lines[default], elem_id="model-line")
            other = gr.Textbox(
                label="Another checkpoint of the Hub", placeholder="user/name", visible=may_name_hub_ids(), elem_id="other"
            )
            texture = gr.Slider(
                0, 100, 100, step=25, label="Texture, %", info="0: faithful, invents nothing. 100: vivid.", elem_id="texture",
                visible=bool(partner(default)), buttons=[],
            )  # fmt: skip
            with gr.Row():
                size = gr.Dropdown(SIZES, value=SIZES[0], label="Size", elem_id="size", min_width=120, filterable=False)
                format = gr.Dropdown(list(FORMATS), value="PNG", label="File", elem_id="format", min_width=120, filterable=False)
            longest = gr.Number(3840, precision=0, minimum=1, label="Longest side, pixels", visible=False, elem_id="longest")
            go = gr.Button("Enlarge", variant="primary", elem_id="enlarge")
            stop = gr.Button("Cancel", variant="stop", visible=False, elem_id="cancel")

        with gr.Column(elem_id="outcome"):
            status = gr.HTML(elem_id="status", min_height=60)
            file = gr.File(label="Download", interactive=False, elem_id="result", visible=False)
            numbers = gr.HTML(elem_id="numbers")

    width = gr.Number(640, visible=False)

    def name_of(model, other):
        return (other or "").strip() or model

    def title(method):
        return "Bicubic" if method == view.BICUBIC else f"{short.get(method, method)} model"

    def show(width, photo, cut, spot, mode, against, model, other, texture, size, longest):
        """Every component of the view, for the settings as they are."""
        if not photo:
            return {stage: gr.Column(visible=False), empty: gr.Column(visible=True)}
        model = name_of(model, other)
        try:
            target = as_target(size, longest)
            times = view.factor(target, open_photo(photo, cut).image.size)
            two = mode != SLIDER and width > 560  # beside each other, not one above the other
            wide = width // 2 - 16 if two else width
            box = view.region(photo, cut, spot, (wide, height(wide)), times)
            share = texture / 100 if partner(model) else 1.0
            second = view.enlarged(photo, cut, box, model, share, target)
            doubts = view.doubts(photo, cut, box, model, share, target) if mode == DOUBTS else None
            first = view.enlarged(photo, cut, box, against, 1.0, target) if mode != DOUBTS else second
        except MISTAKES as error:
            raise mistake(photo, error) from error
        name = title(model) + (f", texture {texture:g} %" if share < 1 else "")
        names = title(against), name
        pictures = (first, doubts.invented, doubts.changed) if doubts else (first, second, None)
        if mode == SLIDER:
            pictures = (None, None, None)
        labels = (name, "Invented: darker is more", "Changed: darker is more") if doubts else (*names, None)
        return {
            stage: gr.Column(visible=True),
            empty: gr.Column(visible=False),
            pair: gr.ImageSlider((first, second), visible=True) if mode == SLIDER else gr.ImageSlider(visible=False),
            sides: gr.Row(visible=mode != SLIDER),
            **{
                component: gr.Image(picture, label=label, visible=picture is not None)
                for component, picture, label in zip((before, after, changed), pictures, labels, strict=True)
            },
            doubted: gr.HTML(words.doubted(doubts) if doubts else "", visible=bool(doubts)),
            thumbnail: view.thumbnail(photo, cut, box),
            place: box.centre,
            caption: gr.HTML(words.names(*names, second.size), visible=mode == SLIDER),
            left: gr.Dropdown(visible=not doubts),
        }

    def admit(photo, model, other, cut):
        """Whether the photo is over the limit, in words and with the ways out."""
        text = None
        if photo:
            try:
                text = limits.sentence(open_photo(photo, cut).image.size, name_of(model, other))
            except MISTAKES as error:
                raise mistake(photo, error) from error
        shrunk = limits.pixels(name_of(model, other)) / 1e6
        return {
            over: gr.Group(visible=bool(text)),
            why: f"**{text}** Three ways on:" if text else "",
            ways["shrink"]: f"Shrink it to {shrunk:g} megapixels first",
            ways["quick"]: gr.Button(visible=bool(quick) and not is_quick(name_of(model, other))),
            pick: gr.Image(visible=False),
        }

    def arrive(photo, model, other):
        """A new photo: nothing is left of the last one."""
        return {cut: Cut(), place: None, file: gr.File(None, visible=False), numbers: "", status: ""} | admit(
            photo, model, other, Cut()
        )

    def take_region(photo, model, other, place):
        """The largest region that may be enlarged, in the photo's proportions, around what is seen."""
        image = open_photo(photo).image
        share = (limits.pixels(name_of(model, other)) / (image.width * image.height)) ** 0.5
        part = int(share * image.width), int(share * image.height)
        box = around(place or (image.width / 2, image.height / 2), part, image.size)
        return {
            cut: Cut(region=box),
            pick: gr.Image(view.thumbnail(photo, Cut(), box), visible=True),
            why: f"A region of {words.by(box.size)} pixels will be enlarged. Click on the picture to move it.",
        }

    def move_region(photo, model, other, event: gr.SelectData):
        return take_region(photo, model, other, view.placed(event.index, photo, Cut()))

    def shrink(photo, model, other):
        pixels = Cut(pixels=limits.pixels(name_of(model, other)))
        size = words.by(apply(pixels, open_photo(photo).image).size)
        return {cut: pixels, place: None, over: gr.Group(visible=False), status: words.said(f"It is shrunk to {size} pixels first.")}

    def use_quick(photo):
        """The quick model, and where even that is too slow for the photo, as many pixels as it may have."""
        most = Cut(pixels=limits.pixels(quick))
        image = open_photo(photo).image
        cut_ = most if image.width * image.height > most.pixels else Cut()
        note = f" and the photo, shrunk to {words.by(apply(most, image).size)} pixels" if cut_ != Cut() else ""
        return {
            model: quick, cut: cut_, place: None, over: gr.Group(visible=False),
            status: words.said(f"{short[quick]} is taken{note}."),
        }  # fmt: skip

    def describe(model, other):
        name = name_of(model, other)
        try:
            blended = bool(partner(name))
        except MISTAKES as error:
            raise mistake(None, error) from error
        return {line: lines.get(name, name), texture: gr.Slider(visible=blended)}

    def run(sources, order) -> Iterator[dict]:
        """The events of a run: its steps, and the file."""
        busy = {go: gr.Button(visible=False), many: gr.Button(visible=False), stop: gr.Button(visible=True)}
        idle = {go: gr.Button(visible=True), many: gr.Button(visible=True), stop: gr.Button(visible=False)}
        running = enlarge(sources, order, fresh_folder(), limits)
        try:
            while True:
                try:
                    step = next(running)
                except StopIteration as end:
                    result = end.value
                    break
                yield busy | {status: words.progress(step), file: gr.File(None, visible=False), numbers: ""}
        except MISTAKES as error:
            yield idle | {status: words.said(str(error))}
            raise mistake(None, error) from error
        finally:
            running.close()
        yield idle | {
            status: words.said("Done."), file: gr.File(str(result.file), visible=True),
            numbers: words.facts(result, result.file.stat().st_size),
        }  # fmt: skip

    def run_one(photo, cut, model, other, texture, size, longest, format):
        name = name_of(model, other)
        share = texture / 100 if partner(name) else 1.0
        yield from run([photo] if photo else [], Order(name, share, as_target(size, longest), format, cut))

    def run_many(photos, small, model, other, texture, size, longest, format):
        name = name_of(model, other)
        share = texture / 100 if partner(name) else 1.0
        at_most = Cut(pixels=limits.pixels(name)) if small else Cut()
        yield from run(photos or [], Order(name, share, as_target(size, longest), format, at_most))

    private = dict(api_visibility="private")
    # What is seen is computed in a fraction of a second and waits for no other visitor's whole photograph.
    looking = dict(js=MEASURE, concurrency_id="view", concurrency_limit=1, show_progress="minimal", show_progress_on=caption, **private)
    seen = [width, photo, cut, place, mode, left, model, other, texture, size, longest]
    shown = [stage, empty, pair, sides, before, after, changed, doubted, thumbnail, place, caption, left]
    quietly = dict(show_progress="hidden", **private)
    ways_on = [over, why, ways["shrink"], ways["quick"], pick]

    photo.change(arrive, [photo, model, other], [cut, place, file, numbers, status, *ways_on], **quietly).success(
        show, seen, shown, **looking
    )
    gr.on([mode.change, left.change, texture.release, texture.change, longest.submit, longest.blur], show, seen, shown,
          trigger_mode="always_last", **looking)  # fmt: skip
    size.change(lambda size: gr.Number(visible=size == "Longest side"), size, longest, **quietly).success(
        show, seen, shown, **looking
    )
    gr.on([model.change, other.submit], describe, [model, other], [line, texture], **quietly).success(
        admit, [photo, model, other, cut], ways_on, **quietly
    ).success(show, seen, shown, **looking)

    def click(photo, cut, event: gr.SelectData):
        return view.placed(event.index, photo, cut)

    thumbnail.select(click, [photo, cut], place, **quietly).success(show, seen, shown, **looking)
    for name, button in moves.items():
        across, down = COMPASS[name]

        def move(width, photo, cut, place, size, longest, across=across, down=down):
            if not photo:
                return place
            image = open_photo(photo, cut).image
            times = view.factor(as_target(size, longest), image.size)
            x, y = place[0] + across * width / times, place[1] + down * height(width) / times
            return min(max(x, 0), image.width), min(max(y, 0), image.height)

        button.click(move, [width, photo, cut, place, size, longest], place, js=MEASURE, **quietly).success(
            show, seen, shown, **looking
        )

    ways["region"].click(take_region, [photo, model, other, place], [cut, pick, why], **quietly)
    pick.select(move_region, [photo, model, other], [cut, pick, why], **quietly)
    ways["shrink"].click(shrink, [photo, model, other], [cut, place, over, status], **quietly).success(show, seen, shown, **looking)
    ways["quick"].click(use_quick, [photo], [model, cut, place, over, status], **quietly).success(show, seen, shown, **looking)

    lane = dict(concurrency_id="compute", concurrency_limit=limits.jobs, show_progress="minimal", show_progress_on=status, **private)
    told = [go, many, stop, status, file, numbers]
    rest = [model, other, texture, size, longest, format]
    runs = [
        go.click(run_one, [photo, cut, *rest], told, **lane),
        many.click(run_many, [photos, small, *rest], told, **lane),
    ]
    stop.click(
        lambda: (gr.Button(visible=True), gr.Button(visible=True), gr.Button(visible=False), words.said("Cancelled.")),
        None, [go, many, stop, status], cancels=runs, **quietly,
    )  # fmt: skip
    return photo
