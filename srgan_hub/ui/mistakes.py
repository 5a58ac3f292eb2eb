"""A visitor's mistake: one sentence on the page, nothing in the server's log."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from srgan_hub.files import BadInput
from srgan_hub.loading import CheckpointError

MISTAKES = (BadInput, CheckpointError, ValueError)  # what the work raises with a sentence


def mistake(path: str | None, error: Exception) -> gr.Error:
    """What to raise so that the sentence, with the photo's name before it, is shown."""
    text, name = str(error), Path(path).name if path else ""
    return gr.Error(text if not name or name in text else f"{name}: {text}", print_exception=False, title="That did not work")
