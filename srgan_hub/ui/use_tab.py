"""The tab "Use it": programs to copy, and how to get a model and a page of one's own."""

from __future__ import annotations

import gradio as gr

from srgan_hub.ui.models import offered
from srgan_hub.ui.snippets import snippets

ADDRESS = "() => [location.origin + location.pathname]"
PACKAGE = "### In Python, on your own machine\nThe package is this project's: `pip install .` in its folder installs it. No limits, and no upload."
CLIENT = "### In Python, computed by this page\n`pip install gradio_client`. The limits of this page hold; */compare* and */evaluate* are described under *Use via API* below."
CURL = "### From a shell\nThe same by `curl`: upload, ask, wait, fetch."
OWN = """### A model of your own
Fine-tune on a folder of your photographs, on one GPU or on patience, and enlarge with it:

```sh
accelerate launch -q train_accelerate.py --pretrained srresnet-x4 --dataset photos --lr 5e-5 --keep 0.6 --max_train_steps 2000 --output_dir runs/mine
srgan-hub upscale photo.jpg -o photo_x4.png --model runs/mine
```

### A page of your own
Duplicate this Space, or run `python app.py`, with the variable `SRGAN_MODELS` set to your checkpoints, as `user/my-model srgan-x4-photo`: the first is the page's default. The README lists the variables that set its limits."""


def build(page: gr.Blocks) -> None:
    """The tab's components, inside a gr.Blocks; the snippets get the page's address when it is opened."""
    model, codes = offered()[0][1], []
    for text, code, language in zip((PACKAGE, CLIENT, CURL), snippets("http://127.0.0.1:7860", model), ("python", "python", "shell"),
                                    strict=True):  # fmt: skip
        gr.Markdown(text)
        codes.append(gr.Code(code, language=language, interactive=False, show_label=False, wrap_lines=True, show_line_numbers=False))
    for code, name in zip(codes, ("package", "client", "curl"), strict=True):
        code.elem_id = f"snippet-{name}"
    gr.Markdown(OWN)
    address = gr.Textbox(visible=False)
    page.load(lambda url: snippets(url, model), address, codes, js=ADDRESS, api_visibility="private", show_progress="hidden")
