"""What do 8 bits change, convolution by convolution?

    python -m benchmarks.eight_bits PHOTOGRAPHS MODEL

PHOTOGRAPHS: as `srgan-hub quantize --calibration` takes them. Mean squared change of the result's luma, in grey levels, by each
convolution alone in 8 bits: with every weight rounded by itself, and with the sum of each kernel kept (quantization.py)."""

from __future__ import annotations

import sys
from unittest.mock import patch

from torch import Tensor

from srgan_hub import SRGANGenerator, quantization
from srgan_hub.data.calibration import lr_pictures
from srgan_hub.program import program

LEAST = 0.01  # what is less is not shown


def each_by_itself(weight: Tensor) -> tuple[Tensor, Tensor]:
    top = weight.abs().amax((1, 2, 3), keepdim=True)
    return quantization.rounded(weight, -top, top, 255), top


def main(photographs: str, model: str) -> None:
    generator = SRGANGenerator.from_pretrained(model)
    steps, pictures = program(generator), lr_pictures(photographs, generator.scale, 24)
    ranges, work = quantization.observe(steps, pictures)
    kept = quantization.shares(steps, pictures, ranges)
    with patch.object(quantization, "weight_in_8_bits", each_by_itself):
        alone = quantization.shares(steps, pictures, ranges)
    print(f"{model}\n\n| convolution | kernel | of all multiplications | each weight by itself | sums kept |\n|" + " --- |" * 5)
    for place, number in enumerate(ranges, start=1):
        if max(alone[number], kept[number]) >= LEAST:
            out, into, side, _ = steps[number].weight.shape
            part = work[number] / sum(work.values())
            cells = [f"{place} of {len(ranges)}", f"{into} -> {out}, {side}x{side}", f"{part:.1%}"]
            print("| " + " | ".join([*cells, f"{alone[number]:.2f}", f"{kept[number]:.2f}"]) + " |")
    print(f"| all | | | {sum(alone.values()):.2f} | {sum(kept.values()):.2f} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
