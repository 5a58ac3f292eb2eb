"""The tab "Use it": code to copy, and how to get your own model and page."""

from __future__ import annotations

import gradio as gr

from srgan_hub.hub.space import offered

ADDRESS = "() => [location.origin + location.pathname]"
PACKAGE_TITLE = """### In Python, on your own machine
Install the package with `pip install .` in this project's folder. There are no limits and no uploads."""
CLIENT_TITLE = """### In Python, computed by this page
`pip install gradio_client`. This page's limits apply; */evaluate* is described under *Use via API* below."""
CURL_TITLE = "### From a shell\nThe same with `curl`: upload, start, wait, download."
OWN = """### A model of your own
Fine-tune a model on a folder of your photos (minutes on a GPU, hours without one), then enlarge with it:

```sh
accelerate launch -q train_accelerate.py --pretrained srresnet-x4 --dataset photos --lr 5e-5 --keep 0.6 \\
  --max_train_steps 2000 --output_dir runs/mine
srgan-hub upscale photo.jpg -o photo_x4.png --model runs/mine
```

### A page of your own
Duplicate this Space, or run `python app.py`, with the variable `SRGAN_MODELS` set to your checkpoints, such as \
`user/my-model srgan-x4-photo`; the first is the page's default. The README lists the variables that set the limits."""


# Three programs that do what the page does, with its own address filled in. A test runs each.
PACKAGE = """\
from PIL import Image
from srgan_hub import Upscaler

upscaler = Upscaler.from_pretrained("{model}", texture=1.0)
upscaler(Image.open("photo.jpg")).save("photo_x4.png")
"""
CLIENT = """\
import shutil
from gradio_client import Client, handle_file

page = Client("{url}")
file, numbers = page.predict(handle_file("photo.jpg"), model="{model}", texture=100, api_name="/upscale")
shutil.copy(file, "photo_x4.png")
print(numbers)
"""
CURL = """\
page={url}/gradio_api
photo=$(curl -sSf -F files=@photo.jpg $page/upload | cut -d '"' -f 2)
job=$(curl -sSf $page/call/upscale -H 'Content-Type: application/json' \\
  -d '{{"data": [{{"path": "'"$photo"'", "meta": {{"_type": "gradio.FileData"}}}}, "{model}", 100, "full", "PNG"]}}' \\
  | cut -d '"' -f 4)
file=$(curl -sSfN $page/call/upscale/$job | grep -A 1 '^event: complete' | grep -o '"path": *"[^"]*"' | cut -d '"' -f 4)
curl -sSf "$page/file=$file" -o photo_x4.png
"""


def snippets(url: str, model: str) -> tuple[str, str, str]:
    """For the Python package, gradio_client and curl; url: the page's address."""
    url = url.rstrip("/")
    return PACKAGE.format(model=model), CLIENT.format(url=url, model=model), CURL.format(url=url, model=model)


def build(page: gr.Blocks) -> None:
    """The tab's components, inside a gr.Blocks; the snippets get the page's address when the page is opened."""
    model, codes = offered()[0], []
    kinds = (("package", PACKAGE_TITLE, "python"), ("client", CLIENT_TITLE, "python"), ("curl", CURL_TITLE, "shell"))
    for name, title, language in kinds:
        gr.Markdown(title)
        look = dict(interactive=False, show_label=False, wrap_lines=True, show_line_numbers=False)
        codes.append(gr.Code(language=language, elem_id=f"snippet-{name}", **look))
    gr.Markdown(OWN)
    address = gr.Textbox(visible=False)
    page.load(lambda url: snippets(url, model), address, codes, js=ADDRESS, api_visibility="private", show_progress="hidden")
