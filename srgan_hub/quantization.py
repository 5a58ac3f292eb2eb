"""Which convolutions of a generator may be computed in 8 bits, and between what the numbers lie that each of them is given.

Post-training quantization: weights symmetric, a scale for each output channel; inputs asymmetric, one range for a convolution,
the extremes met on the calibration pictures. The sums that run past the blocks (long and short skips) are never rounded.
A convolution whose rounding shows too much in the result, mostly the first, the last and those before a pixel shuffle, is left
out: docs/engines.md has the figures."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srgan_hub.generator import SRGANGenerator
from srgan_hub.imaging.color import luma
from srgan_hub.loading import HUB, CheckpointError, fetch, locate
from srgan_hub.program import Step, program, run

FILE = "int8.json"
ALLOWED = 0.15  # mean squared change of the result's luma, in grey levels: 0.015 dB at 32 dB
CORNERS = [torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, 24, 24) for colour in itertools.product((0.0, 1.0), repeat=3)]
MEASURED = 8   # pictures on which each convolution's share in it is measured


class Quantization(NamedTuple):
    weights: str                             # `fingerprint` of the steps that it is for
    ranges: dict[int, tuple[float, float]]   # number of a convolution in the steps: lowest and highest input, 0 among them


def fingerprint(steps: list[Step]) -> str:
    """sha256 of the steps' weights, float32, BatchNorm folded."""
    digest = hashlib.sha256()
    for step in steps:
        for tensor in step[2:]:
            if tensor is not None:
                digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def calibrate(generator: SRGANGenerator, pictures: Sequence[Tensor], allowed: float = ALLOWED) -> tuple[Quantization, float]:
    """The convolutions that can be computed in 8 bits, and the mean squared change of the result's luma by it, in grey levels.

    pictures: LR, (1, 3, H, W) in [0, 1]; allowed: how large that change may be, judged by the sum of the convolutions' own
    shares. Those with the largest share for their work are left out. Raises ValueError without pictures."""
    if not pictures:
        raise ValueError("there is no picture to calibrate on")
    steps = program(generator)
    ranges, work = observe(steps, pictures)
    share = shares(steps, pictures, ranges)
    for number in sorted(share, key=lambda number: share[number] / work[number], reverse=True):
        if sum(share[one] for one in ranges) <= allowed:
            break
        del ranges[number]
    return Quantization(fingerprint(steps), ranges), change(steps, pictures, [ranges])[0]


def observe(steps: list[Step], pictures: Sequence[Tensor]) -> tuple[dict[int, tuple[float, float]], dict[int, float]]:
    """Of every convolution: lowest and highest input, and multiplications an LR pixel. Beside the pictures, flat ones of the
    brightest colours are looked at: photographs hold too few of these."""
    ranges, work = {}, {}

    def watch(number: int, step: Step, x: Tensor) -> None:
        low, high = ranges.get(number, (0.0, 0.0))  # zero padding is among the inputs
        ranges[number] = min(low, x.min().item()), max(high, x.max().item())
        work[number] = step.weight.numel() * x.shape[-2] * x.shape[-1] / pixels

    for picture in [*pictures, *CORNERS]:
        pixels = picture.shape[-2] * picture.shape[-1]
        compute(steps, picture, watch=watch)
    return {number: on_steps(*limits) for number, limits in ranges.items()}, work


def shares(steps: list[Step], pictures: Sequence[Tensor], ranges: dict[int, tuple[float, float]]) -> dict[int, float]:
    """What each convolution changes when it alone is in 8 bits."""
    return dict(zip(ranges, change(steps, pictures, [{number: ranges[number]} for number in ranges]), strict=True))


def change(steps: list[Step], pictures: Sequence[Tensor], cases: Sequence[dict[int, tuple[float, float]]]) -> list[float]:
    """The mean squared change of the result's luma, in grey levels, in each case of convolutions in 8 bits; on some pictures."""
    some = pictures[:: math.ceil(len(pictures) / MEASURED)]
    exact = [_luma(compute(steps, lr)) for lr in some]
    return [
        statistics.fmean(((_luma(compute(steps, lr, case)) - y) ** 2).mean() for lr, y in zip(some, exact, strict=True))
        for case in cases
    ]


def _luma(sr: Tensor) -> np.ndarray:
    return luma(255 * sr[0].permute(1, 2, 0).numpy())


def on_steps(low: float, high: float) -> tuple[float, float]:
    """low <= 0 <= high, widened as little as it takes that 0 is one of 256 even values: nothing that was met is cut off."""
    if not low or not high:
        return (low, high) if low < high else (0.0, 1e-6)
    nearest = 255 * -low / (high - low)  # values below 0, if they could be a fraction

    def step(below: int) -> float:
        return max(-low / below, high / (255 - below))

    below = min((max(1, math.floor(nearest)), min(254, math.ceil(nearest))), key=step)
    return -below * step(below), (255 - below) * step(below)


@torch.inference_mode()
def compute(steps: list[Step], lr: Tensor, ranges: dict[int, tuple[float, float]] | None = None, watch=None) -> Tensor:
    """What the steps give where the convolutions named in `ranges` have inputs and weights of 8 bits, in float32.

    watch(number, step, input) is told of every convolution."""
    ranges = ranges or {}

    def prepare(number: int, step: Step, x: Tensor) -> tuple[Tensor, Tensor]:
        if watch:
            watch(number, step, x)
        if number not in ranges:
            return x, step.weight
        return rounded(x, *ranges[number], 256), weight_in_8_bits(step.weight)[0]

    return run(steps, lr, prepare)


def weight_in_8_bits(weight: Tensor) -> tuple[Tensor, Tensor]:
    """(O, I, K, K) -> the same in 255 even steps from -top to top, and that top, (O, 1, 1, 1).

    The sum of each K x K kernel is rounded too, not only its taps: so a flat picture stays as flat as it was."""
    top = weight.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
    exact = (weight / top * 127).double().flatten(2)                    # in steps, (O, I, K * K)
    taps = exact.round()
    lacking = exact.sum(2, keepdim=True).round() - taps.sum(2, keepdim=True)
    order = ((exact - taps) * lacking.sign()).argsort(2, descending=True)  # first the taps that were rounded the other way most
    rank = order.argsort(2)
    taps = (taps + lacking.sign() * (rank < lacking.abs())).clamp(-127, 127)
    return (taps / 127 * top.double().flatten(2)).float().view_as(weight), top


def rounded(x: Tensor, low: Tensor | float, high: Tensor | float, levels: int) -> Tensor:
    """Each value as the nearest of `levels` that lie evenly from low to high."""
    step = (high - low) / (levels - 1)
    return torch.clamp((x - low) / step, 0, levels - 1).round() * step + low


def save(quantization: Quantization, folder: Path) -> None:
    """Write it into a checkpoint's folder."""
    ranges = {str(number): limits for number, limits in quantization.ranges.items()}
    (folder / FILE).write_text(json.dumps({"weights": quantization.weights, "ranges": ranges}, indent=1) + "\n", encoding="utf-8")


def find(source: str | Path, **hub) -> Quantization | None:
    """That of a checkpoint (bundled name, folder or Hub id; hub as for SRGANGenerator), None if none can be had."""
    try:
        path = fetch(locate(str(source)), FILE, **{name: hub[name] for name in HUB if name in hub})
    except CheckpointError:
        return None
    return read(Path(path))


def read(path: Path) -> Quantization:
    """What `save` wrote. Raises CheckpointError for anything else."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        ranges = {int(number): (float(low), float(high)) for number, (low, high) in data["ranges"].items()}
        if not all(math.isfinite(low) and low <= 0 <= high and low < high < math.inf for low, high in ranges.values()):
            raise ValueError("a range must hold 0 and be finite")
        return Quantization(str(data["weights"]), ranges)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} cannot be used ({error}); write it again with srgan-hub quantize, or delete it") from error
