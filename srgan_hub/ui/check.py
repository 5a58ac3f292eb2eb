"""Check on a sharp image: shrink it, restore it with each model, and compare the results with the original."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import NamedTuple

import gradio as gr
import numpy as np
from PIL import Image

from srgan_hub.evaluation.benchmark import bicubic
from srgan_hub.evaluation.metrics import METRICS, PAGE, Compared, metrics_for
from srgan_hub.evaluation.niqe import niqe
from srgan_hub.hub.space import name_of, offered
from srgan_hub.imaging.io import ImageError
from srgan_hub.imaging.resize import shrunk
from srgan_hub.imaging.tiles import most_detailed
from srgan_hub.ui.enlarge import open_photo
from srgan_hub.ui.models import Limits, about, by, open_upscaler
from srgan_hub.ui.queue import Line, Report, Step
from srgan_hub.ui.run import on_press
from srgan_hub.ui.server import fresh_folder
from srgan_hub.ui.view import BICUBIC
from srgan_hub.ui.view_panel import no_wider

SIDE = 1024    # pixels; only the most detailed part of a larger image is measured
SMALLEST = 64  # pixels a side that the measures need


class Check(NamedTuple):
    original: Image.Image             # what the results are compared with
    small: tuple[int, int]            # size it was shrunk to
    rows: dict[str, dict]             # method -> its numbers, by metric
    results: dict[str, Image.Image]   # method -> the image it restored
    niqe: float                       # of the original; nan if it is too small


def evaluate(path: str, methods: Sequence[str], report: Report) -> Check:
    """Compare methods on a photo; methods: models of one scale and BICUBIC.

    Raises ImageError or CheckpointError, one sentence, for an image that cannot be used, if there are no methods, and for models
    of different scales."""
    if not path:
        raise ImageError("Choose a photo first.")
    methods = list(dict.fromkeys(methods))
    if not methods:
        raise ImageError("Choose at least one model to check.")
    scales = {about(method).scale for method in methods if method != BICUBIC} or {4}
    if len(scales) > 1:
        raise ImageError("These models enlarge by different factors. Check them one at a time.")
    (scale,) = scales
    image = open_photo(path).image.convert("RGB")
    if min(image.size) < SMALLEST:
        raise ImageError(f"This check needs at least {SMALLEST}×{SMALLEST} pixels, got {by(image.size)}.")
    if max(image.size) > SIDE:
        image = image.crop(most_detailed(image, (SIDE, SIDE)))
    lr, hr = shrunk(np.asarray(image), scale)
    rows, results = {}, {}

    def progress(number: int, done: int, tiles: int) -> None:
        share = (number + done / max(tiles, 1)) / len(methods)
        report(Step(f"{methods[number]}, {number + 1} of {len(methods)}: tile {done} of {tiles}", share))

    for number, method in enumerate(methods):
        report(Step(f"{method}, {number + 1} of {len(methods)}: loading", number / len(methods)))
        upscale = bicubic(scale) if method == BICUBIC else partial(open_upscaler(method), progress=partial(progress, number))
        start = time.perf_counter()
        results[method] = upscale(lr)
        compared = Compared(np.asarray(results[method]), hr, np.asarray(lr), scale, time.perf_counter() - start)
        rows[method] = {metric.key: metric.compute(compared) for metric in metrics_for(PAGE)}
    return Check(Image.fromarray(hr), lr.size, rows, results, niqe(hr, scale))


# The panel "Check on a sharp picture".


HOW = """Does it work on photos like yours? A **sharp** photo is shrunk by the models' factor with MATLAB's bicubic, restored \
by each model, and compared with the original. PSNR and SSIM reward closeness to the original, pixel by pixel, so the faithful \
models win there. NIQE (how natural an image looks) and feature distance (how different two images look to a classifier) are \
better when lower."""
WIDTH, HEIGHT = 640, 480  # pixels that are shown


def table(check: Check, names: dict[str, str]) -> str:
    """The numbers; the best of each column is bold."""
    shown = [METRICS[key] for key in next(iter(check.rows.values()))]
    lines = {method: f"<tr><th scope=row>{escape(names.get(method, method))}</th>" for method in check.rows}
    for metric in shown:
        values = [row[metric.key] for row in check.rows.values() if not np.isnan(row[metric.key])]
        best = metric.best(values) if len(values) > 1 else None
        for method, row in check.rows.items():
            value = row[metric.key]
            text = "–" if np.isnan(value) else format(value, metric.form)
            lines[method] += f"<td><strong>{text}</strong></td>" if value == best else f"<td>{text}</td>"
    head = "".join(f"<th scope=col>{metric.heading}</th>" for metric in shown)
    natural = "" if np.isnan(check.niqe) else f" The original's own NIQE is {check.niqe:.2f}."
    fitting = no_wider("#restored", min(WIDTH, check.original.width))
    return (
        f'{fitting}<div class="scroll"><table class="scores"><thead><tr><th scope=col>method</th>{head}</tr></thead>'
        f"<tbody>{'</tr>'.join(lines.values())}</tr></tbody></table></div><p>Restored from {by(check.small)} to "
        f"{by(check.original.size)} pixels. PSNR, SSIM and NIQE are measured on the luma.{natural}</p>"
    )


def regions(check: Check, folder: Path) -> dict[str, tuple[str, str]]:
    """{method: (what it restored, the original)}: the most detailed part of both, as files, because images would stay in memory
    for every visitor."""
    box = most_detailed(check.original, (WIDTH, HEIGHT))

    def write(picture: Image.Image, name: str) -> str:
        picture.crop(box).save(folder / name, compress_level=1)
        return str(folder / name)

    original = write(check.original, "original.png")
    restored = enumerate(check.results.items())
    return {method: (write(result, f"restored-{number}.png"), original) for number, (method, result) in restored}


def build(limits: Limits, line: Line, photo: gr.Image) -> None:
    """The panel, for the photo chosen above it."""
    choices = [("Bicubic", BICUBIC), *((name_of(name), name) for name in offered())]
    names = {name: label for label, name in choices}
    first = offered()[0]
    ticked = [BICUBIC, first, *([faithful] if (faithful := about(first).partner) in names else [])]
    with gr.Accordion("Check on a sharp picture", open=False, elem_id="sharp"):
        gr.Markdown(HOW)
        methods = gr.CheckboxGroup(choices, value=ticked, label="Restore with", elem_id="methods")
        with gr.Row():
            go = gr.Button("Check the photo above", variant="primary", elem_id="check")
            stop = gr.Button("Cancel", variant="stop", visible=False, elem_id="cancel-check")
        status = gr.HTML(elem_id="check-status", min_height=40)
        scores = gr.HTML(elem_id="scores")
        with gr.Column(visible=False) as compared:
            which = gr.Radio([], label="Restored by (the original is on the right)", elem_id="which")
            pair = gr.ImageSlider(format="png", interactive=False, elem_id="restored", show_label=False, max_height=900)
    found = gr.State(None, time_to_live=limits.kept)  # from `regions`

    def run(photo, methods):
        def shown(check):
            pairs = regions(check, fresh_folder())
            last = list(check.rows)[-1] if first not in check.rows else first
            return {
                status: "", scores: table(check, names), found: pairs, compared: gr.Column(visible=True),
                which: gr.Radio([(names.get(name, name), name) for name in check.rows], value=last), pair: pairs[last],
            }  # fmt: skip

        return partial(evaluate, photo, methods), shown

    cleared = {scores: "", compared: gr.Column(visible=False)}
    on_press(line, {go: (run, [photo, methods])}, cleared, [scores, found, compared, which, pair], stop, status)
    quietly = dict(show_progress="hidden", api_visibility="private")
    which.input(lambda pairs, method: pairs and pairs.get(method), [found, which], pair, **quietly)
