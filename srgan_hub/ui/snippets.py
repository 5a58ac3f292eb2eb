"""How to do without the page what it does: three programs to copy, for the page's own address. A test runs each."""

from __future__ import annotations

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
  -d '{{"data": [{{"path": "'"$photo"'", "meta": {{"_type": "gradio.FileData"}}}}, "{model}", 100, "x4", "PNG"]}}' \\
  | cut -d '"' -f 4)
file=$(curl -sSfN $page/call/upscale/$job | grep -A 1 '^event: complete' | grep -o '"path": *"[^"]*"' | cut -d '"' -f 4)
curl -sSf "$page/file=$file" -o photo_x4.png
"""


def snippets(url: str, model: str) -> tuple[str, str, str]:
    """For the Python package, gradio_client and curl; url: the page's address."""
    url = url.rstrip("/")
    return PACKAGE.format(model=model), CLIENT.format(url=url, model=model), CURL.format(url=url, model=model)
