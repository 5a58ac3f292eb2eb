"""A run: started by a button, followed on a status line, canceled by another button."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from html import escape

import gradio as gr
from gradio.events import Dependency

from srgan_hub.ui.queue import Line, Result, Step, Work, told


def progress(step: Step) -> str:
    return (
        f'<div class="status" role="status" aria-live="polite"><progress value="{step.share:.3f}" max="1" '
        f'aria-label="Enlarging"></progress>{escape(step.words)}</div>'
    )


def said(sentence: str) -> str:
    return f'<div class="status" role="status" aria-live="polite">{escape(sentence)}</div>'


def followed(line: Line, work: Work, status: gr.HTML) -> Generator[dict, None, Result]:
    """Do the work when its turn comes: yield what the status line shows, and return the result. A mistake stays on that line."""
    try:
        with closing(line.steps(work)) as running:
            for news in running:
                if isinstance(news, Step):
                    yield {status: progress(news)}
    except ValueError as error:
        yield {status: said(str(error))}
        with told():
            raise
    return news


def on_press(
    starts: dict[gr.Button, tuple[Callable, list]], cleared: dict, outputs: list, stop: gr.Button, status: gr.HTML
) -> list[Dependency]:
    """Each button starts its run, (function, inputs); until it ends, `stop` takes the place of all of them.

    cleared: what components show from the press on. Returns the events of the runs."""
    quietly = dict(show_progress="hidden", api_visibility="private")
    buttons, runs = [*starts, stop], []

    def visible(busy: bool) -> dict:
        return {button: gr.Button(visible=busy == (button is stop)) for button in buttons}

    for button, (function, inputs) in starts.items():
        # The buttons change first, so that visitors who wait in the queue can cancel too.
        pressed = button.click(
            lambda: visible(True) | cleared | {status: ""}, None, [*buttons, *cleared, status], queue=False, **quietly
        )
        runs.append(pressed.then(function, inputs, [status, *outputs], concurrency_limit=None, **quietly))
        # And come back when the run has ended, also by an error or canceled: gradio would ignore a press before that.
        runs[-1].then(lambda: visible(False), None, buttons, queue=False, **quietly)
    stop.click(lambda: said("Cancelled."), None, status, cancels=runs, queue=False, **quietly)
    return runs
