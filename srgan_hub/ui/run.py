"""A run: started by a button, followed on a status line, canceled by another button."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from html import escape

import gradio as gr

from srgan_hub.ui.queue import Line, Step, Stopped, told


def said(sentence: str, share: float | None = None) -> str:
    """A sentence for the status line; share: of the work that is done, shown as a bar."""
    bar = "" if share is None else f'<progress value="{share:.3f}" max="1" aria-label="Enlarging"></progress>'
    return f'<div class="status" role="status" aria-live="polite">{bar}{escape(sentence)}</div>'


def on_press(
    line: Line, starts: dict[gr.Button, tuple[Callable, list]], cleared: dict, outputs: list, stop: gr.Button, status: gr.HTML
) -> None:
    """Each button starts its run. Until that ends, `stop` takes the place of all of them.

    starts: for each button, a function and the components whose values it gets; the function returns the work, and what to show
    of its result: (work, {component: value} by result).
    cleared: what some of the outputs show from the press on.

    A canceled run ends itself: Gradio's `cancels` sometimes answers 500, and sometimes shows one more step of the old run."""
    quietly = dict(show_progress="hidden", api_visibility="private")
    buttons = [*starts, stop]

    def visible(busy: bool) -> dict:
        return {button: gr.Button(visible=busy == (button is stop)) for button in buttons}

    def runner(prepare: Callable) -> Callable:
        def run(request: gr.Request, *inputs) -> Generator[dict, None, None]:
            yield visible(True) | cleared | {status: ""}
            try:
                work, shown = prepare(*inputs)
                with closing(line.steps(work, request.session_hash)) as running:
                    for news in running:
                        if isinstance(news, Step):
                            yield {status: said(*news)}
                last = shown(news)
            except Stopped:
                last = {status: said("Canceled.")}
            except Exception as error:
                yield visible(False) | {status: said(str(error) if isinstance(error, ValueError) else "")}
                with told():
                    raise
            yield visible(False) | last

        return run

    def cancel(request: gr.Request) -> None:
        line.stop(request.session_hash)

    for button, (prepare, inputs) in starts.items():
        button.click(runner(prepare), inputs, [*buttons, status, *outputs], concurrency_limit=None, **quietly)
    stop.click(cancel, queue=False, **quietly)
