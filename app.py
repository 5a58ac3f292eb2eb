"""The Space: upload a photo, see its details enlarged at once, download the whole; `python app.py` starts it.

Importing it starts nothing and loads no model. The panels are in srgan_hub/ui."""

from __future__ import annotations

import gc
import os
from importlib.util import find_spec
from unittest.mock import patch

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # nothing leaves the machine
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# Gradio would keep ten thousand events and add them up after each, for a page that is off here; one odd request breaks the sums.
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000000")
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")

gc.disable()  # it would scan the half a million objects of these imports again and again, and all of them stay
with patch("inspect.getfile", side_effect=OSError):  # gradio writes an editor stub for each class whose file it finds
    import gradio as gr
    from gradio import processing_utils

from srgan_hub.ui import api, check, enlarge_tab, rate, server, use
from srgan_hub.ui.models import Limits
from srgan_hub.ui.queue import Line, duration
from srgan_hub.ui.server import Guard, keep_swept, one_heap, own_folder
from srgan_hub.ui.theme import CSS, HEAD, THEME

gc.freeze()
gc.enable()

SESSIONS = 300  # visitors whose choices are kept, 0.25 MB each; gradio forgets only those of closed pages
TITLE = """# SRGAN: enlarge photos
Detail that is not in the small photo is invented: do not rely on it for text, faces or evidence. Photos stay on the machine \
that runs this page; they are not sent anywhere else, and are deleted after {}."""


def build(limits: Limits) -> gr.Blocks:
    """The page. Raises ValueError if the environment asks for something that is not possible."""
    sessions = rate.sessions_of_environment()
    line = Line(limits.queue)
    with gr.Blocks(title="SRGAN x4", analytics_enabled=False) as page:
        gr.Markdown(TITLE.format(duration(limits.kept)), elem_id="title")
        rater = rate.memory(sessions.study) if sessions else None
        with gr.Tab("Enlarge", id="enlarge-tab"):
            photo = enlarge_tab.build(limits, line)
            check.build(limits, line, photo)
        if sessions:
            with gr.Tab("Rate", id="rate-tab"):
                rate.build(page, rater, sessions)
        with gr.Tab("Use it", id="use-tab"):
            use.build(page)
        api.build(limits, line)
    return page


def main() -> None:
    one_heap()
    try:
        limits = Limits.from_environment()
        home = own_folder()
        page = build(limits)
    except ValueError as error:
        raise SystemExit(f"app.py: {error}") from error
    processing_utils.async_transport = server.Bounded(round(1e6 * limits.file_megabytes))
    page.queue(api_open=False)  # whatever has a queue must go through it
    keep_swept(home, limits.kept, lambda: {file for block in page.blocks.values() for file in block.keep_in_cache})
    page.launch(
        theme=THEME,
        css_paths=CSS,
        head_paths=HEAD,
        max_threads=limits.queue + 41,  # one for each in the queue, and gradio's usual number for the rest
        max_file_size=round(1e6 * limits.file_megabytes),
        state_session_capacity=SESSIONS,
        enable_monitoring=False,
        app_kwargs={"middleware": [(Guard, (), dict(limits=limits, home=home))]},
        run_history=False,  # gradio would keep uploads and results in the visitor's browser
        ssr_mode=False,  # Spaces switch on server-side rendering, which is useless for a page that needs its scripts
        footer_links=["api", "settings"],
        mcp_server=find_spec("mcp") is not None,
    )


if __name__ == "__main__":
    main()
