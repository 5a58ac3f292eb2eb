"""Enlarge a folder of images, or a dataset on the Hub, on all processes and machines of Accelerate.

    accelerate launch -m srgan_hub.upscale_folder SOURCE OUTPUT --model srgan-x4

Every process takes its share. Existing outputs are skipped, so a stopped run continues when it is started again, with any number
of processes. On CPUs, several processes need
`ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes N -m ...`."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

import torch
from accelerate.utils import InitProcessGroupKwargs

from srgan_hub.cli import enlarge
from srgan_hub.data.sources import open_splits
from srgan_hub.imaging.io import FORMATS
from srgan_hub.imaging.resize import Target
from srgan_hub.inference.batch import Job, is_picture, plan
from srgan_hub.inference.upscaler import Upscaler
from srgan_hub.signals import exit_with, status_of
from srgan_hub.training.launch import make_accelerator, threads_each

LONGEST = timedelta(hours=6)  # how long one process waits for another (a download, or a larger share); the default is minutes


def jobs_of(source: str, output: Path, label: str, format: str) -> tuple[list[Job], int, list[str]]:
    """All jobs left, in an order that all processes agree on; how many are done already; what cannot be done."""
    faults = []
    if Path(source).is_dir() and any(map(is_picture, Path(source).iterdir())):
        everything, faults, _ = plan([Path(source)], output, label, format, force=True)
    else:
        numbered = [(f"{split}-{number:06d}", partial(content, images, number))
                    for split, images in open_splits(source).items() for number in range(len(images))]  # fmt: skip
        everything = [Job(Path(name), output / f"{name}_{label}.{format}", format, read) for name, read in numbered]
    left = [job for job in everything if not os.path.exists(job.target)]
    return left, len(everything) - len(left), faults


def content(images, number: int) -> bytes:
    found = images[number]
    return found if isinstance(found, bytes) else Path(found).read_bytes()


def run(options: argparse.Namespace) -> int:
    patient = InitProcessGroupKwargs(timeout=LONGEST)
    accelerator = make_accelerator(cpu=options.cpu, kwargs_handlers=[patient])
    torch.set_num_threads(threads_each())
    upscaler = Upscaler.from_pretrained(options.model, device=accelerator.device)
    target = Target(options.scale, options.to)
    with accelerator.main_process_first():  # only one process downloads a dataset
        jobs, there, faults = jobs_of(options.source, Path(options.output), target.label(upscaler.scale), options.format)
    accelerator.wait_for_everyone()  # all have the same list before any of them writes
    if not accelerator.is_main_process:
        faults, there = [], 0  # told by the first process
    mine = jobs[accelerator.process_index :: accelerator.num_processes]
    status = enlarge(mine, upscaler, target, options.model, faults, there, quiet=not accelerator.is_main_process)
    accelerator.wait_for_everyone()  # the launcher stops all processes once one has failed
    accelerator.end_training()
    return status


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("source", metavar="SOURCE", help="folder of images, or dataset on the Hub or of parquet shards")
    add("output", metavar="OUTPUT", help="folder; photo.jpg becomes photo_x4.png")
    add("--model", default="srgan-x4", metavar="NAME",
        help="bundled checkpoint, folder, Hub id user/name, or file that spandrel loads [srgan-x4]")  # fmt: skip
    add("--format", choices=sorted(FORMATS), default="png", help="[png]")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--scale", type=float, metavar="FACTOR", help="enlargement factor, up to the model's [the model's]")
    size.add_argument("--to", type=int, metavar="PIXELS", help="length of the longer side")
    add("--cpu", action="store_true", help="compute on the CPU even if there is a GPU")
    options = parser.parse_args(arguments)
    try:
        return run(options)
    except (ValueError, OSError) as error:
        print(f"upscale_folder: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print("upscale_folder: stopped; finished images are kept, and the same command continues", file=sys.stderr)
        return status_of(stop)


if __name__ == "__main__":
    exit_with(main)
