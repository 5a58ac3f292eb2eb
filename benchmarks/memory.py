"""Time and memory of large pictures through `srgan-hub upscale`, each in a process of its own.

    python -m benchmarks.memory [WIDTHxHEIGHT[.tif] ...]

LR sizes; default: 250x250 (1 megapixel out), 2500x2500 (100, as PNG and as TIFF) and 4000x3000 (192). Memory is the peak of
the resident set."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from benchmarks.inference_speed import picture

SIZES = ("250x250", "2500x2500", "2500x2500.tif", "4000x3000")
MODEL = "srresnet-x4"


def main(*sizes: str) -> None:
    print("| LR | result | s | megapixels/s | of the first | peak memory, MB | file, MB |\n|" + " --- |" * 7)
    first = None
    with tempfile.TemporaryDirectory() as folder:
        for wanted in sizes or SIZES:
            size, suffix = Path(wanted).stem, Path(wanted).suffix or ".png"
            width, height = map(int, size.split("x"))
            source, target = Path(folder, f"{size}.png"), Path(folder, f"{size}_x4{suffix}")
            Image.fromarray(picture(max(width, height))[:height, :width]).save(source)
            command = [sys.executable, "-m", "srgan_hub", "upscale", str(source), "-o", str(target), "--model", MODEL]
            start = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            if status:
                sys.exit(f"{' '.join(command)} failed")
            megapixels = 16 * width * height / 1e6
            speed = megapixels / seconds
            first = first or speed
            cells = [f"{seconds:.1f}", f"{speed:.2f}", f"{speed / first:.2f}", f"{usage.ru_maxrss / 1024:.0f}"]
            cells.append(f"{target.stat().st_size / 1e6:.0f}")
            print("| " + " | ".join([size, f"{4 * width}x{4 * height}{suffix}", *cells]) + " |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
