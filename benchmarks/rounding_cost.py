"""What each precision costs: PSNR-Y on benchmark sets minus that in float32, by OpenVINO.

    python -m benchmarks.rounding_cost SETS srresnet-x4 srgan-x4

Prints the rows of docs/engines.md. A default may lose at most 0.02 dB."""

from __future__ import annotations

import argparse

from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.evaluation.benchmark import mean, measure
from srgan_hub.inference.upscaler import Upscaler

PRECISIONS = ("fp32", "bf16", "mixed")


def psnr_y(upscaler: Upscaler, given: list, scale: int) -> float:
    return mean(measure(upscaler, given, scale), "psnr")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", help="folder of benchmark sets")
    parser.add_argument("models", nargs="+", help="quantized checkpoints")
    options = parser.parse_args()
    upscalers = {
        (model, precision): Upscaler.from_pretrained(model, engine="openvino", precision=precision)
        for model in options.models
        for precision in PRECISIONS
    }
    scale = next(iter(upscalers.values())).scale
    sets = {one.name: list(pairs(one, scale)) for one in find_sets(options.sets, scale, bare=True)}
    print("| | | " + " | ".join(sets) + " |\n| --- | --- |" + " --- |" * len(sets))
    for model in options.models:
        found = {
            precision: [psnr_y(upscalers[model, precision], given, scale) for given in sets.values()]
            for precision in PRECISIONS
        }
        for precision in PRECISIONS[1:]:
            lost = [value - exact for value, exact in zip(found[precision], found["fp32"], strict=True)]
            print(f"| {model} | {precision} | " + " | ".join(f"{value:+.3f}" for value in lost) + " |", flush=True)


if __name__ == "__main__":
    main()
