"""What computes the generator: PyTorch, OpenVINO or ONNX Runtime behind one call, `engine(lr) -> sr` on tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property, partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srgan_hub.generator import SRGANGenerator
from srgan_hub.graphs import (
    EngineError,
    import_onnxruntime,
    onnx_model,
    openvino_bytes_model,
    openvino_core,
    openvino_model,
)
from srgan_hub.program import Step, program, reach, run, trunk
from srgan_hub.quantization import Quantization, in_eight_bits

PRECISIONS = ("fp32", "bf16", "fp16", "mixed", "int8")
EIGHT_BITS = ("mixed", "int8")  # with bf16 where 8 bits show: more of it, less of it
PACKAGES = {"pytorch": "torch", "openvino": "openvino", "onnxruntime": "onnxruntime"}
TO_INSTALL = {"openvino": "openvino", "onnxruntime": "onnx onnxruntime"}  # its graph is an ONNX model


class Choice(NamedTuple):
    engine: str      # a key of PACKAGES
    precision: str   # one of PRECISIONS
    device: str      # as PyTorch names it: cpu, cuda, cuda:1, mps


def choose(
    engine: str = "auto", precision: str = "auto", device: str | torch.device | None = None, int8: bool = False
) -> Choice:
    """The fastest that is installed and right for the hardware, where something is "auto" or None.

    A GPU is computed on by PyTorch; a CPU by OpenVINO where it is installed, else by PyTorch. mixed (for a generator that has
    ranges for 8 bits), then bf16, is taken where the processor has instructions for it (docs/engines.md: each costs less than
    0.02 dB), fp16 on other GPUs, else fp32; int8 is faster than mixed and costs up to 0.05 dB. Raises EngineError for what
    cannot be had."""
    if engine not in ("auto", *PACKAGES) or precision not in ("auto", *PRECISIONS):
        known = f"one of auto, {', '.join(PACKAGES)}, and the precision one of auto, {', '.join(PRECISIONS)}"
        raise EngineError(f"the engine must be {known}, got {engine!r} and {precision!r}")
    if engine != "auto" and not find_spec(PACKAGES[engine]):
        raise EngineError(f"{PACKAGES[engine]} is not installed: pip install {TO_INSTALL[engine]}, or use another engine")
    device = str(device or default_device(engine))
    on_cpu = torch.device(device).type == "cpu"
    if engine == "auto":
        engine = "openvino" if on_cpu and find_spec("openvino") else "pytorch"
    if engine != "pytorch" and not on_cpu:
        raise EngineError(f"{engine} computes on the CPU here, not on {device}; use the engine pytorch, or the device cpu")
    if precision == "auto":
        fast = "mixed" if int8 and engine == "openvino" and has_int8() else fast_precision(device)
        precision = "fp32" if engine == "onnxruntime" else fast
    if precision == "fp16" and on_cpu:
        raise EngineError("fp16 is for GPUs; on a CPU use bf16 or fp32")
    if precision in EIGHT_BITS:
        if engine != "openvino":
            raise EngineError(f"{precision} is computed by OpenVINO, on CPUs; use the engine openvino, or another precision")
        if not has_int8():  # without VNNI the sums of products overflow
            raise EngineError(f"this processor has no instructions for {precision} (VNNI or AMX); use bf16 or fp32")
    if precision != "fp32" and engine == "onnxruntime":
        raise EngineError("ONNX Runtime computes in fp32 here; for bf16 use the engine openvino or pytorch")
    return Choice(engine, precision, device)


def default_device(engine: str) -> str:
    if engine in ("auto", "pytorch"):
        if torch.cuda.is_available():
            return "cuda"
        if torch.backends.mps.is_available():
            return "mps"
    return "cpu"


def fast_precision(device: str) -> str:
    match torch.device(device).type:
        case "cuda":
            return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
        case "mps":
            return "fp16"
        case _:
            return "bf16" if cpu_has("avx512_bf16", "amx_bf16") else "fp32"


def has_int8() -> bool:
    return cpu_has("avx512_vnni", "avx_vnni", "amx_int8")


def cpu_has(*any_of: str) -> bool:
    found = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(found.get(name) for name in any_of)


def open_engine(
    generator: SRGANGenerator,
    engine: str = "auto",
    precision: str = "auto",
    device: str | torch.device | None = None,
    int8: Quantization | None = None,
    compile: bool = False,
) -> Engine:
    """The generator's weights as they are now, ready to compute; see `choose`. int8: ranges, if they are for these weights;
    compile: PyTorch's engine by torch.compile."""
    steps = program(generator)
    fits = int8 is not None and int8.belongs_to(generator)
    choice = choose(engine, precision, device, fits)
    if choice.engine == "pytorch":
        return PyTorchEngine(steps, choice, compile)
    if compile:
        raise EngineError(f"torch.compile is for the engine pytorch, not {choice.engine}; name that engine, or do not compile")
    if choice.engine == "onnxruntime":
        return ONNXRuntimeEngine(steps, choice)
    if choice.precision not in EIGHT_BITS:
        return OpenVINOEngine(steps, choice, None)
    if not fits:
        raise EngineError(
            f"there are no ranges for {choice.precision}{' with these weights' if int8 else ''}; make them with srgan-hub "
            "quantize, or use another precision"
        )
    return OpenVINOEngine(in_eight_bits(generator), choice, int8 if choice.precision == "int8" else int8.mixed())


class Engine(ABC):
    """`engine(lr) -> sr`: (N, 3, H, W) float32 in [0, 1] on the CPU -> (N, 3, scale H, scale W) float32, not clamped.

    Any size; may be called by several threads. `str(engine)` says what computes in words."""

    def __init__(self, choice: Choice):
        self.choice = choice

    @abstractmethod
    def __call__(self, lr: Tensor) -> Tensor: ...

    def __str__(self) -> str:
        name, precision, device = self.choice
        precision = {"mixed": f"int8 and {fast_precision('cpu')}"}.get(precision, precision)
        names = {"pytorch": "PyTorch", "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime"}
        return f"{names[name]} {version(PACKAGES[name])} {precision}, {device}"


class PyTorchEngine(Engine):
    """channels_last, BatchNorm folded. CUDA and MPS: not tested here.

    compile: by torch.compile, which takes a minute or more before the first result; EngineError where it cannot."""

    TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}  # noqa: RUF012

    def __init__(self, steps: list[Step], choice: Choice, compile: bool = False):
        super().__init__(choice)
        self.compiled = compile
        self.settings = dict(device=choice.device, dtype=self.TYPES[choice.precision])
        self.run = partial(run, [Step(step.kind, step.inputs, *map(self._placed, step[2:])) for step in steps])
        if compile:
            self.run = torch.compile(self.run, dynamic=True)

    def _placed(self, weight: Tensor | None) -> Tensor | None:
        if weight is None:
            return None
        return weight.to(**self.settings, memory_format=torch.channels_last if weight.ndim == 4 else torch.preserve_format)

    @torch.inference_mode()
    def __call__(self, lr: Tensor) -> Tensor:
        lr = lr.to(**self.settings, memory_format=torch.channels_last)
        try:
            return self.run(lr).float().cpu()
        except RuntimeError as error:
            if not self.compiled or not isinstance(error, torch._dynamo.exc.TorchDynamoException):
                raise
            reason = " ".join(str(error).partition("\n\n")[0].split())  # the traces come behind it
            raise EngineError(f"torch.compile failed ({reason}); install a C++ compiler, or do not compile") from error

    def __str__(self) -> str:
        return super().__str__() + ", compiled" * self.compiled


class OpenVINOEngine(Engine):
    """Nothing is cached on disk: to build and to compile its graph takes a tenth of a second.

    quantization: which convolutions are in 8 bits; the others are then computed in what the processor is fast in."""

    def __init__(self, steps: list[Step], choice: Choice, quantization: Quantization | None):
        super().__init__(choice)
        self.steps, self.quantization, self.reach = steps, quantization, reach(steps, trunk(steps))
        other = fast_precision("cpu") if quantization else choice.precision
        self.hints = {
            "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[other],
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }

    @cached_property
    def floats(self):
        return openvino_core().compile_model(openvino_model(self.steps, self.quantization), "CPU", self.hints)

    @cached_property
    def bytes(self):
        return openvino_core().compile_model(openvino_bytes_model(self.steps, self.quantization), "CPU", self.hints)

    def __call__(self, lr: Tensor) -> Tensor:
        return torch.from_numpy(self._infer(self.floats, lr.numpy()))

    def picture(self, lr: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
        """(H, W, 3) uint8 -> those rows and columns enlarged, (scale h, scale w, 3) uint8, clamped and rounded: a tenth less
        time for the whole. Beyond them no more is enlarged than they depend on."""
        starts = [max(0, wanted.start - self.reach) for wanted in (rows, columns)]
        stops = [min(side, wanted.stop + self.reach) for side, wanted in zip(lr.shape, (rows, columns), strict=False)]
        sr = self._infer(self.bytes, lr[None], np.array(starts, np.int32), np.array(stops, np.int32))[0]
        scale = len(sr) // (stops[0] - starts[0])
        y, x = (
            slice(scale * (wanted.start - start), scale * (wanted.stop - start))
            for wanted, start in zip((rows, columns), starts, strict=True)
        )
        return sr[y, x]

    def _infer(self, compiled, *inputs: np.ndarray) -> np.ndarray:
        request = compiled.create_infer_request()  # of its own: one request serves one thread
        return request.infer([np.ascontiguousarray(given) for given in inputs], share_inputs=True)[0]


class ONNXRuntimeEngine(Engine):
    def __init__(self, steps: list[Step], choice: Choice):
        super().__init__(choice)
        onnxruntime = import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        model = onnx_model(steps).SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def __call__(self, lr: Tensor) -> Tensor:
        return torch.from_numpy(self.session.run(None, {"lr": lr.contiguous().numpy()})[0])
