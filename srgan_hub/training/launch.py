"""How many processes really run, and on what: a run meant for several must not silently run alone."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.utils import GradientAccumulationPlugin
from torch import Tensor, nn

from srgan_hub.models.srresnet.graph import before_shuffle
from srgan_hub.models.srresnet.network import SRGANGenerator

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's mallopt
ON_CPUS = "ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes N train_accelerate.py ..."


def refuse_lost_processes(environment: Mapping[str, str] = os.environ) -> None:
    """Raise ValueError if `accelerate launch` was asked for several processes but started only one.

    On CPUs it does so silently (`--cpu --num_processes 2`): it then sets MASTER_ADDR but not WORLD_SIZE."""
    if "MASTER_ADDR" in environment and "WORLD_SIZE" not in environment:
        raise ValueError(f"launched for several processes, but only one was started; on CPUs this starts N: {ON_CPUS}")


def make_accelerator(*, cpu: bool, gradient_accumulation_steps: int = 1, **options) -> Accelerator:
    """An Accelerator whose processes are those that were launched. Raises ValueError if they would train separately."""
    refuse_lost_processes()
    # without ACCELERATE_USE_CPU, torchrun would start that many separate trainings on a machine without a GPU
    cpu = cpu or not torch.accelerator.is_available()
    # as a plugin, since ACCELERATE_GRADIENT_ACCUMULATION_STEPS overrides the plain argument
    parts = GradientAccumulationPlugin(num_steps=gradient_accumulation_steps, sync_with_dataloader=False)
    accelerator = Accelerator(cpu=cpu, gradient_accumulation_plugin=parts, **options)
    launched = int(os.environ.get("WORLD_SIZE", 1))
    if accelerator.num_processes != launched:
        raise ValueError(f"{launched} processes were launched, but they are not connected; on CPUs use: {ON_CPUS}")
    return accelerator


def keep_memory() -> None:
    """Make the C library keep freed memory: tensors of 20 to 80 MB come and go in every update, and fresh pages cost time."""
    with contextlib.suppress(OSError, AttributeError):  # other systems have no mallopt
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_each() -> int:
    """CPU threads for each process on this machine; `accelerate launch` alone would leave one."""
    return max(1, cores() // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))


# Faster training on CPUs: the same function and parameters, computed in cheaper ways.
#
# Measured on two cores in bf16: PyTorch's backward pass of PReLU takes a sixth of an update, because it writes the slope's
# gradient for every pixel before summing; the last convolution takes a fifth, because three output channels fill a fifth of the
# registers.


class _SharedSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(x, slope)
        return F.leaky_relu(x, slope.item())

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, slope = ctx.saved_tensors
        to_x = torch.ops.aten.leaky_relu_backward(gradient, x, slope.item(), False)
        to_slope = (gradient * x.clamp_max(0)).sum(1).sum(dtype=torch.float32)  # channels first: they are adjacent in memory
        return to_x, to_slope.view_as(slope).to(slope)


class CPUPReLU(nn.PReLU):
    """nn.PReLU() with a cheaper gradient, for (N, C, ...) tensors on a CPU; the same function and the same parameters."""

    def forward(self, x: Tensor) -> Tensor:
        return _SharedSlope.apply(x, self.weight)


class FoldedTail(nn.Conv2d):
    """The 9x9 convolution after a PixelShuffle(2), computed before it: (N, 4 C, H, W) -> (N, 3, 2 H, 2 W)."""

    def forward(self, cells: Tensor) -> Tensor:
        kernel = before_shuffle(self.weight).contiguous(memory_format=torch.channels_last)
        return F.pixel_shuffle(F.conv2d(cells, kernel, self.bias.repeat_interleave(4), padding=2), 2)


def speed_up(generator: nn.Module) -> None:
    """Make the generator compute in these ways from now on. Copies of it do too; its state_dict stays as it is."""
    for module in generator.modules():
        if type(module) is nn.PReLU:
            module.__class__ = CPUPReLU
    if isinstance(generator, SRGANGenerator) and type(generator.upsample[-1][1]) is nn.PixelShuffle:
        generator.upsample[-1][1] = nn.Identity()  # PReLU may come before the shuffle: all channels share one slope
        generator.tail.__class__ = FoldedTail


# When a run stops before its last update: on a signal, or when its time is up.


AGREE_EVERY = 10  # updates between two queries of the other processes, each of which waits for all


class Stop:
    """Ctrl-C, SIGTERM or the end of `limit` seconds request a stop after the current update; a second signal stops at once."""

    def __init__(self, accelerator: Accelerator, limit: float | None, started: float):
        self.accelerator = accelerator
        self.deadline = None if limit is None else started + limit
        self.reason = ""

    def __enter__(self) -> Stop:
        heard = [kind for kind in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(kind) != signal.SIG_IGN]
        self.previous = {kind: signal.signal(kind, self._request) for kind in heard}  # what nohup or & ignores stays ignored
        return self

    def _request(self, kind: int, frame) -> None:
        self.reason = signal.Signals(kind).name
        signal.signal(kind, self.previous[kind])

    def __exit__(self, *exception) -> None:
        for kind, handler in self.previous.items():
            signal.signal(kind, handler)

    def requested(self, step: int) -> bool:
        """Whether to stop after update `step`; all processes get the same answer for the same step."""
        if not self.reason and self.deadline is not None and time.monotonic() >= self.deadline:
            self.reason = "the time is up"
        if self.accelerator.num_processes == 1:
            return bool(self.reason)
        return step % AGREE_EVERY == 0 and any_process(self.accelerator, bool(self.reason))


def any_process(accelerator: Accelerator, flag: bool) -> bool:
    """Whether the flag is set in any process. Every process must call this."""
    if accelerator.num_processes == 1:
        return flag
    return bool(accelerator.reduce(torch.tensor(int(flag), device=accelerator.device)).item())
