"""When a run ends before its last update: a signal, or the time it was given."""

from __future__ import annotations

import signal
import time

import torch
from accelerate import Accelerator

AGREE_EVERY = 10  # updates between two questions to the other processes, each of which waits for all


class Stop:
    """Ctrl-C, SIGTERM or the end of `limit` seconds ask for a stop after the running update; a second signal ends at once."""

    def __init__(self, accelerator: Accelerator, limit: float | None, started: float):
        self.accelerator = accelerator
        self.deadline = None if limit is None else started + limit
        self.reason = ""

    def __enter__(self) -> Stop:
        heard = [kind for kind in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(kind) != signal.SIG_IGN]
        self.previous = {kind: signal.signal(kind, self._request) for kind in heard}  # nohup and & mean their silence
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
    """Whether the flag is set in any process; every process must ask."""
    if accelerator.num_processes == 1:
        return flag
    return bool(accelerator.reduce(torch.tensor(int(flag), device=accelerator.device)).item())
