"""What do 8 bits change, convolution by convolution?

    python -m benchmarks.eight_bits PHOTOGRAPHS MODEL

PHOTOGRAPHS: as `srgan-hub quantize --calibration` takes them. Mean squared change of the result's luma, in grey levels, by each
convolution alone in 8 bits: with every weight rounded by itself, with the sum of each kernel kept, and with weights fitted to
the inputs (rounding.py)."""

from __future__ import annotations

import sys

import torch
from torch import Tensor

from srgan_hub import SRGANGenerator
from srgan_hub.data.calibration import lr_pictures
from srgan_hub.program import program
from srgan_hub.quantization import SHOWS, Quantization, grams, observe, shares
from srgan_hub.rounding import TOP, fitted, tops

LEAST = 0.01  # what is less is not shown


def each_by_itself(weight: Tensor) -> Tensor:
    return (weight / tops(weight) * TOP).round().to(torch.int8)


def main(photographs: str, model: str) -> None:
    generator = SRGANGenerator.from_pretrained(model)
    steps, pictures = program(generator), lr_pictures(photographs, generator.scale, 24)
    ranges, work = observe(steps, pictures)
    kept = shares(steps, pictures, Quantization("", ranges, {}))
    alone = shares(steps, pictures, Quantization("", ranges, {n: each_by_itself(steps[n].weight) for n in ranges}))
    shows = [number for number in ranges if kept[number] > SHOWS]
    fits = {n: fitted(steps[n].weight, gram) for n, gram in grams(steps, pictures, {n: ranges[n] for n in shows}).items()}
    best = kept | shares(steps, pictures, Quantization("", ranges, fits), shows)
    ways = (alone, kept, best)
    print(f"{model}\n\n| convolution | kernel | of all multiplications | each weight by itself | sums kept | fitted |")
    print("|" + " --- |" * 6)
    for place, number in enumerate(ranges, start=1):
        if max(way[number] for way in ways) >= LEAST:
            out, into, side, _ = steps[number].weight.shape
            part = work[number] / sum(work.values())
            cells = [f"{place} of {len(ranges)}", f"{into} -> {out}, {side}x{side}", f"{part:.1%}"]
            print("| " + " | ".join([*cells, *(f"{way[number]:.2f}" for way in ways)]) + " |")
    print("| all | | | " + " | ".join(f"{sum(way.values()):.2f}" for way in ways) + " |")


if __name__ == "__main__":
    main(*sys.argv[1:])
