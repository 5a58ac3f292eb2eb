"""A visitor's mistake: one sentence on the page, nothing in the server's log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr

from srgan_hub.files import BadInput
from srgan_hub.loading import CheckpointError
from srgan_hub.ui.line import Full

MISTAKES = (BadInput, CheckpointError, ValueError)  # what the work raises with a sentence


@contextmanager
def told(path: str | None = None) -> Iterator[None]:
    """What goes wrong inside is said so."""
    try:
        yield
    except MISTAKES as error:
        raise mistake(path, error) from error


def mistake(path: str | None, error: Exception) -> gr.Error:
    """What to raise so that the sentence, with the photo's name before it, is shown."""
    text, name = str(error), Path(path).name if path else ""
    if name and name not in text and not isinstance(error, Full):
        text = f"{name}: {text}"
    return gr.Error(text, print_exception=False, title="That did not work")
