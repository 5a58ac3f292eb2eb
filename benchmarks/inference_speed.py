"""Speed on this machine: our engines beside what people run today, with the same images and threads, in the same run.

    python -m benchmarks.inference_speed [SIZE ...]

prints the tables of docs/engines.md and draws docs/speed.png (Linux). The baseline is the generator as every other project runs
it: eager PyTorch, float32, unchanged. Real-ESRGAN's two networks (package spandrel, random weights) run the same way. Every way
has its own process, which waits while another is measured. They take turns, and medians are compared, since machines are noisy.
From 512 pixels a side, memory would not suffice for all at once, so they run one after another, with one call each. A way is left
out if, judging by the previous size, it would take more than three quarters of the machine's memory, or a minute. GFLOP are those
of the network as written, even if an engine computes it with fewer or more."""

from __future__ import annotations

import itertools
import multiprocessing
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch.utils.flop_counter import FlopCounterMode

from srgan_hub import SRGANGenerator, Upscaler
from srgan_hub.inference.backends import open_engine
from srgan_hub.inference.quantization import find
from srgan_hub.training.launch import cores

MODEL, LITE = "srresnet-x4", "srresnet-x4-lite"
SIZES = (64, 256, 512, 1024, 2048)   # pixels a side of the LR images
WHOLE, LARGE = 256, 512              # size shown in the bars; from this size on, one way at a time
ROUNDS = 5
LONGEST = 60                         # seconds a call may take
PLOT, OURS, THEIRS = Path(__file__).parent.parent / "docs" / "speed.png", "#2f6db5", "#9a9a9a"
BASE = "PyTorch eager float32 (others)"
ENGINES = {
    "PyTorch fp32": ("pytorch", "fp32"), "PyTorch bf16": ("pytorch", "bf16"),
    "OpenVINO fp32": ("openvino", "fp32"), "OpenVINO bf16": ("openvino", "bf16"),
    "OpenVINO mixed": ("openvino", "mixed"),
    **{f"{LITE}, OpenVINO {precision}": ("openvino", precision) for precision in ("bf16", "mixed")},
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
    """Image -> image."""
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
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        start = time.perf_counter()
        result = (network if kind == "network" else whole)(argument)
        seconds = time.perf_counter() - start
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024 / 1e6
        pipe.send((seconds, peak, result.numpy() if kind == "network" and size <= WHOLE else None))


def run(ways: list[str], tasks: list[tuple[str, int]], rounds: int) -> dict[tuple, tuple[float, float, np.ndarray | None]]:
    """(way, *task) -> median seconds, peak memory in MB, the last result. Runs one extra round, which is not counted, unless
    `rounds` is 1."""
    spawn, pipes, processes, found = multiprocessing.get_context("spawn"), {}, [], {}
    for way in ways:
        pipes[way], end = spawn.Pipe()
        processes.append(spawn.Process(target=worker, args=(way, end)))
        processes[-1].start()
        pipes[way].recv()
    for task in tasks:
        for _ in range(rounds + (rounds > 1)):
            for way in ways:
                pipes[way].send(task)
                found.setdefault((way, *task), []).append(pipes[way].recv())
    for way, process in zip(ways, processes, strict=True):
        pipes[way].send(None)
        process.join()
    counted = {key: calls[rounds > 1 :] for key, calls in found.items()}  # the first has cold caches and new shapes
    return {
        key: (statistics.median(call[0] for call in calls), max(call[1] for call in calls), calls[-1][2])
        for key, calls in counted.items()
    }


def fits(found: dict, way: str, kind: str, size: int, before: int) -> bool:
    """Whether it can be measured, judging by the previous size."""
    if (way, kind, before) not in found:
        return False
    seconds, megabytes, _ = found[way, kind, before]
    memory = int(re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())[1]) / 1000
    times = (size / before) ** 2
    tiles = kind == "whole" and way in ENGINES
    return seconds * times < LONGEST and (tiles or megabytes * times < 0.75 * memory)


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


def processor() -> str:
    """The processor that computes here, and the packages (Linux)."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "openvino"))
    return f"{model[1] if model else platform.machine()}, {cores()} threads; Python {platform.python_version()}, {packages}"


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
    small = [size for size in sizes if size < LARGE]
    found = run(list(WAYS), [*(("network", size) for size in small), *(("whole", size) for size in small)], ROUNDS)
    for before, size in itertools.pairwise(sizes):
        for kind in ("network", "whole") if size >= LARGE else ():
            for way in WAYS:
                if fits(found, way, kind, size, before):
                    found |= run([way], [(kind, size)], 1)
    ceiling = peak()
    print(
        f"{processor()}; a bf16 matrix product of 2048 reaches {ceiling:.0f} GFLOP/s; {MODEL}; "
        f"medians of {ROUNDS}, from {LARGE}x{LARGE} on one call.\n"
    )
    for size in sizes:
        print(f"### {size}x{size} -> {4 * size}x{4 * size}, the network alone\n")
        print("| | ms | times as fast | GFLOP/s | of the peak | most memory, MB | largest difference |\n|" + " --- |" * 7)
        base = found.get((BASE, "network", size))
        for way in WAYS:
            if (way, "network", size) not in found:
                print(f"| {way} |" + " - |" * 6)
                continue
            took, memory, result = found[way, "network", size]
            rate = gigaflop(way, size) / took
            same = "-" if way in OTHERS or way.startswith(LITE) or result is None else f"{abs(result - base[2]).max():.1g}"
            cells = [f"{1000 * took:.0f}", f"{base[0] / took:.2f}" if base else "-", f"{rate:.0f}", f"{rate / ceiling:.0%}"]
            print("| " + " | ".join([way, *cells, f"{memory:.0f}", same]) + " |")
        print()
    print("### From picture to picture: ms, in brackets times as fast, MB\n")
    print("| | " + " | ".join(f"{size}x{size}" for size in sizes) + " |\n|" + " --- |" * (1 + len(sizes)))
    for way in WAYS:
        cells = []
        for size in sizes:
            took, memory, _ = found.get((way, "whole", size), (None, None, None))
            base = found.get((BASE, "whole", size))
            cells.append(f"{1000 * took:.0f} ({f'{base[0] / took:.2f}' if base else '-'}), {memory:.0f} MB" if took else "-")
        print("| " + " | ".join([way, *cells]) + " |")
    if WHOLE in sizes:
        times = {way: found[BASE, "whole", WHOLE][0] / found[way, "whole", WHOLE][0] for way in WAYS}
        bars(times, f"{WHOLE}x{WHOLE} -> {4 * WHOLE}x{4 * WHOLE}, from picture to picture: times as fast").save(PLOT)


if __name__ == "__main__":
    main(*sys.argv[1:])
