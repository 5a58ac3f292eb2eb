"""What does computing in 8 bits change, convolution by convolution?

    python -m benchmarks.eight_bits PHOTOGRAPHS MODEL

PHOTOGRAPHS: as for `srgan-hub quantize --calibration`. Prints the mean squared change of the result's luma, in gray levels, when
only one convolution is computed in 8 bits: with every weight rounded by itself; with the sum of each kernel kept; with the image
computed apart and the largest channels divided; with weights fitted to the inputs (quantization.py). The convolution that
computes the image shares its input with the last but one, and is counted with it."""

from __future__ import annotations

import sys

import torch
from torch import Tensor

from srgan_hub import SRGANGenerator
from srgan_hub.data.cache import lr_pictures
from srgan_hub.inference.quantization import (
    SHOWS,
    TOP,
    Quantization,
    by_input,
    divide,
    exact,
    fitted,
    grams,
    in_eight_bits,
    observe,
    shares,
    span,
    tops,
)
from srgan_hub.models.srresnet.graph import inference_graph

LEAST = 0.01  # smaller changes are not shown


def each_by_itself(weight: Tensor) -> Tensor:
    return (weight / tops(weight) * TOP).round().to(torch.int8)


def main(photographs: str, model: str) -> None:
    generator = SRGANGenerator.from_pretrained(model)
    pictures = lr_pictures(photographs, generator.scale, 24)
    steps = inference_graph(generator)
    plain = Quantization("", {number: span(limits) for number, limits in observe(steps, pictures)[0].items()}, {}, {})
    measured = exact(steps, pictures)
    alone = shares(steps, measured, plain._replace(fits={n: each_by_itself(steps[n].weight) for n in plain.ranges}))
    kept = shares(steps, measured, plain)
    steps = in_eight_bits(generator)
    limits, work = observe(steps, pictures)
    measured = exact(steps, pictures)
    found, divided = divide(steps, measured, limits)
    shown = {number for first in divided if divided[first] > SHOWS for number in by_input(steps)[first]}
    for number, gram in grams(steps, pictures, found, shown).items():
        found.fits[number] = fitted(found.multiplied(number, steps[number].weight), gram)
    best = divided | shares(steps, measured, found, divided.keys() & shown)
    ways = [list(way.values()) for way in (alone, kept, divided, best)]  # one row per input: the image's convolution adds none
    print(f"{model}\n\n| convolution | kernel | of all multiplications | each weight by itself | sums kept | divided | fitted |")
    print("|" + " --- |" * 7)
    for place, (first, together) in enumerate(by_input(steps).items()):
        if max(way[place] for way in ways) >= LEAST:
            out, into, side, _ = steps[first].weight.shape
            part = sum(work[number] for number in together) / sum(work.values())
            cells = [f"{place + 1} of {len(ways[0])}", f"{into} -> {out}, {side}x{side}", f"{part:.1%}"]
            print("| " + " | ".join([*cells, *(f"{way[place]:.2f}" for way in ways)]) + " |")
    print("| all | | | " + " | ".join(f"{sum(way):.2f}" for way in ways) + " |")


if __name__ == "__main__":
    main(*sys.argv[1:])
