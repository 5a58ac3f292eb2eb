"""Where results lie until they are fetched: folders of the page's own, which do not outlive it."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

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
