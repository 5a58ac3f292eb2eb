"""Time and memory of large images through `srgan-hub upscale`, each in its own process.

    python -m benchmarks.memory [--model srresnet-x4-lite] ["WIDTHxHEIGHT[xCOUNT] MODE SUFFIX [OPTIONS]" ...]

A case is the size of LR, how many of them are in one folder, Pillow's name for the mode, the result's suffix, and options of the
command. Seconds are counted by the command itself: from the first file it opens to the last it has written. Memory is the peak of
the resident set (Linux)."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.inference_speed import picture, processor

CASES = (
    "250x250x30 RGB .png",              # 1 megapixel each: a single one would take as long to start as to compute
    "2500x2500 RGB .png",               # 100
    "2500x2500 RGB .tif",
    "2500x2500 RGB .webp",              # the whole result in memory
    "4000x3000 RGB .png",               # 192
    "4000x3000 RGB .jpg --to 12000",    # 108
    "4000x3000 RGBA .png",
)
# wait4 reports at least the peak of the parent process; VmHWM is the process's own.
COMMAND = """
import re, sys
from srgan_hub.cli import main
if main(sys.argv[1:]):
    sys.exit(1)
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


def source(width: int, height: int, mode: str) -> Image.Image:
    """The test image; with alpha, a soft disc cut out of it."""
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
    print(f"{processor()}; {options.model}\n")
    print("| LR | result | s | megapixels/s | of the first | peak memory, MB | files, MB |\n|" + " --- |" * 7)
    first = None
    for case in options.cases:
        size, mode, suffix, *more = case.split()
        width, height, *count = map(int, size.split("x"))
        with tempfile.TemporaryDirectory() as folder:
            given, target = Path(folder, "lr"), Path(folder, "sr")
            given.mkdir()
            lr = source(width, height, mode)
            for number in range(*count or [1]):
                lr.save(given / f"{number}.png", compress_level=1)
            form = ["-o", target, "--format", suffix[1:], "--model", options.model]
            command = [sys.executable, "-c", COMMAND, "upscale", given, *form, *more]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if done.returncode:
                sys.exit(f"{case}: failed")
            megapixels, seconds = map(float, re.search(r"([\d.]+) megapixels in ([\d.]+) s", done.stdout).groups())
            megabytes = int(done.stdout.split()[-1]) * 1024 / 1e6
            results = list(target.iterdir())
            Image.MAX_IMAGE_PIXELS = None
            with Image.open(results[0]) as result:
                made = f"{result.width}x{result.height}{suffix}"
            speed = megapixels / seconds
            first = first or speed
            cells = [f"{seconds:.1f}", f"{speed:.2f}", f"{speed / first:.2f}", f"{megabytes:.0f}"]
            cells.append(f"{sum(file.stat().st_size for file in results) / 1e6:.0f}")
            print("| " + " | ".join([f"{size} {mode}", made, *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()
