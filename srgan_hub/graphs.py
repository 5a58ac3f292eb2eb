"""The generator as a graph for other programs: an openvino.Model, an onnx.ModelProto.

Input "lr", (N, 3, H, W) float32 RGB in [0, 1]; output "sr", (N, 3, scale H, scale W), not clamped; every size is dynamic.
For pictures as they lie in memory there is one more for OpenVINO, uint8 to uint8.

Both are built step by step, in a tenth of a second: nothing is traced or converted."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from functools import cache
from importlib.util import find_spec

import numpy as np
import torch

from srgan_hub.program import Step, trunk
from srgan_hub.quantization import Quantization
from srgan_hub.rounding import tops

OPSET = 18  # of ONNX: read by ONNX Runtime from 1.14 on
OPENING = threading.Lock()  # functools.cache lets two threads make two


class EngineError(ValueError):
    """An engine or a precision that this machine does not have; the message says what to do."""


def import_openvino():
    """The package, without the report that importing it sends to its makers where openvino-telemetry is installed."""
    reporter = sys.modules.get("openvino_telemetry")
    sys.modules["openvino_telemetry"] = None  # cannot be imported: OpenVINO then has a stub in its place
    try:
        import openvino
        import openvino.opset13
    finally:
        del sys.modules["openvino_telemetry"]
        if reporter:
            sys.modules["openvino_telemetry"] = reporter
    return openvino


def import_onnxruntime():
    """The package, without what it else sends to its makers from its first import on, and without what it keeps for that in
    ~/.cache/Microsoft. Who sets ORT_DISABLE_TELEMETRY=0 wants it."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def openvino_core():
    """The process's one Core, never dropped: dropped in another thread than its own, its plugin for CPUs frees the memory in
    which the own thread still wants its signals handled, and the next Ctrl-C ends the program in a segmentation fault."""
    with OPENING:
        return _core()


@cache
def _core():
    return import_openvino().Core()


def openvino_model(steps: list[Step], quantization: Quantization | None = None):
    """The program as an openvino.Model; convolutions in 8 bits where the quantization says so."""
    openvino = import_openvino()
    ops = openvino.opset13
    lr = ops.parameter([-1, 3, -1, -1], np.float32, name="lr")
    x = ops.clamp(ops.multiply(lr, ops.constant(np.float32(255))), 0.0, 255.0)
    model = openvino.Model([_openvino_value(ops, steps, x, quantization)], [lr], "srgan")
    model.output(0).set_names({"sr"})
    return model


def openvino_bytes_model(steps: list[Step], quantization: Quantization | None = None):
    """The same for pictures, (N, H, W, 3) uint8 RGB -> (N, scale H, scale W, 3), clamped and rounded before the last shuffle,
    which then moves bytes. Of the features before the enlargement only those from "start" on to before "stop" (row, column;
    int32) are enlarged: whoever throws the margin of a tile away need not compute all of it."""
    openvino = import_openvino()
    ops = openvino.opset13
    lr = ops.parameter([-1, -1, -1, 3], np.uint8, name="lr")
    window = [ops.parameter([2], np.int32, name=name) for name in ("start", "stop")]
    x = ops.convert(ops.transpose(lr, ops.constant([0, 3, 1, 2])), "f32")
    y = _openvino_value(ops, steps[:-1], x, quantization, window)
    y = ops.clamp(y, 0.0, 1.0)  # before the factor, or that goes into weights
    y = ops.convert(ops.round(ops.multiply(y, ops.constant(np.float32(255))), "half_to_even"), "u8")
    y = ops.transpose(ops.depth_to_space(y, "depth_first", 2), ops.constant([0, 2, 3, 1]))
    model = openvino.Model([y], [lr, *window], "srgan")
    model.output(0).set_names({"sr"})
    return model


def _openvino_value(ops, steps: list[Step], lr, quantization: Quantization | None, window: list | None = None):
    """The last value; lr in 0...255, which bf16 holds exactly where it came as bytes. Inputs in 8 bits are rounded where they
    are made, so that a pixel shuffle moves bytes."""
    ranges = quantization.ranges if quantization else {}
    if 0 in ranges:
        lr = ops.multiply(lr, ops.constant(np.float32(1 / 255)))
    else:
        lr, steps = ops.concat([lr, lr], 1), [in_two(steps[0]), *steps[1:]]

    def eighth(x, low, high, levels: int, divisor: float | np.ndarray = 1.0):
        limits = [ops.constant(np.asarray(limit, np.float32)) for limit in (low * divisor, high * divisor, low, high)]
        return ops.fake_quantize(x, *limits, levels)

    def divisor(number: int, cells: int = 1) -> np.ndarray:
        """(1, I * cells, 1, 1): before a shuffle, a channel has as many cells."""
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
                        if uses[step.inputs[0]] > 1:  # a sum, wanted as it is too. The maximum changes nothing, but OpenVINO
                            # rounds along with it; a rounding by itself it does in another layout, there and back
                            x[0] = ops.maximum(x[0], ops.constant(np.float32(ranges[number][0] * divisor(number).max())))
                        x[0] = eighth(x[0], *ranges[number], 256, divisor(number))
                else:
                    weight = ops.constant(step.weight.numpy())
                if step.inputs[0] == whole:  # rounded before, by what made it
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
    """The first convolution for LR in 0...255 that it is given twice: the second time it has what bf16 cuts off its weights.

    A rounded weight there shifts whole surfaces, and 1/255 spoils even those that are stored in bf16."""
    weight = first.weight / 255
    kept = weight.bfloat16().float()
    return first._replace(weight=torch.cat([kept, weight - kept], dim=1))


def onnx_model(steps: list[Step]):
    """The program as an onnx.ModelProto of opset 18. Raises EngineError without the package onnx."""
    if not find_spec("onnx"):
        raise EngineError("ONNX files are made by the package onnx: pip install 'srgan-hub[onnx]'")
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights = [], []
    name = ["lr", *(f"v{number}" for number in range(1, len(steps))), "sr"]
    for number, step in enumerate(steps, start=1):
        inputs = [name[value] for value in step.inputs]
        for kind in ("weight", "bias"):
            if (tensor := getattr(step, kind)) is not None:
                tensor = tensor.view(-1, 1, 1) if step.kind == "prelu" else tensor
                weights.append(numpy_helper.from_array(tensor.numpy(), f"{kind}{number}"))
                inputs.append(f"{kind}{number}")
        operator, attributes = {
            "conv": lambda step: ("Conv", {"pads": [step.weight.shape[-1] // 2] * 4}),
            "prelu": lambda step: ("PRelu", {}),
            "scale": lambda step: ("Mul", {}),
            "add": lambda step: ("Add", {}),
            "concat": lambda step: ("Concat", {"axis": 1}),
            "shuffle": lambda step: ("DepthToSpace", {"blocksize": 2, "mode": "CRD"}),
        }[step.kind](step)
        nodes.append(helper.make_node(operator, inputs, [name[number]], **attributes))
    shape = [["batch", 3, f"{kind}_height", f"{kind}_width"] for kind in ("lr", "sr")]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in zip(("lr", "sr"), shape, strict=True)]
    graph = helper.make_graph(nodes, "srgan", values[:1], values[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
