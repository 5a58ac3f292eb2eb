"""Puts a run's result into the package: srgan_hub/pretrained/NAME, with convolutions rounded to bfloat16 (half the size).

    python -m benchmarks.bundle RUN NAME

An existing card is kept; if there is none, the run's is copied. Existing ranges for int8 belong to other weights and are deleted.
Afterwards, quantize and measure what is stored: `srgan-hub quantize`, `srgan-hub benchmark --write-card`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from srgan_hub.hub.load import BUNDLED, CONFIG, WEIGHTS
from srgan_hub.inference.quantization import FILE as INT8


def main(run: str, name: str) -> None:
    source, target = Path(run), BUNDLED / name
    target.mkdir(parents=True, exist_ok=True)
    tensors = load_file(source / WEIGHTS)
    rounded = {key: value.to(torch.bfloat16) if value.ndim == 4 else value for key, value in tensors.items()}
    save_file({key: value.contiguous() for key, value in rounded.items()}, target / WEIGHTS, metadata={"format": "pt"})
    (target / INT8).unlink(missing_ok=True)
    shutil.copy(source / CONFIG, target / CONFIG)
    if not (target / "README.md").exists():
        shutil.copy(source / "README.md", target / "README.md")
    print(f"{target / WEIGHTS}: {(target / WEIGHTS).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
