"""How many processes really run, and on what: a run that was meant for several must not go on alone without a word."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Mapping

import torch
from accelerate import Accelerator
from accelerate.utils import GradientAccumulationPlugin

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's mallopt
ON_CPUS = "ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes N train_accelerate.py ..."


def refuse_lost_processes(environment: Mapping[str, str] = os.environ) -> None:
    """ValueError where `accelerate launch` was asked for several processes and has started one.

    It does so without a word on CPUs (`--cpu --num_processes 2`): then it sets MASTER_ADDR, but no WORLD_SIZE."""
    if "MASTER_ADDR" in environment and "WORLD_SIZE" not in environment:
        raise ValueError(f"launched for several processes, but only one was started; on CPUs this starts N: {ON_CPUS}")


def make_accelerator(*, cpu: bool, gradient_accumulation_steps: int = 1, **options) -> Accelerator:
    """An Accelerator whose processes are those that were launched; ValueError where they would train apart."""
    refuse_lost_processes()
    # torchrun without ACCELERATE_USE_CPU would start as many separate trainings on a machine without a GPU
    cpu = cpu or not torch.accelerator.is_available()
    # as a plugin, since ACCELERATE_GRADIENT_ACCUMULATION_STEPS outranks the plain argument
    parts = GradientAccumulationPlugin(num_steps=gradient_accumulation_steps, sync_with_dataloader=False)
    accelerator = Accelerator(cpu=cpu, gradient_accumulation_plugin=parts, **options)
    launched = int(os.environ.get("WORLD_SIZE", 1))
    if accelerator.num_processes != launched:
        raise ValueError(f"{launched} processes were launched, but they are not connected; on CPUs use: {ON_CPUS}")
    return accelerator


def keep_memory() -> None:
    """Let the C library keep freed memory: tensors of 20 to 80 MB come and go in every update, and fresh pages cost time."""
    with contextlib.suppress(OSError, AttributeError):  # other systems have no mallopt
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_each() -> int:
    """CPU threads for each process of this machine; `accelerate launch` alone would leave one."""
    return max(1, cores() // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))
