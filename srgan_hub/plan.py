"""Which picture becomes which file: what a command line or a folder asks for, as a list of jobs."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from srgan_hub.files import BadInput

SUFFIXES = {".png": "png", ".webp": "webp", ".jpg": "jpg", ".jpeg": "jpg", ".tif": "tif", ".tiff": "tif"}


class Job(NamedTuple):
    source: Path                              # file, or the name of what `content` gives
    target: Path
    format: str                               # a key of FORMATS
    content: Callable[[], bytes] | None = None  # an encoded picture that is no file


class Plan(NamedTuple):
    jobs: list[Job]
    faults: list[str]  # one sentence for everything that cannot be done
    there: int         # pictures of folders whose result is there already


def plan(inputs: list[Path], output: Path, label: str, format: str | None, force: bool) -> Plan:
    """What becomes what.

    One picture and an output with a picture's suffix: that file. Otherwise `output` is a folder, where photo.jpg becomes
    photo_x4.png (label "x4"; or the suffix of `format`). No target is an input or a second job's target. Without force, a
    named file that is there is a fault, and what is there in a folder is not done again.
    """
    sources, faults = [], []
    for path in inputs:
        try:
            kind = path.stat().st_mode
        except OSError as error:  # none there, no right to look, a circle of links, a name too long
            faults.append(f"{path}: there is no such file or folder" + (
                "" if isinstance(error, FileNotFoundError) else f" that can be read ({error.strerror})"))
            continue
        if stat.S_ISDIR(kind):
            pictures = [p for p in sorted(path.iterdir()) if is_picture(p)]
            if _same(path, output):  # what an earlier run put there is no input
                pictures = [p for p in pictures if not p.stem.endswith(f"_{label}")]
            if not pictures:
                faults.append(f"{path}: there is no picture in this folder")
            sources += pictures
        elif stat.S_ISREG(kind):
            sources.append(path)
        else:
            faults.append(f"{path}: is neither a file nor a folder")
    sources = list({os.path.abspath(path): path for path in sources}.values())  # a file named twice is one picture

    if output.suffix and not output.is_dir() and len(sources) <= 1 and not any(path.is_dir() for path in inputs):
        named = SUFFIXES.get(output.suffix.lower())
        if format is None and named is None:
            raise BadInput(f"{output}: cannot write {output.suffix}; use one of {', '.join(SUFFIXES)}, or --format")
        if format and named and format != named:
            raise BadInput(f"{output}: the name says {named}, --format says {format}; make them agree")
        targets = [(source, output) for source in sources]
        format, into_folder = format or named, False
    else:
        if not output.is_dir() and (output.exists() or output.suffix.lower() in SUFFIXES):
            raise BadInput(f"{output} is no folder; several pictures need one")
        format, into_folder = format or "png", True
        targets = [(source, output / f"{source.stem}_{label}.{format}") for source in sources]

    there = 0
    jobs, taken, originals = [], {}, {os.path.realpath(path) for path in sources}
    for source, target in targets:
        if os.path.realpath(target) in originals:
            faults.append(f"{source}: its result {target} would overwrite an input; choose another output")
        elif target in taken:
            faults.append(f"{source}: its result {target} is already that of {taken[target]}; give it a folder of its own")
        elif target.exists() and not force and into_folder:
            there, taken[target] = there + 1, source
        elif target.exists() and not force:
            faults.append(f"{source}: {target} exists; --force overwrites it")
        else:
            taken[target] = source
            jobs.append(Job(source, target, format))
    return Plan(jobs, faults, there)


def is_picture(path: Path) -> bool:
    """Whether the name is that of a picture that Pillow opens; hidden files (macOS's ._photo.jpg) are none."""
    kind = Image.registered_extensions().get(path.suffix.lower())
    return kind in Image.OPEN and not path.name.startswith(".") and path.is_file()


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
