"""Time and memory of large pictures through `srgan-hub upscale`, each in a process of its own.

    python -m benchmarks.memory [--model srresnet-x4-lite] ["WIDTHxHEIGHT MODE SUFFIX [OPTIONS]" ...]

The size of LR, Pillow's name of its mode, the result's file, options of the command. Memory is the peak of the resident set
(Linux)."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.inference_speed import picture

CASES = (
    "250x250 RGB .png",                 # 1 megapixel
    "2500x2500 RGB .png",               # 100
    "2500x2500 RGB .tif",
    "2500x2500 RGB .webp",              # the whole result in memory
    "4000x3000 RGB .png",               # 192
    "4000x3000 RGB .jpg --to 12000",    # 108
    "4000x3000 RGBA .png",
)
# What wait4 reports is at least the peak of the process that started it; VmHWM is the process's own.
COMMAND = """
import re, sys
from srgan_hub.cli import main
if main(sys.argv[1:]):
    sys.exit(1)
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


def source(width: int, height: int, mode: str) -> Image.Image:
    """The test picture; with alpha, a soft disc cut out of it."""
    image = Image.fromarray(picture(max(width, height))[:height, :width]).convert(mode)
    if "A" in mode:
        y, x = np.ogrid[:height, :width]
        inside = 0.45 * min(width, height) - np.hypot(y - height / 2, x - width / 2)
        image.putalpha(Image.fromarray((40 * inside + 128).clip(0, 255).astype(np.uint8)))
    return image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=CASES)
    parser.add_argument("--model", default="srresnet-x4")
    options = parser.parse_args()
    print("| LR | result | s | megapixels/s | of the first | peak memory, MB | file, MB |\n|" + " --- |" * 7)
    first = None
    with tempfile.TemporaryDirectory() as folder:
        for case in options.cases:
            size, mode, suffix, *more = case.split()
            given, target = Path(folder, "lr.png"), Path(folder, f"sr{suffix}")
            source(*map(int, size.split("x")), mode).save(given, compress_level=1)
            command = [sys.executable, "-c", COMMAND, "upscale", given, "-o", target, "--force", "--model", options.model, *more]
            start = time.perf_counter()
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            seconds = time.perf_counter() - start
            if done.returncode:
                sys.exit(f"{case}: failed")
            megabytes = int(done.stdout.split()[-1]) * 1024 / 1e6
            Image.MAX_IMAGE_PIXELS = None
            with Image.open(target) as result:
                width, height = result.size
            speed = width * height / 1e6 / seconds
            first = first or speed
            cells = [f"{seconds:.1f}", f"{speed:.2f}", f"{speed / first:.2f}", f"{megabytes:.0f}"]
            cells.append(f"{target.stat().st_size / 1e6:.0f}")
            print("| " + " | ".join([f"{size} {mode}", f"{width}x{height}{suffix}", *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()
