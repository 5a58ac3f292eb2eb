"""Training speed on this machine: one SRResNet update as we run it (bf16 autocast, channels_last) beside float32 NCHW.

    python benchmarks/train_speed.py

Same network, batch, threads and run; the two take turns, and medians are compared, since machines are noisy."""

from __future__ import annotations

import platform
import statistics
import time

import torch

from srgan_hub import SRGANGenerator
from srgan_hub.losses import pixel_loss
from srgan_hub.training.initialization import pass_through

ROUNDS, WARM_UP = 12, 2
BATCH, CROP = 16, 96


def make_update(memory_format: torch.memory_format, bf16: bool):
    torch.manual_seed(0)
    generator = SRGANGenerator()
    pass_through(generator)
    generator = generator.to(memory_format=memory_format)
    optimizer = torch.optim.Adam(generator.parameters(), lr=1e-4)
    lr = torch.rand(BATCH, 3, CROP // 4, CROP // 4).to(memory_format=memory_format)
    hr = torch.rand(BATCH, 3, CROP, CROP).to(memory_format=memory_format)

    def update() -> float:
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            sr = generator(lr)
        loss = pixel_loss(sr, hr)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return time.perf_counter() - start

    return update


def main() -> None:
    methods = {
        "float32 NCHW, as most projects run it": make_update(torch.contiguous_format, bf16=False),
        "float32 channels_last": make_update(torch.channels_last, bf16=False),
        "bf16 autocast, channels_last (ours)": make_update(torch.channels_last, bf16=True),
    }
    seconds = {name: [] for name in methods}
    for _ in range(ROUNDS):
        for name, update in methods.items():
            seconds[name].append(update())
    medians = {name: statistics.median(times[WARM_UP:]) for name, times in seconds.items()}
    baseline = next(iter(medians.values()))
    print(f"SRResNet update, batch {BATCH} of {CROP}x{CROP}; torch {torch.__version__}, {torch.get_num_threads()} threads, "
          f"{platform.machine()}\n")  # fmt: skip
    print("| | seconds an update | images a second | ratio |\n| --- | --- | --- | --- |")
    for name, median in medians.items():
        print(f"| {name} | {median:.3f} | {BATCH / median:.1f} | {baseline / median:.2f} |")


if __name__ == "__main__":
    main()
