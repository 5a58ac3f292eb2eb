"""Speed on this machine: our engines beside what people run today, the same pictures, threads and run.

    python -m benchmarks.inference_speed [SIZE ...]

prints the tables of docs/engines.md and draws docs/speed.png. The base line is the generator as every other project runs it:
eager PyTorch, float32, as it is. Real-ESRGAN's two networks (package spandrel, random weights) run in the same way. Every way
is a process of its own, which waits while another is measured; they take turns, and medians are compared, since machines are
noisy. GFLOP are those of the network as it is written, also where an engine computes it with fewer or more."""

from __future__ import annotations

import multiprocessing
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch.utils.flop_counter import FlopCounterMode

from srgan_hub import SRGANGenerator, Upscaler
from srgan_hub.engine import open_engine
from srgan_hub.quantization import find
from srgan_hub.training.launch import cores

MODEL, LITE = "srresnet-x4", "srresnet-x4-lite"
SIZES, WHOLE = (64, 128, 256, 512), 256   # pixels a side of the LR pictures
ROUNDS = 5
PLOT, OURS, THEIRS = Path(__file__).parent.parent / "docs" / "speed.png", "#2f6db5", "#9a9a9a"
BASE = "PyTorch eager float32 (others)"
ENGINES = {
    "PyTorch fp32": ("pytorch", "fp32"), "PyTorch bf16": ("pytorch", "bf16"), "ONNX Runtime fp32": ("onnxruntime", "fp32"),
    "OpenVINO fp32": ("openvino", "fp32"), "OpenVINO bf16": ("openvino", "bf16"), "OpenVINO mixed": ("openvino", "mixed"),
    "OpenVINO int8": ("openvino", "int8"),
    **{f"{LITE}, OpenVINO {precision}": ("openvino", precision) for precision in ("bf16", "mixed", "int8")},
}  # fmt: skip
OTHERS = {
    "Real-ESRGAN x4plus (RRDBNet)": lambda: spandrel("ESRGAN", "RRDB").RRDBNet(),
    "Real-ESRGAN general (SRVGGNetCompact)": lambda: spandrel("Compact", "SRVGG").SRVGGNetCompact(num_conv=32),
}
WAYS = (BASE, *ENGINES, *OTHERS)


def spandrel(package: str, module: str):
    return import_module(f"spandrel.architectures.{package}.__arch.{module}")


def picture(side: int) -> np.ndarray:
    """(side, side, 3) uint8: shapes and grain."""
    rng = np.random.default_rng(side)
    coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    return (np.asarray(coarse) + rng.normal(0, 4, (side, side, 3))).clip(0, 255).astype(np.uint8)


def as_tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.transpose(2, 0, 1)[None] / 255).float()


def model_of(way: str) -> str:
    return LITE if way.startswith(LITE) else MODEL


def network_of(way: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return (OTHERS[way]() if way in OTHERS else SRGANGenerator.from_pretrained(model_of(way))).eval()


def network_call(way: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """(1, 3, H, W) -> (1, 3, 4 H, 4 W), the network alone."""
    if way in ENGINES:
        return open_engine(network_of(way), *ENGINES[way], device="cpu", int8=find(model_of(way)))
    return torch.inference_mode()(network_of(way))


def whole_call(way: str) -> Callable[[Image.Image], Image.Image]:
    """Picture -> picture."""
    if way in ENGINES:
        engine, precision = ENGINES[way]
        return Upscaler(network_of(way), engine=engine, precision=precision, device="cpu", int8=find(model_of(way)))
    network = network_call(way)

    def naive(image: Image.Image) -> Image.Image:
        sr = network(as_tensor(np.asarray(image)))[0]
        return Image.fromarray((255 * sr.clamp(0, 1)).round().byte().permute(1, 2, 0).numpy())

    return naive


def worker(way: str, pipe) -> None:
    torch.set_num_threads(cores())
    network, whole = network_call(way), whole_call(way)
    pipe.send("ready")
    while (task := pipe.recv()) is not None:
        kind, size = task
        image = picture(size)
        argument = as_tensor(image) if kind == "network" else Image.fromarray(image)
        start = time.perf_counter()
        result = (network if kind == "network" else whole)(argument)
        seconds = time.perf_counter() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MB, the most so far: sizes come in order
        pipe.send((seconds, memory, result.numpy() if kind == "network" and size <= WHOLE else None))


def gigaflop(way: str, size: int) -> float:
    network = network_of(way).to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(1, 3, size, size, device="meta"))
    return counter.get_total_flops() / 1e9


def peak() -> float:
    """GFLOP/s of a bf16 matrix product."""
    a = torch.randn(2048, 2048).bfloat16()
    times = []
    for _ in range(20):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * 2048**3 / min(times) / 1e9


def bars(rows: dict[str, float], title: str) -> Image.Image:
    """Horizontal bars with their numbers."""
    font, line, left, right = ImageFont.load_default(18), 34, 380, 880
    page = Image.new("RGB", (right + 80, line * (len(rows) + 1) + 20), "white")
    draw = ImageDraw.Draw(page)
    draw.text((16, 12), title, "black", font)
    for number, (name, value) in enumerate(rows.items(), start=1):
        top, end = 10 + line * number, left + (right - left) * value / max(rows.values())
        draw.text((left - 12, top + 14), name, "black", font, anchor="rm")
        draw.rectangle((left, top, end, top + line - 8), OURS if name in ENGINES else THEIRS)
        draw.text((end + 8, top + 14), f"{value:.2f}", "black", font, anchor="lm")
    return page


def main(*sizes: str) -> None:
    sizes = tuple(map(int, sizes)) or SIZES
    torch.set_num_threads(cores())
    spawn = multiprocessing.get_context("spawn")
    pipes, processes = {}, []
    for way in WAYS:
        pipes[way], end = spawn.Pipe()
        processes.append(spawn.Process(target=worker, args=(way, end)))
        processes[-1].start()
        pipes[way].recv()
    tasks = [("network", size) for size in sizes] + [("whole", WHOLE)]
    seconds, memory, results = {}, {}, {}
    for task in tasks:
        for number in range(ROUNDS + 1):
            for way in WAYS:
                pipes[way].send(task)
                took, megabytes, result = pipes[way].recv()
                memory[way, *task] = megabytes
                if number:  # the first finds caches cold and shapes new
                    seconds.setdefault((way, *task), []).append(took)
                results[way, *task] = result
    for way, process in zip(WAYS, processes, strict=True):
        pipes[way].send(None)
        process.join()
    medians = {key: statistics.median(times) for key, times in seconds.items()}
    ceiling = peak()
    print(
        f"{platform.machine()}, {cores()} threads, torch {torch.__version__}; a bf16 matrix product of 2048 reaches "
        f"{ceiling:.0f} GFLOP/s; {MODEL}; medians of {ROUNDS}.\n"
    )
    for size in sizes:
        print(f"### {size}x{size} -> {4 * size}x{4 * size}, the network alone\n")
        print("| | ms | times as fast | GFLOP/s | of the peak | most memory, MB | largest difference |\n|" + " --- |" * 7)
        for way in WAYS:
            took, rate = medians[way, "network", size], gigaflop(way, size) / medians[way, "network", size]
            ours, base = results[way, "network", size], results[BASE, "network", size]
            same = "-" if way in OTHERS or way.startswith(LITE) or ours is None else f"{abs(ours - base).max():.1g}"
            ratio = medians[BASE, "network", size] / took
            cells = [f"{1000 * took:.0f}", f"{ratio:.2f}", f"{rate:.0f}", f"{rate / ceiling:.0%}"]
            print("| " + " | ".join([way, *cells, f"{memory[way, 'network', size]:.0f}", same]) + " |")
        print()
    print(f"### {WHOLE}x{WHOLE}, from picture to picture\n\n| | ms | times as fast |\n| --- | --- | --- |")
    for way in WAYS:
        took = medians[way, "whole", WHOLE]
        print(f"| {way} | {1000 * took:.0f} | {medians[BASE, 'whole', WHOLE] / took:.2f} |")
    times = {way: medians[BASE, "whole", WHOLE] / medians[way, "whole", WHOLE] for way in WAYS}
    bars(times, f"{WHOLE}x{WHOLE} -> {4 * WHOLE}x{4 * WHOLE}, from picture to picture: times as fast").save(PLOT)


if __name__ == "__main__":
    main(*sys.argv[1:])
