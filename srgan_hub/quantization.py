"""Which convolutions of a generator may be computed in 8 bits, and between what the numbers lie that each of them is given.

Post-training quantization: weights symmetric, a scale for each output channel; inputs asymmetric, one range for a convolution,
the extremes met on the calibration pictures. The sums that run past the blocks (long and short skips) are never rounded.
Where the rounding of its weights shows, a convolution gets weights that are fitted to its inputs (rounding.py); where it shows
too much all the same, the convolution is left out: docs/engines.md has the figures."""

from __future__ import annotations

import hashlib
import itertools
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from srgan_hub.generator import SRGANGenerator
from srgan_hub.imaging.color import luma
from srgan_hub.loading import HUB, CheckpointError, fetch, locate
from srgan_hub.program import Step, program, run
from srgan_hub.rounding import fitted, from_steps, rounded, sums_kept

FILE = "int8.safetensors"
ALLOWED = 0.36    # mean squared change of the result's luma, in grey levels: 0.04 dB at 32 dB
MIXED = 0.15      # the same for the precision "mixed": 0.015 dB
FLAT = 2.5        # grey levels by which a flat colour may change
FLAT_MIXED = 2
SHOWS = 0.002   # the same of one convolution: from here on its weights are fitted
PATCHES = 400   # inputs of a convolution taken from each picture to fit its weights to
FLATS = [torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, 24, 24) for colour in itertools.product((0.0, 0.5, 1.0), repeat=3)]
MEASURED = 8   # pictures on which each convolution's share in it is measured


class Quantization(NamedTuple):
    weights: str                             # `fingerprint` of the steps that it is for
    ranges: dict[int, tuple[float, float]]   # number of a convolution in the steps: lowest and highest input, 0 among them
    fits: dict[int, Tensor]                  # number: its weights in whole steps, (O, I, K, K) int8; others have `sums_kept`
    showing: frozenset[int] = frozenset()    # those of them that the precision "mixed" leaves finer

    def belongs_to(self, steps: list[Step]) -> bool:
        """Whether it was made for these steps, with these weights."""
        convolutions = {number: step.weight.shape for number, step in enumerate(steps) if step.kind == "conv"}
        return (
            self.weights == fingerprint(steps)
            and self.ranges.keys() <= convolutions.keys()
            and all(fit.shape == convolutions[number] for number, fit in self.fits.items())
        )

    def mixed(self) -> Quantization:
        """Without those whose rounding shows most: what costs next to nothing."""
        ranges, fits = ({n: of[n] for n in of if n not in self.showing} for of in (self.ranges, self.fits))
        return Quantization(self.weights, ranges, fits)

    def weight(self, number: int, weight: Tensor) -> Tensor:
        """What a convolution with that float32 weight has in 8 bits."""
        return from_steps(self.fits[number] if number in self.fits else sums_kept(weight), weight)


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
    shares. No flat colour may change by more than FLAT. Those with the largest share for their work are left out; the next
    ones are `showing`, until what is left keeps to MIXED and FLAT_MIXED. Raises ValueError without pictures."""
    if not pictures:
        raise ValueError("there is no picture to calibrate on")
    steps = program(generator)
    ranges, work = observe(steps, pictures)
    found = Quantization(fingerprint(steps), ranges, {})
    share = shares(steps, pictures, found)
    shown = {number: ranges[number] for number in share if share[number] > SHOWS}
    for number, gram in grams(steps, pictures, shown).items():
        found.fits[number] = fitted(steps[number].weight, gram)
    share |= shares(steps, pictures, found, found.fits)
    order = sorted(share, key=lambda number: share[number] / work[number], reverse=True)
    flat = [(picture, compute(steps, picture)) for picture in FLATS]

    def least_without(start: int, allowed: float, flat_limit: float) -> int:
        """How many of the order, from its beginning, must be left out; no fewer than `start`."""
        for count in range(start, len(order)):
            left = found._replace(showing=frozenset(order[:count])).mixed()
            if sum(map(share.get, left.ranges)) <= allowed and shift(steps, flat, left) <= flat_limit:
                return count
        return len(order)

    more = max(1, allowed / ALLOWED)
    dropped = least_without(0, allowed, FLAT * more)
    showing = order[dropped : least_without(dropped, min(MIXED, allowed), FLAT_MIXED * more)]
    found = found._replace(showing=frozenset(order[:dropped])).mixed()._replace(showing=frozenset(showing))
    return found, change(steps, pictures, [found])[0]


def observe(steps: list[Step], pictures: Sequence[Tensor]) -> tuple[dict[int, tuple[float, float]], dict[int, float]]:
    """Of every convolution: lowest and highest input, and multiplications an LR pixel. Beside the pictures, flat ones of the
    brightest colours are looked at: photographs hold too few of these."""
    ranges, work = {}, {}

    def watch(number: int, step: Step, x: Tensor) -> None:
        low, high = ranges.get(number, (0.0, 0.0))  # zero padding is among the inputs
        ranges[number] = min(low, x.min().item()), max(high, x.max().item())
        work[number] = step.weight.numel() * x.shape[-2] * x.shape[-1] / pixels

    for picture in [*pictures, *FLATS]:
        pixels = picture.shape[-2] * picture.shape[-1]
        compute(steps, picture, watch=watch)
    return {number: on_steps(*limits) for number, limits in ranges.items()}, work


def grams(steps: list[Step], pictures: Sequence[Tensor], ranges: dict[int, tuple[float, float]]) -> dict[int, Tensor]:
    """Of each convolution with a range: mean of x x^T over inputs x, each the I * K * K rounded values under its kernel."""
    totals, counts = dict.fromkeys(ranges, 0), dict.fromkeys(ranges, 0)
    chance = torch.Generator().manual_seed(0)

    def watch(number: int, step: Step, x: Tensor) -> None:
        if number not in ranges:
            return
        side, (height, width) = step.weight.shape[-1], x.shape[-2:]
        x = F.pad(rounded(x, *ranges[number], 256), [side // 2] * 4)
        windows = x[0].unfold(1, side, 1).unfold(2, side, 1)                              # (I, H, W, K, K), no copy
        places = torch.randperm(height * width, generator=chance)[:PATCHES]
        columns = windows[:, places // width, places % width].transpose(0, 1).flatten(1)  # (places, I * K * K)
        totals[number] = totals[number] + columns.T @ columns
        counts[number] += len(columns)

    for picture in [*pictures, *FLATS]:
        compute(steps, picture, watch=watch)
    return {number: totals[number] / counts[number] for number in ranges}


def shares(steps: list[Step], pictures: Sequence[Tensor], found: Quantization, numbers=None) -> dict[int, float]:
    """What each convolution, or each of `numbers`, changes when it alone is in 8 bits."""
    numbers = list(found.ranges if numbers is None else numbers)
    alone = [found._replace(ranges={number: found.ranges[number]}) for number in numbers]
    return dict(zip(numbers, change(steps, pictures, alone), strict=True))


def change(steps: list[Step], pictures: Sequence[Tensor], cases: Sequence[Quantization]) -> list[float]:
    """The mean squared change of the result's luma, in grey levels, in each case; on some of the pictures."""
    some = pictures[:: math.ceil(len(pictures) / MEASURED)]
    exact = [_luma(compute(steps, lr)) for lr in some]
    return [
        statistics.fmean(((_luma(compute(steps, lr, case)) - y) ** 2).mean() for lr, y in zip(some, exact, strict=True))
        for case in cases
    ]


def shift(steps: list[Step], flat: Sequence[tuple[Tensor, Tensor]], found: Quantization) -> float:
    """By how many grey levels any value changes, of (LR, exact result) pairs; in the middle, for zero padding shows outside."""
    changes = [(255 * (compute(steps, lr, found) - sr)).abs() for lr, sr in flat]
    return max(F.pad(change, [-(change.shape[-1] // 3)] * 4).max().item() for change in changes)


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
def compute(steps: list[Step], lr: Tensor, quantization: Quantization | None = None, watch=None) -> Tensor:
    """What the steps give with inputs and weights in 8 bits where the quantization says so, in float32.

    watch(number, step, input) is told of every convolution."""

    def prepare(number: int, step: Step, x: Tensor) -> tuple[Tensor, Tensor]:
        if watch:
            watch(number, step, x)
        if quantization is None or number not in quantization.ranges:
            return x, step.weight
        return rounded(x, *quantization.ranges[number], 256), quantization.weight(number, step.weight)

    return run(steps, lr, prepare)


def save(quantization: Quantization, folder: Path) -> None:
    """Write it into a checkpoint's folder."""
    tensors = {f"{number}.range": torch.tensor(limits, dtype=torch.float64) for number, limits in quantization.ranges.items()}
    tensors |= {f"{number}.weight": steps for number, steps in quantization.fits.items()}
    showing = " ".join(map(str, sorted(quantization.showing)))
    save_file(tensors, folder / FILE, {"weights": quantization.weights, "showing": showing})


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
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            showing = frozenset(map(int, about.get("showing", "").split()))
            found = Quantization(about["weights"], {}, {}, showing)
            for name in file.keys():  # noqa: SIM118 (it is no dict)
                number, kind = name.split(".")
                {"range": found.ranges, "weight": found.fits}[kind][int(number)] = file.get_tensor(name)
        for number, limits in found.ranges.items():
            low, high = found.ranges[number] = tuple(limits.tolist())
            if not (math.isfinite(low) and low <= 0 <= high and low < high < math.inf):
                raise ValueError("a range must hold 0 and be finite")
        if any(steps.dtype != torch.int8 or number not in found.ranges for number, steps in found.fits.items()):
            raise ValueError("weights must be int8 and have a range")
        if not showing <= found.ranges.keys():
            raise ValueError("what shows must have a range")
        return found
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} cannot be used ({error}); write it again with srgan-hub quantize, or delete it") from error
