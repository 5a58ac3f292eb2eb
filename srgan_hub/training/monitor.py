"""What a run reports: a line of means every N updates, also in log.jsonl and in the trackers."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.tracking import get_available_trackers
from PIL import Image
from torch import Tensor

from srgan_hub.evaluation.benchmark import bicubic, mean, measure
from srgan_hub.evaluation.metrics import VALIDATION, metrics_for


class TrainingLog:
    """Sums the terms of every update on the device, where that is free, and reads them only when a line is due. images: patches
    per update, over all processes."""

    def __init__(self, accelerator: Accelerator, folder: Path, total: int, images: int):
        self.accelerator, self.file, self.total, self.images = accelerator, folder / "log.jsonl", total, images
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}
        self.updates, self.seconds, self.waited, self.last = 0, 0.0, 0.0, time.perf_counter()

    def leave_out_pause(self) -> None:
        """Exclude the time since the last call (a validation, a checkpoint) from the training time."""
        self.last = time.perf_counter()

    def add(self, terms: Mapping[str, Tensor | None], waited: float) -> None:
        """Add the terms of one batch and the seconds spent waiting for it. Each term is averaged over the batches that had it."""
        self.waited += waited
        for name, term in terms.items():
            if term is not None:
                self.sums[name] = self.sums.get(name, 0) + term.detach()
                self.counts[name] = self.counts.get(name, 0) + 1

    def updated(self) -> float:
        """Count an update; returns its seconds. Call it after `means`, which waits for the device to finish."""
        now = time.perf_counter()
        seconds, self.last = now - self.last, now
        self.updates, self.seconds = self.updates + 1, self.seconds + seconds
        return seconds

    def means(self) -> dict[str, float]:
        """Means of the terms since the last line, over all processes, each of which must call this. Waits for the device."""
        means = torch.stack([total.float() / self.counts[name] for name, total in self.sums.items()])
        return dict(zip(self.sums, self.accelerator.reduce(means, reduction="mean").tolist(), strict=True))

    def line(self, step: int, means: Mapping[str, float], rate: float) -> None:
        """Print a line about the stretch of updates that ends with `step`, and start another stretch."""
        speed = self.updates / max(self.seconds, 1e-9)
        left = int((self.total - step) / speed)
        clock = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
        terms = "  ".join(f"{name} {value:.5f}" for name, value in means.items())
        waiting = self.waited / max(self.seconds, 1e-9)
        self.accelerator.print(
            f"update {step}/{self.total}  {terms}  lr {rate:.2e}  {speed:.2f} updates/s  {speed * self.images:.0f} images/s  "
            f"waiting for data {waiting:.1%}  {clock} left",
            flush=True,
        )
        self.record(step, {**means, "lr": rate, "images/s": speed * self.images, "waiting": waiting})
        self.sums, self.counts, self.updates, self.seconds, self.waited = {}, {}, 0, 0.0, 0.0

    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Write the numbers of update `step` to log.jsonl and the trackers."""
        self.accelerator.log(dict(values), step=step)
        if self.accelerator.is_main_process:
            with self.file.open("a") as file:
                file.write(json.dumps({"update": step, **values}) + "\n")

    def picture(self, step: int, name: str, image: Image.Image) -> None:
        """Send an image to the trackers that accept images."""
        for tracker in self.accelerator.trackers:
            if hasattr(tracker, "log_images"):
                layout = {"dataformats": "NHWC"} if tracker.name == "tensorboard" else {}
                tracker.log_images({name: np.asarray(image)[None]}, step=step, **layout)


def check_tracker(name: str) -> list[str] | None:
    """`log_with` of an Accelerator for --report_to. Raises ValueError for a missing tracker: Accelerate would be silent."""
    if name in ("", "none"):
        return None
    available = [str(tracker) for tracker in get_available_trackers()]
    for wanted in name.split(","):
        if wanted not in available:
            raise ValueError(
                f"--report_to {wanted}: not installed here (pip install {wanted}); installed: {', '.join(available) or 'none'}; "
                "use --report_to none for no tracker"
            )
    return name.split(",")


# Health: means of the loss terms -> warnings, or a stop before damaged weights are saved.


WON_UPDATES = 500               # consecutive updates after which a discriminator has won for good
WON_HR, WON_SR = 0.98, 0.02     # mean probabilities beyond which it tells every image apart; healthy: .5 to .9 and .1 to .5


class Diverged(ValueError):
    """A loss term or a weight is no longer finite."""


class Health:
    """Watches the mean terms of successive stretches of updates."""

    def __init__(self):
        self.won = 0  # updates

    def warnings(self, means: Mapping[str, float], updates: int) -> list[str]:
        """Warnings for whoever watches the run, after a stretch of `updates` with these mean terms."""
        if "D(sr)" not in means:
            return []
        wins = means["D(hr)"] > WON_HR and means["D(sr)"] < WON_SR
        before, self.won = self.won, self.won + updates if wins else 0
        if not before < WON_UPDATES <= self.won:
            return []
        return [
            f"the discriminator has told results from photos without a mistake for {self.won} updates (D(hr) "
            f"{means['D(hr)']:.2f}, D(sr) {means['D(sr)']:.2f}; healthy: .5 to .9 and .1 to .5): the adversarial loss now "
            "teaches little; try --gan relativistic, a smaller --lr, or a larger --pixel_weight"
        ]


def refuse_infinite(terms: Mapping[str, float], step: int, kept: str, agree: Callable[[bool], bool] = bool) -> None:
    """Raise Diverged, naming the terms, unless all are finite. kept: what the run can go back to. agree: whether the flag is
    set in any process, since all of them must stop."""
    bad = [f"{name} {value}" for name, value in terms.items() if not math.isfinite(value)]
    if agree(bool(bad)):
        raise Diverged(
            f"update {step}: {', '.join(bad) or 'not finite in another process'}; stopped without saving it; {kept}. "
            "Try a smaller --lr, --max_grad_norm 1, or --mixed_precision no"
        )


# Validation on images that are not trained on: measures, and a sample sheet.


ROWS, SIDE, GAP = 4, 128, 4  # images in a grid, HR pixels per side of each square, white pixels between

Pair = tuple[str, Image.Image, np.ndarray]


class Validation:
    """Held-out (name, LR, HR) pairs. Called with an image -> image function, it returns the mean of every metric for which the
    images are large enough. device: where networks of metrics compute."""

    def __init__(self, pairs: Sequence[Pair], scale: int, device: str | torch.device = "cpu"):
        self.pairs, self.scale, self.device = list(pairs), scale, device

    def __len__(self) -> int:
        return len(self.pairs)

    def __call__(self, upscale: Callable[[Image.Image], Image.Image]) -> dict[str, float]:
        metrics = metrics_for(VALIDATION)
        rows = measure(upscale, self.pairs, self.scale, metrics, self.device)
        means = {metric.key: mean(rows, metric.key) for metric in metrics}
        return {name: value for name, value in means.items() if not np.isnan(value)}

    def grid(self, upscale: Callable[[Image.Image], Image.Image]) -> Image.Image:
        """LR | bicubic | SR | HR of the first few images, each cropped to its central square."""
        shown = self.pairs[:ROWS]
        sheet = Image.new("RGB", (4 * (SIDE + GAP) - GAP, len(shown) * (SIDE + GAP) - GAP), "white")
        for row, (_, lr, hr) in enumerate(shown):
            size = (hr.shape[1], hr.shape[0])
            images = (lr.resize(size, Image.Resampling.NEAREST), bicubic(self.scale)(lr), upscale(lr), Image.fromarray(hr))
            x, y = (max(0, side - SIDE) // 2 for side in size)
            for column, image in enumerate(images):
                sheet.paste(image.crop((x, y, min(x + SIDE, size[0]), min(y + SIDE, size[1]))).convert("RGB"),
                            (column * (SIDE + GAP), row * (SIDE + GAP)))  # fmt: skip
        return sheet
