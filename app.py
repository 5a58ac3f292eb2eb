"""The Space: upload a photo, enlarge it four times, see bicubic | SRGAN under a slider, download the PNG.

Run it with `python app.py`; importing it starts nothing and loads no model."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path

import gradio as gr

from srgan_hub.evaluation.benchmark import bicubic
from srgan_hub.files import BadInput, read_picture, write_whole
from srgan_hub.imaging.convert import normalise
from srgan_hub.loading import CheckpointError
from srgan_hub.pipeline import Upscaler
from srgan_hub.ui.models import offered

HERE = Path(__file__).parent
try:
    MODELS = offered(HERE / "models.txt")  # which only a Space has
except CheckpointError as error:
    sys.exit(f"app.py: {error}")
DEFAULT = MODELS[0][1]
EXAMPLES = sorted(map(str, (HERE / "examples").glob("*.png")))
KEPT = 3600  # seconds that a result stays on the disk
MAX_BYTES = "64mb"  # of the upload; MAX_PIXELS in 16 bits, uncompressed, with transparency are 16
MAX_PIXELS = 2_000_000  # of the upload; the result has 32 megapixels and takes two cores about 30 s
CREDITS = "Examples: *astronaut* (NASA, public domain) and *chelsea* (Stéfan van der Walt, CC0), shrunk, from scikit-image."

load = lru_cache(maxsize=3)(Upscaler.from_pretrained)


def upscale(photo: str, model: str = DEFAULT, progress=gr.Progress()):  # noqa: B008 (gradio's way to hand it in)
    """Enlarge a photograph four times.

    photo: an image file. model: "srgan-x4-photo", "srresnet-x4-photo", "srgan-x4", "srgan-x4-vivid", "srresnet-x4",
    "srgan-x4-lite" or "srresnet-x4-lite". Returns (bicubic, enlarged) as a pair, and the enlarged PNG.
    """
    if not photo:
        raise gr.Error("Choose a photo first.", print_exception=False)
    try:
        image = read_picture(Path(photo), MAX_PIXELS)
        progress(0, desc="Loading the model")
        upscaler = load(model)
        sr = upscaler(image, progress=lambda done, total: progress((done, total), desc="Enlarging", unit="tiles"))
        folder = fresh_folder()
        result, plain = folder / f"{Path(photo).stem}_x{upscaler.scale}.png", folder / "bicubic.png"
        write_whole(sr, result, "png")
        write_whole(bicubic(upscaler.scale)(normalise(image)), plain, "png")
    except (BadInput, CheckpointError) as error:
        raise gr.Error(f"{Path(photo).name}: {error}", print_exception=False) from error
    return (str(plain), str(result)), str(result)


def fresh_folder() -> Path:
    """A new folder for one result; those of results older than KEPT go."""
    home = Path(tempfile.gettempdir()) / "srgan_hub-results"
    home.mkdir(exist_ok=True)
    for folder in home.iterdir():
        if time.time() - folder.stat().st_mtime > KEPT:
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=home))


def build() -> gr.Blocks:
    """The page."""
    with gr.Blocks(title="SRGAN x4", delete_cache=(KEPT, KEPT)) as page:
        gr.Markdown("# SRGAN x4\nEnlarge a photograph four times and compare it with plain bicubic enlargement.")
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                photo = gr.Image(label="Photo", type="filepath", sources=["upload", "clipboard"], elem_id="photo", height=280)
                # The file as it was uploaded: gradio would open it here, and a damaged one would end in a traceback.
                photo.preprocess = lambda payload: payload and payload.path
                model = gr.Radio(MODELS, value=DEFAULT, label="Model", elem_id="model")
                button = gr.Button("Enlarge x4", variant="primary", elem_id="enlarge")
                gr.Examples(EXAMPLES, photo, label="Examples", elem_id="examples")
                gr.Markdown(CREDITS)
            with gr.Column(scale=2, min_width=320):
                # png: gradio's default for shown pictures, WebP, is lossy
                pair = gr.ImageSlider(
                    label="bicubic | enlarged", format="png", interactive=False, elem_id="pair", max_height=640, image_mode=None
                )
                file = gr.File(label="Download the enlarged PNG", interactive=False, elem_id="result")
        button.click(upscale, [photo, model], [pair, file], api_name="upscale")
    return page


if __name__ == "__main__":
    # Where to listen is left to the environment (GRADIO_SERVER_NAME, GRADIO_SERVER_PORT), which a Space sets. It also switches
    # on rendering on the server, of no use to a page that does nothing without its scripts.
    build().queue(max_size=20).launch(max_file_size=MAX_BYTES, ssr_mode=False)
