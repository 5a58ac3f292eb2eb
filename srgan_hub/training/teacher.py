"""A trained network to distill from: one of this package, or a file of any architecture that spandrel loads."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from srgan_hub.data.distilled import Distilled
from srgan_hub.inference.backends import converted, fast_precision, is_convolutional, openvino_core, openvino_hints
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

    def engine(self, side: int | None, device: torch.device, threads: int) -> Callable[[Tensor], Tensor]:
        """The fastest way to compute one (1, 3, side, side) at a time, or any size if side is None: OpenVINO on a CPU if
        installed, otherwise PyTorch, in the precision that is fast on the hardware. The result is on the CPU, not clamped."""
        precision = fast_precision(str(device))
        if device.type == "cpu" and find_spec("openvino") and is_convolutional(self.network):
            return _openvino(self.network, side, precision, threads)
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        network = self.network.to(device)

        @torch.no_grad()
        def compute(lr: Tensor) -> Tensor:
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                return network(lr.to(device, memory_format=torch.channels_last)).float().cpu()

        return compute


def _openvino(network: nn.Module, side: int | None, precision: str, threads: int) -> Callable[[Tensor], Tensor]:
    model = converted(network, (side or 64, side or 64), dynamic=side is None)
    request = openvino_core().compile_model(model, "CPU", openvino_hints(precision, threads)).create_infer_request()

    def compute(lr: Tensor) -> Tensor:
        return torch.from_numpy(request.infer([lr.contiguous().numpy()])[0].copy())

    return compute


class Filling:
    """Fills `distilled` in a thread while the `with` block lasts. If an error stops the thread, `check` raises it."""

    def __init__(self, distilled: Distilled, fill: Callable[[Callable[[], bool]], None]):
        self.distilled, self.over, self.mistake = distilled, threading.Event(), None
        self.thread = threading.Thread(target=self._run, args=(fill,), daemon=True)

    def _run(self, fill: Callable) -> None:
        try:
            torch.set_num_threads(1)  # for this thread's own operations: the updates have the others
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
