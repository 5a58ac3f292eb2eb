"""The tab "Use it": programs to copy, and how to get a model and a page of one's own."""

from __future__ import annotations

from typing import NamedTuple

import gradio as gr

from srgan_hub.ui.models import offered
from srgan_hub.ui.snippets import snippets

LOCAL = "http://127.0.0.1:7860"  # until the page knows its address
ADDRESS = "() => [location.origin + location.pathname]"
PACKAGE = """### In Python, on your own machine
The package is this project's: `pip install .` in its folder installs it. No limits, and no upload."""
CLIENT = """### In Python, computed by this page
`pip install gradio_client`. The limits of this page hold; */compare* and */evaluate* are described under *Use via API* below."""
CURL = "### From a shell\nThe same by `curl`: upload, ask, wait, fetch."
OWN = """### A model of your own
Fine-tune on a folder of your photographs, in minutes on a GPU and in hours without one, and enlarge with it:

```sh
accelerate launch -q train_accelerate.py --pretrained srresnet-x4 --dataset photos --lr 5e-5 --keep 0.6 \\
  --max_train_steps 2000 --output_dir runs/mine
srgan-hub upscale photo.jpg -o photo_x4.png --model runs/mine
```

### A page of your own
Duplicate this Space, or run `python app.py`, with the variable `SRGAN_MODELS` set to your checkpoints, as \
`user/my-model srgan-x4-photo`: the first is the page's default. The README lists the variables that set its limits."""


class Kind(NamedTuple):
    name: str
    text: str
    language: str


KINDS = (Kind("package", PACKAGE, "python"), Kind("client", CLIENT, "python"), Kind("curl", CURL, "shell"))


def build(page: gr.Blocks) -> None:
    """The tab's components, inside a gr.Blocks; the snippets get the page's address when it is opened."""
    model, codes = offered()[0][1], []
    look = dict(interactive=False, show_label=False, wrap_lines=True, show_line_numbers=False)
    for kind, code in zip(KINDS, snippets(LOCAL, model), strict=True):
        gr.Markdown(kind.text)
        codes.append(gr.Code(code, language=kind.language, elem_id=f"snippet-{kind.name}", **look))
    gr.Markdown(OWN)
    address = gr.Textbox(visible=False)
    page.load(lambda url: snippets(url, model), address, codes, js=ADDRESS, api_visibility="private", show_progress="hidden")
