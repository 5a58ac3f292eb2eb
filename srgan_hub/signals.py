"""How a command ends when it is stopped: within seconds, with status 130 after Ctrl-C and 143 after SIGTERM or a closed terminal,
without half-written files."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

CTRL_C, SIGTERM = 130, 143  # exit statuses, as in shells

being_written: set[Path] = set()  # files being written, by any thread


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP came; code that handles Ctrl-C handles this too."""


def status_of(stop: KeyboardInterrupt) -> int:
    return SIGTERM if isinstance(stop, Terminated) else CTRL_C


def exit_with(main: Callable[[], int]) -> NoReturn:
    """Run a program's main function and exit with the status that it returns.

    A program that was stopped does not wait for threads that are still encoding; the files they were writing are deleted."""

    def terminate(*_) -> NoReturn:
        raise Terminated

    for name in ("SIGTERM", "SIGHUP"):
        kind = getattr(signal, name, None)  # Windows has no SIGHUP
        if kind and signal.getsignal(kind) != signal.SIG_IGN:  # with nohup, the signal stays ignored
            signal.signal(kind, terminate)
    try:
        status = main()
    except KeyboardInterrupt as stop:
        status = status_of(stop)
    if status in (CTRL_C, SIGTERM):
        for path in list(being_written):
            with contextlib.suppress(OSError):
                path.unlink()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
    sys.exit(status)
