"""What a run shows: a line of means every N updates, the same in log.jsonl and in the trackers."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.tracking import get_available_trackers
from PIL import Image
from torch import Tensor


class TrainingLog:
    """Sums the terms of every update on the device, where they are free, and reads them only when a line is due."""

    def __init__(self, accelerator: Accelerator, folder: Path, total: int, images: int):
        self.accelerator, self.file, self.total, self.images = accelerator, folder / "log.jsonl", total, images
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}
        self.updates, self.seconds, self.waited, self.last = 0, 0.0, 0.0, time.perf_counter()

    def leave_out_pause(self) -> None:
        """What passed since the last call (a validation, a checkpoint) is no training time."""
        self.last = time.perf_counter()

    def add(self, terms: Mapping[str, Tensor | None], waited: float) -> None:
        """The terms of one batch, each averaged over the times it came, and the seconds that was waited for the batch."""
        self.waited += waited
        for name, term in terms.items():
            if term is not None:
                self.sums[name] = self.sums.get(name, 0) + term.detach()
                self.counts[name] = self.counts.get(name, 0) + 1

    def updated(self) -> float:
        """One update is done; returns its seconds. After `means`, which waits for what the device still has to do."""
        now = time.perf_counter()
        seconds, self.last = now - self.last, now
        self.updates, self.seconds = self.updates + 1, self.seconds + seconds
        return seconds

    def means(self) -> dict[str, float]:
        """Mean terms since the last line, over all processes, each of which must ask; waits for the device."""
        means = torch.stack([total.float() / self.counts[name] for name, total in self.sums.items()])
        return dict(zip(self.sums, self.accelerator.reduce(means, reduction="mean").tolist(), strict=True))

    def line(self, step: int, means: Mapping[str, float], rate: float) -> None:
        """Show the stretch of updates that ends with `step`, and begin another. images: patches an update, on all processes."""
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
        """Numbers of update `step` into log.jsonl and the trackers."""
        self.accelerator.log(dict(values), step=step)
        if self.accelerator.is_main_process:
            with self.file.open("a") as file:
                file.write(json.dumps({"update": step, **values}) + "\n")

    def picture(self, step: int, name: str, image: Image.Image) -> None:
        """A picture into the trackers that take some."""
        for tracker in self.accelerator.trackers:
            if hasattr(tracker, "log_images"):
                layout = {"dataformats": "NHWC"} if tracker.name == "tensorboard" else {}
                tracker.log_images({name: np.asarray(image)[None]}, step=step, **layout)


def check_tracker(name: str) -> list[str] | None:
    """`log_with` of an Accelerator for --report_to; ValueError for a tracker that is not there: Accelerate would be silent."""
    if name in ("", "none"):
        return None
    available = [str(tracker) for tracker in get_available_trackers()]
    for wanted in name.split(","):
        if wanted not in available:
            raise ValueError(
                f"--report_to {wanted}: not installed here (pip install {wanted}); installed: {', '.join(available) or 'none'}; "
                "--report_to none goes without"
            )
    return name.split(",")
