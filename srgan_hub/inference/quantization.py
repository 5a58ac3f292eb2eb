"""Which convolutions of a generator can be computed in 8 bits, and the ranges of their inputs.

Post-training quantization: weights are symmetric with one scale per output channel; inputs are asymmetric with one range per
convolution, the extremes of the calibration images. The sums between the blocks (long and short skips) are never rounded, nor is
the image itself where it passes through (graph.picture_apart). If its rounding shows, a convolution gets its largest input
channels divided and their weights multiplied (Xiao et al. 2022, arXiv:2211.10438), if that helps, and weights fitted to its
inputs (`fitted`). If it still shows too much, it is left out; docs/engines.md has the figures."""

from __future__ import annotations

import hashlib
import itertools
import math
import statistics
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as as_bytes
from torch import Tensor

from srgan_hub.hub.load import HUB, CheckpointError, fetch, locate
from srgan_hub.imaging.color import luma
from srgan_hub.imaging.io import atomic_write
from srgan_hub.models.srresnet.graph import Step, picture_apart, run
from srgan_hub.models.srresnet.network import SRGANGenerator

FILE = "int8.safetensors"
ALLOWED = 0.15  # mean squared change of the result's luma, in gray levels: 0.015 dB at 32 dB
FLAT = 2        # gray levels by which a flat color may change
SHOWS = 0.002   # mean squared change by one convolution, above which its weights are fitted
PATCHES = 400   # inputs of a convolution taken from each image for fitting its weights
LEVELS = (0.0, 128 / 255, 1.0)  # levels of a flat image, as they occur in bytes
FLATS = [torch.tensor(color).view(1, 3, 1, 1).expand(1, 3, 24, 24) for color in itertools.product(LEVELS, repeat=3)]
MEASURED = 8   # images on which each convolution's share of the change is measured


class Quantization(NamedTuple):
    weights: str                             # `fingerprint` of the generator that it is for
    ranges: dict[int, tuple[float, float]]   # number of a convolution in the steps: lowest and highest input, including 0
    fits: dict[int, Tensor]                  # number: its weights in whole steps, (O, I, K, K) int8; others use `sums_kept`
    divisors: dict[int, Tensor]              # number: divisors of its input channels, (I,); the range is that of the result

    def only(self, numbers: Collection[int]) -> Quantization:
        """With no other convolutions in 8 bits than these."""
        return Quantization(self.weights, *({number: of[number] for number in of if number in numbers} for of in self[1:]))

    def multiplied(self, number: int, weight: Tensor) -> Tensor:
        """A convolution's float32 weight, multiplied to match its divided input."""
        return weight * self.divisors[number].view(1, -1, 1, 1) if number in self.divisors else weight

    def weight(self, number: int, weight: Tensor) -> Tensor:
        """The same weight in 8 bits."""
        weight = self.multiplied(number, weight)
        return from_steps(self.fits[number] if number in self.fits else sums_kept(weight), weight)

    def input(self, number: int, x: Tensor) -> Tensor:
        """A convolution's divided input in 8 bits."""
        return rounded(x / self.divisors[number].view(-1, 1, 1) if number in self.divisors else x, *self.ranges[number], 256)


def fingerprint(generator: SRGANGenerator) -> str:
    """sha256 of the weights as they are stored, in float32.

    The weights used for computing would not do: folding BatchNorm into them rounds differently on another processor."""
    digest = hashlib.sha256()
    for name, tensor in sorted(generator.state_dict().items()):
        if tensor.is_floating_point():
            digest.update(name.encode() + tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def calibrate(generator: SRGANGenerator, pictures: Sequence[Tensor]) -> tuple[Quantization, float]:
    """The convolutions that can be computed in 8 bits, and the resulting mean squared change of luma, in gray levels.

    pictures: LR, (1, 3, H, W) in [0, 1]. Convolutions with the largest share for their work are left out, until the sum of the
    others' shares is ALLOWED and no flat color changes by more than FLAT. Raises ValueError without pictures."""
    if not pictures:
        raise ValueError("there are no images to calibrate on")
    steps = in_eight_bits(generator)
    measured = exact(steps, pictures[:: math.ceil(len(pictures) / MEASURED)])
    limits, work = observe(steps, pictures)
    found, share = divide(steps, measured, limits)
    found = found._replace(weights=fingerprint(generator))
    together = by_input(steps)
    shown = {number for first in share if share[first] > SHOWS for number in together[first]}
    for number, gram in grams(steps, pictures, found, shown).items():
        found.fits[number] = fitted(found.multiplied(number, steps[number].weight), gram)
    share |= shares(steps, measured, found, share.keys() & shown)
    order = sorted(share, key=lambda first: share[first] / sum(work[number] for number in together[first]), reverse=True)
    flat = exact(steps, FLATS)
    for count in range(len(order) + 1):  # of those left out; without any in 8 bits, nothing changes
        some = found.only({number for first in order[count:] for number in together[first]})
        if sum(map(share.get, order[count:])) <= ALLOWED and shift(steps, flat, some) <= FLAT:
            break
    return some, change(steps, measured, some)


def in_eight_bits(generator: SRGANGenerator) -> list[Step]:
    """The steps that are computed when some of them are in 8 bits."""
    if (graph := generator.to_graph()) is None:
        raise ValueError("only SRGANGenerator itself can be computed in 8 bits, not a subclass that computes something else")
    return picture_apart(graph)


def by_input(steps: list[Step]) -> dict[int, list[int]]:
    """Groups of convolutions with the same input, by the first of each: an input is rounded for its whole group or not at all."""
    found = {}
    for number, step in enumerate(steps):
        if step.kind == "conv":
            found.setdefault(step.inputs, []).append(number)
    return {numbers[0]: numbers for numbers in found.values()}


def observe(steps: list[Step], pictures: Sequence[Tensor]) -> tuple[dict[int, Tensor], dict[int, float]]:
    """For each convolution, the lowest and highest input of each channel, (2, I), and the multiplications per LR pixel.

    Besides `pictures`, flat images of the brightest colors are observed, because photos contain too few of these."""
    limits, work = {}, {}

    def watch(number: int, step: Step, x: Tensor) -> None:
        low, high = limits.get(number, torch.zeros(2, x.shape[1]))  # the inputs include zero padding
        limits[number] = torch.stack([torch.minimum(low, x.amin((0, 2, 3))), torch.maximum(high, x.amax((0, 2, 3)))])
        work[number] = step.weight.numel() * x.shape[-2] * x.shape[-1] / pixels

    for picture in [*pictures, *FLATS]:
        pixels = picture.shape[-2] * picture.shape[-1]
        compute(steps, picture, watch=watch)
    return limits, work


def divide(steps: list[Step], measured: Pairs, limits: dict[int, Tensor]) -> tuple[Quantization, dict[int, float]]:
    """Every convolution in 8 bits, and the shares.

    If a convolution's rounding shows, its channels larger than the median are divided down to the median, or to the geometric
    mean of both, provided that less shows then. This makes their own rounding no finer, but that of all other channels."""
    found = Quantization("", {number: span(of) for number, of in limits.items()}, {}, {})
    share = shares(steps, measured, found)
    shown, together = [first for first in share if share[first] > SHOWS], by_input(steps)
    for power in (0.5, 1):
        divisors = {number: excess(limits[number]) ** power for first in shown for number in together[first]}
        ranges = {number: span(limits[number] / divisor) for number, divisor in divisors.items()}
        for first, less in shares(steps, measured, Quantization("", ranges, {}, divisors), shown).items():
            if less < share[first]:
                share[first] = less
                for number in together[first]:
                    found.ranges[number], found.divisors[number] = ranges[number], divisors[number]
    return found, share


def span(limits: Tensor) -> tuple[float, float]:
    """(2, I) from `observe` -> the range of all channels."""
    return on_steps(limits[0].min().item(), limits[1].max().item())


def excess(limits: Tensor) -> Tensor:
    """(2, I) from `observe` -> (I,), how many times as large as the median each channel is, at least 1."""
    size = limits.abs().amax(0)
    return (size / size.median().clamp_min(1e-6)).clamp_min(1)


def grams(steps: list[Step], pictures: Sequence[Tensor], found: Quantization, numbers: set[int]) -> dict[int, Tensor]:
    """For each of those convolutions, the mean of x x^T over inputs x: the I * K * K rounded values under its kernel."""
    totals, counts = dict.fromkeys(numbers, 0), dict.fromkeys(numbers, 0)
    chance = torch.Generator().manual_seed(0)

    def watch(number: int, step: Step, x: Tensor) -> None:
        if number not in numbers:
            return
        side, (height, width) = step.weight.shape[-1], x.shape[-2:]
        x = F.pad(found.input(number, x), [side // 2] * 4)
        windows = x[0].unfold(1, side, 1).unfold(2, side, 1)                              # (I, H, W, K, K), no copy
        places = torch.randperm(height * width, generator=chance)[:PATCHES]
        columns = windows[:, places // width, places % width].transpose(0, 1).flatten(1)  # (places, I * K * K)
        totals[number] = totals[number] + columns.T @ columns
        counts[number] += len(columns)

    for picture in [*pictures, *FLATS]:
        compute(steps, picture, watch=watch)
    return {number: totals[number] / counts[number] for number in totals}


Pairs = Sequence[tuple[Tensor, Tensor]]  # LR and the exact result


def exact(steps: list[Step], pictures: Sequence[Tensor]) -> Pairs:
    return [(lr, compute(steps, lr)) for lr in pictures]


def shares(steps: list[Step], measured: Pairs, found: Quantization, firsts=None) -> dict[int, float]:
    """For each group of `by_input`, or only those of `firsts`: the change when that group alone is in 8 bits."""
    together = by_input(steps)
    firsts = together if firsts is None else firsts
    return {first: change(steps, measured, found.only(together[first])) for first in firsts}


def change(steps: list[Step], measured: Pairs, found: Quantization) -> float:
    """The mean squared change of the result's luma, in gray levels."""
    return statistics.fmean(((_luma(compute(steps, lr, found)) - _luma(sr)) ** 2).mean() for lr, sr in measured)


def shift(steps: list[Step], flat: Pairs, found: Quantization) -> float:
    """The largest change of any value, in gray levels.

    Only the middle counts, because zero padding shows outside it."""
    changes = [(255 * (compute(steps, lr, found) - sr)).abs() for lr, sr in flat]
    return max(F.pad(change, [-(change.shape[-1] // 3)] * 4).max().item() for change in changes)


def _luma(sr: Tensor) -> np.ndarray:
    return luma(255 * sr[0].permute(1, 2, 0).numpy())


def on_steps(low: float, high: float) -> tuple[float, float]:
    """Widen low <= 0 <= high just enough that 0 is one of 256 evenly spaced values. No observed value is cut off."""
    if not low or not high:
        return (low, high) if low < high else (0.0, 1e-6)
    below = min(max(round(255 * -low / (high - low)), 1), 254)  # how many values are below 0
    step = max(-low / below, high / (255 - below))
    return -below * step, (255 - below) * step


@torch.inference_mode()
def compute(steps: list[Step], lr: Tensor, quantization: Quantization | None = None, watch=None) -> Tensor:
    """The result of the steps, computed in float32, with inputs and weights in 8 bits where the quantization says so.

    watch(number, step, input) is called for every convolution."""

    def prepare(number: int, step: Step, x: Tensor) -> tuple[Tensor, Tensor]:
        if watch:
            watch(number, step, x)
        if quantization is None or number not in quantization.ranges:
            return x, step.weight
        return quantization.input(number, x), quantization.weight(number, step.weight)

    return run(steps, lr, prepare)


def save(quantization: Quantization, folder: Path) -> None:
    """Write it into a checkpoint's folder."""
    tensors = {f"{number}.range": torch.tensor(limits, dtype=torch.float64) for number, limits in quantization.ranges.items()}
    tensors |= {f"{number}.weight": steps for number, steps in quantization.fits.items()}
    tensors |= {f"{number}.divisor": divisor for number, divisor in quantization.divisors.items()}
    encoded = as_bytes(tensors, {"weights": quantization.weights})
    with atomic_write(folder / FILE) as unfinished:
        unfinished.write_bytes(encoded)  # save_file would let only its owner read it


def find(source: str | Path, **hub) -> Quantization | None:
    """The quantization of a checkpoint (bundled name, folder or Hub id; hub as for SRGANGenerator), or None if there is none."""
    try:
        path = fetch(locate(str(source)), FILE, **{name: hub[name] for name in HUB if name in hub})
    except CheckpointError:
        return None
    return read(Path(path))


def read(path: Path) -> Quantization:
    """Read what `save` wrote. Raises CheckpointError for anything else."""
    try:
        with safe_open(path, "pt") as file:
            found = Quantization(file.metadata()["weights"], {}, {}, {})
            parts = {"range": found.ranges, "weight": found.fits, "divisor": found.divisors}
            for name in file.keys():  # noqa: SIM118 (it is no dict)
                number, kind = name.split(".")
                parts[kind][int(number)] = file.get_tensor(name)
        for number, limits in found.ranges.items():
            low, high = found.ranges[number] = tuple(limits.tolist())
            if not (math.isfinite(low) and low <= 0 <= high and low < high < math.inf):
                raise ValueError("a range must contain 0 and be finite")
        return found
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} cannot be used ({error}); recreate it with srgan-hub quantize, or delete it") from error


# 8-bit numbers: activations as 256 evenly spaced values, weights as 255 around 0 per output channel.


TOP = 127      # steps from 0 to a channel's largest weight
DAMPING = 0.01  # share of the inputs' mean square added to each: keeps weights in directions rare in calibration nearly unchanged


def rounded(x: Tensor, low: Tensor | float, high: Tensor | float, levels: int) -> Tensor:
    """Round each value to the nearest of `levels` values that are evenly spaced from low to high."""
    step = (high - low) / (levels - 1)
    return torch.clamp((x - low) / step, 0, levels - 1).round() * step + low


def tops(weight: Tensor) -> Tensor:
    """(O, I, K, K) -> the largest weight of each output channel, (O, 1, 1, 1)."""
    return weight.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)


def from_steps(steps: Tensor, weight: Tensor) -> Tensor:
    """Whole steps, (O, I, K, K) int8 -> the float32 weights that replace `weight`."""
    return (steps.double() / TOP * tops(weight).double()).float()


def sums_kept(weight: Tensor) -> Tensor:
    """(O, I, K, K) -> whole steps, int8.

    The sum of each K x K kernel is rounded too, not only its weights, so that a flat image stays as flat as it was."""
    exact = (weight / tops(weight) * TOP).double().flatten(2)              # (O, I, K * K)
    steps = exact.round()
    lacking = exact.sum(2, keepdim=True).round() - steps.sum(2, keepdim=True)
    order = ((exact - steps) * lacking.sign()).argsort(2, descending=True)  # those rounded most the other way come first
    steps = steps + lacking.sign() * (order.argsort(2) < lacking.abs())
    return steps.clamp(-TOP, TOP).to(torch.int8).view_as(weight)


def fitted(weight: Tensor, gram: Tensor) -> Tensor:
    """(O, I, K, K) -> the whole steps, int8, that on average change the convolution's output least.

    gram: mean of x x^T over its inputs x; each x is the I * K * K values under the kernel. Columns of weights are rounded one
    after another, and the remaining columns compensate for the error: Frantar et al. 2022, arXiv:2210.17323, equations 2 and
    3, with the Cholesky factor of the inverse."""
    left = weight.flatten(1).double()
    unit = tops(weight).double().flatten() / TOP
    gram = gram.double()
    gram = gram + DAMPING * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    factor = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(gram)), upper=True)
    steps = torch.empty_like(left)
    for column in range(left.shape[1]):
        steps[:, column] = (left[:, column] / unit).round().clamp(-TOP, TOP)
        error = (left[:, column] - steps[:, column] * unit) / factor[column, column]
        left[:, column:] -= error[:, None] * factor[column, column:]
    return steps.to(torch.int8).view_as(weight)
