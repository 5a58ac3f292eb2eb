"""Python commands in processes that have PyTorch already: to import it is most of what a small command takes.

What reads its environment while it is imported is not among what they have: none of Hugging Face's libraries. Python's own
variables and OpenMP's are those of the tests, and all share one hash seed: what depends on them needs a process of its own."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TextIO

import numpy as np

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["torch", "torch._dynamo", "torch.distributed", "pandas", "pyarrow.parquet", "PIL.Image"])


def run(arguments: list[str], environment: dict[str, str], cwd: Path, timeout: float) -> subprocess.CompletedProcess:
    """`python *arguments`, its output captured as text. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryDirectory() as folder:
        texts = [Path(folder, name) for name in ("stdout", "stderr")]
        process = _started(arguments, environment, cwd, texts)
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(arguments, timeout)
        return subprocess.CompletedProcess(arguments, process.exitcode, *(text.read_text() for text in texts))


@contextmanager
def started(arguments: list[str], environment: dict[str, str], cwd: Path) -> Iterator[tuple[BaseProcess, TextIO]]:
    """`python *arguments` at work, a group of its own, and the lines that it says; killed in the end if it is there yet."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "said")
        os.mkfifo(said)
        process = _started(arguments, environment, cwd, [said, said])
        try:
            with open(said) as lines:
                yield process, lines
        finally:
            process.kill()
            process.join()


def _started(*arguments) -> BaseProcess:
    process = CONTEXT.Process(target=_run, args=arguments)
    process.start()
    return process


def _run(arguments: list[str], environment: dict[str, str], cwd: Path, texts: list[Path]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    os.setpgid(0, 0)
    np.random.seed()
    for number, text in enumerate(texts, 1):
        os.dup2(os.open(text, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout.reconfigure(line_buffering=True)
    try:
        what, *rest = arguments
        if what == "-c":
            code, *rest = rest
            sys.argv = ["-c", *rest]
            exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
        elif what == "-m":
            module, *rest = rest
            sys.argv = [module, *rest]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            sys.argv = [what, *rest]
            sys.path.insert(0, str(Path(what).parent))
            runpy.run_path(what, run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # multiprocessing leaves them out
