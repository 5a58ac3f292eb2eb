"""The page's named endpoints, for gradio_client, REST and MCP. Their docstrings are the documentation that callers see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import gradio as gr
import numpy as np

from srgan_hub.hub.space import offered
from srgan_hub.imaging.resize import Target
from srgan_hub.ui.check import Check
from srgan_hub.ui.check import evaluate as check
from srgan_hub.ui.enlarge import Order, Result, enlarge
from srgan_hub.ui.models import Limits
from srgan_hub.ui.queue import Line, Report, Step, Work, told
from srgan_hub.ui.server import fresh_folder
from srgan_hub.ui.view import BICUBIC


def target_of(size: str) -> Target:
    """ "full": as the model gives it; "x2", "x1.5": a factor; "3840": pixels of the longer side. Raises ValueError for others."""
    try:
        if size == "full":
            return Target()
        if size.startswith("x"):
            return Target(scale=float(size[1:]))
        return Target(longest=int(size))
    except ValueError as error:
        raise ValueError(f"size must be full, a factor (x2) or the longer side in pixels (3840), got {size!r}") from error


def build(limits: Limits, line: Line) -> None:
    """The endpoints, inside a gr.Blocks; they are invisible on the page."""
    models = offered()

    def answered(work: Work, answer: Callable) -> Iterator:
        """Yields answer(news) for every step of the work and for its result; mistakes are told."""
        with told(), closing(line.steps(work)) as running:
            for news in running:
                yield answer(news)

    def upscale(photo: str, model: str, texture: float, size: str, format: str) -> Iterator[tuple]:
        """Enlarge a photograph.

        Args:
            photo: an image file; upload it first.
            model: one of the page's models: srgan-x4-photo-large for photos from phones and the web, srgan-x4 for clean images.
            texture: percent, from 0 (faithful, invents nothing) to 100 (vivid); below 100 only for a model with a partner.
            size: full, a factor up to the model's such as x2, or the longer side in pixels such as 3840.
            format: PNG, WebP (lossless) or JPEG.

        Returns:
            The enlarged file and its numbers; until then, None and the current step, its words and the share of the work done.
        """

        def work(report: Report) -> Result:
            order = Order(model, texture / 100, target_of(size), format)
            return enlarge([photo] if photo else [], order, fresh_folder(), limits, report)

        def answer(news: Step | Result) -> tuple:
            facts = news._asdict()
            file = facts.pop("file", None)
            return file and str(file), facts

        yield from answered(work, answer)

    def evaluate(photo: str, methods: list[str]) -> Iterator[dict]:
        """Shrink a sharp photograph by the models' factor, restore it with each method, and measure the results.

        Args:
            photo: an image file of at least 64x64 pixels; above 1024 pixels a side, only the most detailed part is used.
            methods: names of the page's models, or "bicubic".

        Returns:
            For each method: psnr (dB) and ssim of the luma, niqe, feature_distance if it is installed, and seconds.
        """

        def answer(news: Step | Check) -> dict:
            if isinstance(news, Step):
                return news._asdict()
            return {
                name: {key: None if np.isnan(value) else round(value, 4) for key, value in row.items()}
                for name, row in news.rows.items()
            }

        yield from answered(partial(check, photo, methods or []), answer)

    lane = dict(concurrency_limit=None, show_progress="hidden")
    with gr.Column(visible=False):
        photo = gr.File(label="photo", file_count="single", type="filepath")
        model = gr.Textbox(models[0], label="model")
        texture = gr.Number(100, label="texture")
        size = gr.Textbox("full", label="size")
        format = gr.Textbox("PNG", label="format")
        methods = gr.CheckboxGroup([BICUBIC, *models], value=[BICUBIC, models[0]], label="methods")
        enlarged, facts = gr.File(label="enlarged"), gr.JSON(label="numbers")
        gr.Button().click(upscale, [photo, model, texture, size, format], [enlarged, facts], api_name="upscale", **lane)
        gr.Button().click(evaluate, [photo, methods], facts, api_name="evaluate", **lane)
