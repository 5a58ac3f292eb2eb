"""The checkpoints that the page offers: the bundled ones, or those that SRGAN_MODELS names, or models.txt beside app.py."""

from __future__ import annotations

import os
from pathlib import Path

from srgan_hub.loading import locate

LABELS = {
    "srgan-x4-photo-large": "Photo: for photos from phones and the web, compressed ones too",
    "srgan-x4-photo": "Photo, quicker: a quarter of the time, removes less of JPEG blocks and noise",
    "srresnet-x4-photo": "Photo, faithful: smoother, invents nothing",
    "srgan-x4": "Clean: for images without JPEG blocks or noise",
    "srgan-x4-vivid": "Clean, vivid: more texture, more of it invented",
    "srresnet-x4": "Clean, faithful: smoother, invents nothing",
    "srgan-x4-lite": "Clean, quick: a fifth of the time",
    "srresnet-x4-lite": "Clean, quick, faithful: a fifth of the time, smoother, invents nothing",
}
VARIABLE = "SRGAN_MODELS"
FILE = Path(__file__).parents[2] / "models.txt"  # which only a Space has


def offered() -> list[tuple[str, str]]:
    """[(label, checkpoint)], the default first: those of SRGAN_MODELS, or else of models.txt, or else the bundled ones.

    Both hold bundled names, folders or Hub ids, with spaces, commas or line ends between.
    Raises CheckpointError for what is none of these; nothing is downloaded here."""
    named = os.environ.get(VARIABLE, "").strip() or (FILE.read_text(encoding="utf-8") if FILE.is_file() else "")
    names = named.replace(",", " ").split() or list(LABELS)
    for name in names:
        locate(name)
    return [(LABELS.get(name, name), name) for name in dict.fromkeys(names)]


def name_of(model: str) -> str:
    """What buttons and pictures call it: the label's first words."""
    return LABELS.get(model, model).partition(": ")[0]


def line_of(model: str) -> str:
    """One line about it."""
    line = LABELS.get(model, model).partition(": ")[2] or LABELS.get(model, model)
    return line[:1].upper() + line[1:] + "."
