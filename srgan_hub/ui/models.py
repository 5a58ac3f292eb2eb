"""The checkpoints that the page offers: the bundled ones, or those that SRGAN_MODELS or a file names."""

from __future__ import annotations

import os
from pathlib import Path

from srgan_hub.loading import locate

LABELS = {
    "srgan-x4-photo": "Photo: for pictures of phones and the web, compressed ones too",
    "srresnet-x4-photo": "Photo, faithful: the same, smoother, invents nothing",
    "srgan-x4": "Clean: for pictures without JPEG blocks or noise",
    "srgan-x4-vivid": "Clean, vivid: more texture, more of it invented",
    "srresnet-x4": "Clean, faithful: smoother, invents nothing",
    "srgan-x4-lite": "Clean, quick: a third of the time",
    "srresnet-x4-lite": "Clean, quick, faithful",
}
VARIABLE = "SRGAN_MODELS"


def offered(file: Path | None = None) -> list[tuple[str, str]]:
    """[(label, checkpoint)], the default first: those of SRGAN_MODELS, or else of the file, or else the bundled ones.

    Both hold bundled names, folders or Hub ids, with spaces, commas or line ends between; the file need not be there.
    Raises CheckpointError for what is none of these; nothing is downloaded here."""
    named = os.environ.get(VARIABLE, "").strip() or (file.read_text(encoding="utf-8") if file and file.is_file() else "")
    names = named.replace(",", " ").split() or list(LABELS)
    for name in names:
        locate(name)
    return [(LABELS.get(name, name), name) for name in dict.fromkeys(names)]
