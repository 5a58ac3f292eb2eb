"""Import Gradio and PyTorch in two thirds of the time; most of the start is imports.

On import, Gradio rewrites its editor stubs (`.pyi`) for every class of components, and Python's garbage collector repeatedly
scans half a million objects that all stay."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quick_imports() -> Iterator[None]:
    """Imports inside are faster, and later garbage collections skip the objects that they created."""
    file_of, collecting, importing = inspect.getfile, gc.isenabled(), True

    def file_of_others(of):
        if importing and isinstance(of, type) and str(of.__module__).startswith("gradio."):
            raise OSError  # gradio writes no stub for a class without a file
        return file_of(of)

    gc.disable()
    inspect.getfile = file_of_others
    try:
        yield
    finally:
        importing = False
        if inspect.getfile is file_of_others:  # torch may have wrapped it
            inspect.getfile = file_of
        gc.freeze()
        if collecting:
            gc.enable()
