"""How long a visitor waits: for the page after a start, and for the largest photo that its limits allow.

    python -m benchmarks.waiting [--starts 3]

Starts app.py with its default limits, on all cores, and asks until the page is there. Then square photos with as many pixels as a
model may have go to `/upscale` through gradio_client, upload and download included. The first photo of each row opens its
model."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from gradio_client import Client
from PIL import Image

from benchmarks.clients import ask, served
from benchmarks.inference_speed import picture
from srgan_hub.ui.models import Limits

ASKED = (  # model, texture in percent
    ("srgan-x4-photo-large", 100), ("srgan-x4-photo", 100), ("srgan-x4-photo", 50), ("srgan-x4-lite", 100),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=3)
    options = parser.parse_args()
    starts = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.starts):
            begun = time.perf_counter()
            with served(GRADIO_TEMP_DIR=folder) as (url, _):
                starts.append(time.perf_counter() - begun)
                if number < options.starts - 1:
                    continue
                listed = ", ".join(f"{seconds:.1f}" for seconds in starts)
                print(f"The page is there {statistics.median(starts):.1f} s after the start ({listed}).\n")
                client = Client(url, verbose=False, download_files=folder)
                print("| model | texture | photo | megapixels | first, s | again, s |\n|" + " --- |" * 6)
                for model, texture in ASKED:
                    side = int(Limits().pixels(model) ** 0.5)
                    photo = str(Path(folder, f"{side}.png"))
                    Image.fromarray(picture(side)).save(photo)
                    answers = [ask(client, photo, model=model, texture=texture) for _ in range(2)]
                    if bad := [answer.words for answer in answers if answer.kind != "answered"]:
                        raise SystemExit(f"not answered: {bad[0]}")
                    times = " | ".join(f"{answer.seconds:.1f}" for answer in answers)
                    print(f"| {model} | {texture} % | {side}x{side} | {side * side / 1e6:.1f} | {times} |", flush=True)


if __name__ == "__main__":
    main()
