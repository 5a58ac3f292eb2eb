"""What makes an engine's graph fast, and what does not: the figures of docs/engines.md beside its tables.

    python -m benchmarks.graph_choices

OpenVINO, srresnet-x4, medians: the last convolution after or before the last shuffle; sizes; a graph of exactly that size; four
tiles in a batch; building and compiling the graph."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from srgan_hub import SRGANGenerator
from srgan_hub.inference.backends import openvino_core, openvino_model
from srgan_hub.models.srresnet.graph import Step, inference_graph
from srgan_hub.training.launch import cores

SIZES, ROUNDS = (64, 128, 192, 256, 336), 7


def as_written(generator: SRGANGenerator) -> list[Step]:
    """The program with the last 9x9 convolution after the shuffle, as the paper draws it."""
    steps = inference_graph(generator)[:-2]
    tail = generator.tail
    return [*steps, Step("shuffle", (len(steps),)), Step("conv", (len(steps) + 1,), tail.weight.detach(), tail.bias.detach())]


def milliseconds(call: Callable) -> float:
    call()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def compiled(steps: list[Step], precision: str, shape: list[int] | None = None) -> Callable:
    hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": cores()}
    model = openvino_model(steps)
    if shape:
        model.reshape(shape)
    request = openvino_core().compile_model(model, "CPU", hints).create_infer_request()
    return lambda lr: request.infer([lr], share_inputs=True)


def main() -> None:
    generator = SRGANGenerator.from_pretrained("srresnet-x4")
    steps, picture = inference_graph(generator), torch.rand(1, 3, 256, 256).numpy()
    print("| 256x256 | as written, ms | before the shuffle, ms |\n| --- | --- | --- |")
    for name, precision in (("fp32", "f32"), ("bf16", "bf16")):
        both = [compiled(form, precision) for form in (as_written(generator), steps)]
        print(f"| {name} | " + " | ".join(f"{milliseconds(lambda run=run: run(picture)):.0f}" for run in both) + " |")
    run = compiled(steps, "bf16")
    print("\n| bf16 | ms | microseconds a pixel | graph of this size, ms |\n| --- | --- | --- | --- |")
    for size in SIZES:
        lr, fixed = torch.rand(1, 3, size, size).numpy(), compiled(steps, "bf16", [1, 3, size, size])
        took = milliseconds(lambda lr=lr: run(lr))
        print(f"| {size}x{size} | {took:.0f} | {1000 * took / size**2:.2f} | {milliseconds(lambda lr=lr, f=fixed: f(lr)):.0f} |")
    four = torch.rand(4, 3, 128, 128).numpy()
    print(f"| 4 of 128x128 in a batch | {milliseconds(lambda: run(four)):.0f} | | |")
    print(f"\nBuilding and compiling: {milliseconds(lambda: compiled(inference_graph(generator), 'bf16')):.0f} ms.")


if __name__ == "__main__":
    main()
