"""Engines that compute a generator: PyTorch or OpenVINO, as `engine(lr) -> sr` on tensors."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from abc import ABC, abstractmethod
from collections import Counter
from copy import deepcopy
from functools import cached_property, partial
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from srgan_hub.inference.quantization import Quantization, fingerprint, in_eight_bits, tops
from srgan_hub.models.srresnet.graph import Step, run, trunk

PRECISIONS = ("fp32", "bf16", "fp16", "mixed")  # mixed: int8, and bf16 where 8 bits would be visible
ENGINES = {"pytorch": ("PyTorch", "torch"), "openvino": ("OpenVINO", "openvino")}  # name in words, package


class Choice(NamedTuple):
    engine: str      # a key of ENGINES
    precision: str   # one of PRECISIONS
    device: str      # PyTorch's name: cpu, cuda, cuda:1, mps


def choose(
    engine: str = "auto", precision: str = "auto", device: str | torch.device | None = None, int8: bool = False
) -> Choice:
    """Replace "auto" and None by the fastest choice that suits the hardware.

    PyTorch computes on GPUs, OpenVINO on CPUs. The precision is mixed (for a generator that has ranges for 8 bits), else bf16,
    if the processor has instructions for it (docs/engines.md: each costs less than 0.02 dB); fp16 on other GPUs; else fp32.
    Raises EngineError for anything that is not available."""
    if engine not in ("auto", *ENGINES) or precision not in ("auto", *PRECISIONS):
        known = f"one of auto, {', '.join(ENGINES)}, and the precision one of auto, {', '.join(PRECISIONS)}"
        raise EngineError(f"the engine must be {known}, got {engine!r} and {precision!r}")
    device = str(device or default_device(engine))
    on_cpu = torch.device(device).type == "cpu"
    if engine == "auto":
        engine = "openvino" if on_cpu else "pytorch"
    if engine == "openvino" and not on_cpu:
        raise EngineError(f"openvino runs only on the CPU here, not on {device}; use the engine pytorch, or the device cpu")
    if precision == "auto":
        precision = "mixed" if int8 and engine == "openvino" and has_int8() else fast_precision(device)
    if precision == "fp16" and on_cpu:
        raise EngineError("fp16 is for GPUs; on a CPU use bf16 or fp32")
    if precision == "mixed" and not (engine == "openvino" and has_int8()):  # without VNNI the sums of products overflow
        raise EngineError("mixed needs OpenVINO and a processor with VNNI or AMX; use bf16 or fp32")
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
    generator: nn.Module, engine: str = "auto", precision: str = "auto", device: str | torch.device | None = None,
    int8: Quantization | None = None,
) -> Engine:  # fmt: skip
    """An engine with the generator's current weights, ready to compute; see `choose`.

    generator: SRGANGenerator, or any module with `scale` whose forward takes (N, 3, H, W) RGB in [0, 1] and enlarges it. If it
    has no `to_graph`, OpenVINO converts it; with engine "auto", PyTorch computes what OpenVINO cannot convert for every size.
    int8: ranges, used if they are for these weights. Raises EngineError."""
    graph = generator.to_graph() if hasattr(generator, "to_graph") else None
    fits = graph is not None and int8 is not None and int8.weights == fingerprint(generator)
    choice = choose(engine, precision, device, fits)
    if choice.engine == "openvino" and core_is_inherited():
        choice = Choice("pytorch", choice.precision if choice.precision in PyTorchEngine.TYPES else fast_precision("cpu"), "cpu")
    if choice.engine == "pytorch":
        return PyTorchEngine(graph or generator, choice)
    if choice.precision == "mixed":
        if not fits:
            raise EngineError(
                "no quantization ranges exist for these weights; create them with srgan-hub quantize, or use another precision"
            )
        return OpenVINOEngine(in_eight_bits(generator), choice, int8)
    if graph:
        return OpenVINOEngine(graph, choice)
    try:
        return ConvertedEngine(generator, choice)
    except EngineError:
        if engine != "auto":
            raise
        return PyTorchEngine(generator, choice._replace(engine="pytorch"))


SAFE = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.PReLU)


def is_convolutional(network: nn.Module) -> bool:
    """Whether all parameters are in modules that OpenVINO converts reliably. Compiling a transformer can crash the process."""
    return all(isinstance(module, SAFE) or not list(module.parameters(recurse=False)) for module in network.modules())


class Engine(ABC):
    """`engine(lr) -> sr`: (N, 3, H, W) float32 in [0, 1] on the CPU -> (N, 3, scale H, scale W) float32, not clamped.

    Images may have any size, and several threads may call it. `str(engine)` says in words what computes."""

    def __init__(self, choice: Choice):
        self.choice = choice

    @abstractmethod
    def __call__(self, lr: Tensor) -> Tensor: ...

    def __str__(self) -> str:
        engine, precision, device = self.choice
        name, package = ENGINES[engine]
        precision = {"mixed": f"int8 and {fast_precision('cpu')}"}.get(precision, precision)
        return f"{name} {version(package)} {precision}, {device}"


class PyTorchEngine(Engine):
    """A graph in channels_last, or any other module under autocast. CUDA and MPS have not been tested here."""

    TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}  # noqa: RUF012

    def __init__(self, source: list[Step] | nn.Module, choice: Choice):
        super().__init__(choice)
        self.dtype, self.settings = self.TYPES[choice.precision], dict(device=choice.device)
        if isinstance(source, nn.Module):
            self.run = deepcopy(source).eval().to(choice.device, memory_format=torch.channels_last)
        else:
            self.settings["dtype"] = self.dtype
            self.run = partial(run, [Step(step.kind, step.inputs, *map(self._placed, step[2:])) for step in source])

    def _placed(self, weight: Tensor | None) -> Tensor | None:
        if weight is None:
            return None
        return weight.to(**self.settings, memory_format=torch.channels_last if weight.ndim == 4 else torch.preserve_format)

    @torch.inference_mode()
    def __call__(self, lr: Tensor) -> Tensor:
        lr = lr.to(**self.settings, memory_format=torch.channels_last)
        of_module = lr.dtype != self.dtype  # the weights of a module stay in float32
        with torch.autocast(lr.device.type, self.dtype, enabled=of_module):
            return self.run(lr).float().cpu()


class OpenVINOEngine(Engine):
    """Nothing is cached on disk, because building and compiling the graph takes only a tenth of a second.

    quantization: which convolutions are in 8 bits; the others then use the precision in which the processor is fast."""

    reach = 3  # LR pixels beyond its own position, at most, that the enlargement looks at, whatever the scale

    def __init__(self, steps: list[Step], choice: Choice, quantization: Quantization | None = None):
        super().__init__(choice)
        self.steps, self.quantization = steps, quantization
        self.hints = openvino_hints(fast_precision("cpu") if quantization else choice.precision)

    @cached_property
    def floats(self):
        return openvino_core().compile_model(openvino_model(self.steps, self.quantization), "CPU", self.hints)

    @cached_property
    def bytes(self):
        return openvino_core().compile_model(openvino_bytes_model(self.steps, self.quantization), "CPU", self.hints)

    def __call__(self, lr: Tensor) -> Tensor:
        return torch.from_numpy(infer(self.floats, lr.numpy()))

    def picture(self, lr: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
        """(H, W, 3) uint8 -> those rows and columns enlarged, (scale h, scale w, 3) uint8, clamped and rounded.

        This takes a tenth less time overall. Beyond these rows and columns, only what they depend on is enlarged."""
        starts = [max(0, wanted.start - self.reach) for wanted in (rows, columns)]
        stops = [min(side, wanted.stop + self.reach) for side, wanted in zip(lr.shape, (rows, columns), strict=False)]
        sr = infer(self.bytes, lr[None], np.array(starts, np.int32), np.array(stops, np.int32))[0]
        scale = len(sr) // (stops[0] - starts[0])
        y, x = (
            slice(scale * (wanted.start - start), scale * (wanted.stop - start))
            for wanted, start in zip((rows, columns), starts, strict=True)
        )
        return sr[y, x]


class ConvertedEngine(Engine):
    """A module converted by OpenVINO. EngineError if that fails, or if the result does not hold for every size."""

    EXAMPLE, OTHER, TOLERANCE = (64, 64), (40, 27), 0.02  # LR sizes for converting and for checking; mean difference

    def __init__(self, network: nn.Module, choice: Choice):
        super().__init__(choice)
        if not is_convolutional(network):
            raise EngineError("OpenVINO computes convolutional networks only; use the engine pytorch for this one")
        lr = torch.rand(1, 3, *self.OTHER, generator=torch.Generator().manual_seed(0))
        try:
            model = converted(network, self.EXAMPLE)
            self.compiled = openvino_core().compile_model(model, "CPU", openvino_hints(choice.precision))
            found = self(lr)
        except Exception as error:  # OpenVINO, or the network while it is traced, can raise anything
            raise EngineError(f"OpenVINO cannot convert this network ({type(error).__name__}); use the engine pytorch") from error
        with torch.inference_mode():
            expected = network(lr)
        if found.shape != expected.shape or not (found - expected).abs().mean() < self.TOLERANCE:
            raise EngineError("OpenVINO can convert this network for only one image size; use the engine pytorch")

    def __call__(self, lr: Tensor) -> Tensor:
        return torch.from_numpy(infer(self.compiled, lr.numpy()))


def infer(compiled, *inputs: np.ndarray) -> np.ndarray:
    """The result of a compiled model."""
    request = compiled.create_infer_request()  # a new one: each request serves one thread only
    return request.infer([np.ascontiguousarray(given) for given in inputs], share_inputs=True)[0]


# The generator as an openvino.Model.
#
# Input "lr": (N, 3, H, W) float32 RGB in [0, 1]; output "sr": (N, 3, scale H, scale W), not clamped; all sizes are dynamic. For
# images in memory, there is a second model, uint8 to uint8. Both are built node by node in a tenth of a second, without tracing
# or conversion.


class EngineError(ValueError):
    """An engine or a precision that this machine does not have; the message says what to do."""


def import_openvino():
    """Import the package without the report that it sends to its makers on import if openvino-telemetry is installed."""
    sys.modules.setdefault("openvino_telemetry", None)  # makes its import fail; OpenVINO then uses a stub
    import openvino
    import openvino.opset13

    return openvino


def openvino_hints(precision: str) -> dict:
    """precision: fp32 or bf16."""
    return {
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        # Prepared convolutions, of all sizes. By default all sizes are kept: 640 MB for 160 sizes of srgan-x4-lite; 300 keep the
        # last few, with the same speed.
        "CPU_RUNTIME_CACHE_CAPACITY": 300,
    }


def converted(network: nn.Module, size: tuple[int, int]):
    """Any module as an openvino.Model for images (1, 3, H, W) of any size; it is traced with one of `size`."""
    network = deepcopy(network).eval().to(memory_format=torch.contiguous_format)
    with warnings.catch_warnings(action="ignore"):  # its tracing uses what PyTorch calls deprecated
        model = import_openvino().convert_model(network, example_input=torch.zeros(1, 3, *size))
    model.reshape({0: [1, 3, -1, -1]})
    return model


CORES = {}                  # by process; one at most
OPENING = threading.Lock()  # or two threads could make two


def openvino_core():
    """The process's only Core, which is never dropped.

    If it is dropped in a thread other than its own, its CPU plugin frees memory that its own thread still needs to handle
    signals, and the next Ctrl-C ends the program with a segmentation fault."""
    with OPENING:
        if not CORES:
            CORES[os.getpid()] = import_openvino().Core()
        return next(iter(CORES.values()))


def core_is_inherited() -> bool:
    """Whether the Core is that of the process that this one was forked from. Its threads do not exist here, and waiting for them
    never ends; a new Core does not help."""
    return bool(CORES) and os.getpid() not in CORES


# For the same reason, PyTorch computes with one thread in a forked process.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def openvino_model(steps: list[Step], quantization: Quantization | None = None):
    """The steps as an openvino.Model; convolutions are in 8 bits where the quantization says so."""
    openvino = import_openvino()
    ops = openvino.opset13
    lr = ops.parameter([-1, 3, -1, -1], np.float32, name="lr")
    x = ops.clamp(ops.multiply(lr, ops.constant(np.float32(255))), 0.0, 255.0)
    return openvino.Model([_openvino_value(ops, steps, x, quantization)], [lr], "srgan")


def openvino_bytes_model(steps: list[Step], quantization: Quantization | None = None):
    """The same for images, (N, H, W, 3) uint8 RGB -> (N, scale H, scale W, 3).

    Values are clamped and rounded before the last shuffle, which then moves bytes. Of the features before the enlargement,
    only those from "start" to before "stop" (row, column; int32) are enlarged, so a caller that discards the margin of a tile
    need not compute all of it."""
    openvino = import_openvino()
    ops = openvino.opset13
    lr = ops.parameter([-1, -1, -1, 3], np.uint8, name="lr")
    window = [ops.parameter([2], np.int32, name=name) for name in ("start", "stop")]
    x = ops.convert(ops.transpose(lr, ops.constant([0, 3, 1, 2])), "f32")
    y = _openvino_value(ops, steps[:-1], x, quantization, window)
    y = ops.clamp(y, 0.0, 1.0)  # before the factor, or OpenVINO folds that into weights
    y = ops.convert(ops.round(ops.multiply(y, ops.constant(np.float32(255))), "half_to_even"), "u8")
    y = ops.transpose(ops.depth_to_space(y, "depth_first", 2), ops.constant([0, 2, 3, 1]))
    return openvino.Model([y], [lr, *window], "srgan")


def _openvino_value(ops, steps: list[Step], lr, quantization: Quantization | None, window: list | None = None):
    """The value of the last step. lr is in 0...255, which bf16 holds exactly if it came as bytes.

    8-bit inputs are rounded where they are made, so that a pixel shuffle moves bytes."""
    ranges = quantization.ranges if quantization else {}
    if 0 in ranges:
        lr = ops.multiply(lr, ops.constant(np.float32(1 / 255)))
    else:
        lr, steps = ops.concat([lr, lr], 1), [in_two(steps[0]), *steps[1:]]

    def eighth(x, low, high, levels: int, divisor: float | np.ndarray = 1.0):
        limits = [ops.constant(np.asarray(limit, np.float32)) for limit in (low * divisor, high * divisor, low, high)]
        return ops.fake_quantize(x, *limits, levels)

    def divisor(number: int, cells: int = 1) -> np.ndarray:
        """(1, I * cells, 1, 1); before a shuffle, each channel consists of `cells` channels."""
        divisors = quantization.divisors.get(number, torch.ones(1))
        return divisors.repeat_interleave(cells if len(divisors) > 1 else 1).view(1, -1, 1, 1).numpy()

    uses = Counter(value for step in steps for value in step.inputs)
    whole = trunk(steps) if window else None
    values = [lr]
    for number, step in enumerate(steps):
        x = [values[value] for value in step.inputs]
        match step.kind:
            case "conv":
                pad = [step.weight.shape[-1] // 2] * 2
                if number in ranges:
                    top = tops(quantization.multiplied(number, step.weight)).numpy()
                    weight = eighth(ops.constant(quantization.weight(number, step.weight).numpy()), -top, top, 255)
                    if not number or steps[step.inputs[0] - 1].kind != "shuffle":
                        if uses[step.inputs[0]] > 1:  # a sum that is also used unrounded
                            # The maximum changes nothing, but OpenVINO fuses the rounding with it. It would do a separate
                            # rounding in another layout, and convert there and back.
                            x[0] = ops.maximum(x[0], ops.constant(np.float32(ranges[number][0] * divisor(number).max())))
                        x[0] = eighth(x[0], *ranges[number], 256, divisor(number))
                else:
                    weight = ops.constant(step.weight.numpy())
                if step.inputs[0] == whole:  # already rounded where it was made
                    x[0] = ops.slice(x[0], *window, ops.constant([1, 1]), ops.constant([2, 3]))
                y = ops.convolution(x[0], weight, [1, 1], pad, pad, [1, 1])
                y = ops.add(y, ops.constant(step.bias.view(1, -1, 1, 1).numpy()))
            case "prelu":
                y = ops.prelu(x[0], ops.constant(step.weight.numpy()))
            case "scale":
                y = ops.multiply(x[0], ops.constant(step.weight.numpy()))
            case "add":
                y = ops.add(*x)
            case "concat":
                y = ops.concat(x, 1)
            case "shuffle":
                if number + 1 in ranges:
                    x[0] = eighth(x[0], *ranges[number + 1], 256, divisor(number + 1, cells=4))
                y = ops.depth_to_space(x[0], "depth_first", 2)
        values.append(y)
    return values[-1]


def in_two(first: Step) -> Step:
    """The first convolution, for LR in 0...255 given twice: the second copy is weighted with what bf16 cuts off the weights.

    Rounding these weights shifts whole areas, and the factor 1/255 spoils even weights that are stored in bf16."""
    weight = first.weight / 255
    kept = weight.bfloat16().float()
    return first._replace(weight=torch.cat([kept, weight - kept], dim=1))
