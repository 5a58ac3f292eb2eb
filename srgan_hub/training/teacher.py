"""A trained network to distill from: one of this package, or a file of any architecture that spandrel loads."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from srgan_hub.data.distilled import Distilled
from srgan_hub.models.registry import load_network


class Teacher(nn.Module):
    """(N, 3, H, W) LR in [0, 1] -> (N, 3, scale H, scale W), clamped to [0, 1].

    name: a bundled name, folder, Hub id, or file (.safetensors, .pth) that spandrel can load. network: the module itself.
    Raises ValueError for what cannot be loaded, or enlarges by another scale."""

    def __init__(self, name: str, scale: int):
        super().__init__()
        network = load_network(name)
        if network.scale != scale:
            raise ValueError(f"--teacher {name} enlarges {network.scale} times, the generator {scale} times")
        self.network = network.requires_grad_(False).to(memory_format=torch.channels_last)
        self.eval()

    @torch.no_grad()
    def forward(self, lr: Tensor) -> Tensor:
        return self.network(lr).float().clamp(0, 1)

    def digest(self) -> str:
        """Hash of the weights; results are stored under it."""
        digest = hashlib.sha256()
        for name, tensor in sorted(getattr(self.network, "network", self.network).state_dict().items()):
            digest.update(f"{name} {tuple(tensor.shape)}".encode() + tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]


class Filling:
    """Fills `distilled` in a thread while the `with` block lasts. If an error stops the thread, `check` raises it."""

    def __init__(self, distilled: Distilled, fill: Callable[[Callable[[], bool]], None]):
        self.distilled, self.over, self.mistake = distilled, threading.Event(), None
        self.thread = threading.Thread(target=self._run, args=(fill,), daemon=True)

    def _run(self, fill: Callable) -> None:
        try:
            torch.set_num_threads(max(1, torch.get_num_threads() // 2))  # for this thread: the updates need the others
            fill(self.over.is_set)
        except Exception as error:
            self.mistake = error

    def __enter__(self) -> Filling:
        if len(self.distilled) < self.distilled.count:
            self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        if self.thread.ident:
            self.thread.join()

    def check(self) -> None:
        if self.mistake:
            raise ValueError(f"the teacher's results cannot be computed: {self.mistake}") from self.mistake

    def wait(self, wanted: int, report: Callable[[str], None], stopped: Callable[[], bool] = lambda: False) -> None:
        """Wait until `wanted` patches are available. Raises ValueError if the run is stopped before that."""
        told = time.monotonic()
        while (there := len(self.distilled)) < wanted:
            self.check()
            if stopped():
                raise ValueError(f"stopped before the first update; the {there} patches that the teacher has made are kept")
            if time.monotonic() - told > 30:
                report(f"the teacher has made {there} of the first {wanted} patches")
                told = time.monotonic()
            time.sleep(0.2)
