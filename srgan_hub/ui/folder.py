"""Where results lie until they are fetched: folders of the page's own, which do not outlive it."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread

VARIABLE = "GRADIO_TEMP_DIR"  # gradio serves what lies in there, deletes it when it is old, and puts uploads there too


def own_folder() -> Path:
    """A new temporary folder for uploads and results, deleted when the program ends, by SIGTERM too."""
    home = Path(tempfile.mkdtemp(prefix="srgan_hub-", dir=os.environ.get(VARIABLE)))
    os.environ[VARIABLE] = str(home)
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    return home


def fresh_folder() -> Path:
    """A new folder for one result."""
    home = Path(os.environ.get(VARIABLE) or Path(tempfile.gettempdir()) / "gradio")  # as gradio has it
    home.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=home))


def sweep(home: Path, kept: float, standing: set[str]) -> None:
    """Delete files that have not changed for `kept` seconds, but those that stay, and folders that are empty for twice as long.

    Gradio deletes the uploads and results that it was told of, not what a broken connection or a cancelled job leaves."""
    now = time.time()
    for folder, _, files in os.walk(home, topdown=False):
        for file in (Path(folder, name) for name in files):
            with suppress(OSError):  # gone already
                if str(file) not in standing and now - file.lstat().st_ctime > kept:
                    file.unlink()
        with suppress(OSError):  # not empty
            if Path(folder) != home and now - Path(folder).stat().st_mtime > 2 * kept:
                Path(folder).rmdir()


def keep_swept(home: Path, kept: float, standing: Callable[[], set[str]]) -> None:
    """Sweep every ten minutes, or as often as is worth it, while the program runs."""

    def run() -> None:
        while True:
            time.sleep(min(600, kept))
            sweep(home, kept, standing())

    Thread(target=run, daemon=True).start()
