"""Benchmark sets on disk: SET/HR/*.png and SET/LR_x4/*.png of the same names (Set5, Set14, BSD100, ...)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

SETS = ("Set5", "Set14", "BSD100")  # the paper's order; other sets follow by name


def find_sets(folder: str | Path, scale: int = 4) -> list[Path]:
    """Folders below `folder` that hold HR and LR_x`scale`; `folder` itself may be one. ValueError if there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    found = [path for path in (folder, *folder.iterdir()) if (path / "HR").is_dir() and (path / f"LR_x{scale}").is_dir()]
    if not found:
        raise ValueError(f"{folder} holds no benchmark set: a folder with HR and LR_x{scale} inside")
    return sorted(found, key=lambda path: (SETS.index(path.name) if path.name in SETS else len(SETS), path.name))


def pairs(benchmark: Path, scale: int = 4) -> Iterator[tuple[str, Image.Image, np.ndarray]]:
    """(name, LR picture, HR (H, W, 3) uint8) of one set, HR cut to `scale` times LR. ValueError names an unpaired file."""
    lr_files, hr_files = ({p.stem: p for p in (benchmark / d).glob("*.png")} for d in (f"LR_x{scale}", "HR"))
    if not lr_files and not hr_files:
        raise ValueError(f"{benchmark} holds no PNG files")
    if lr_files.keys() != hr_files.keys():
        unpaired = sorted(lr_files.keys() ^ hr_files.keys())
        raise ValueError(f"{benchmark}: HR and LR_x{scale} must hold the same names; only one has: {', '.join(unpaired[:5])}")
    for name in sorted(lr_files):
        lr, hr = Image.open(lr_files[name]).convert("RGB"), np.asarray(Image.open(hr_files[name]).convert("RGB"))
        height, width = scale * lr.height, scale * lr.width
        if not (0 <= hr.shape[0] - height < scale and 0 <= hr.shape[1] - width < scale):
            raise ValueError(f"{hr_files[name]} is {hr.shape[1]}x{hr.shape[0]}, not {scale} times its LR, {lr.width}x{lr.height}")
        yield name, lr, hr[:height, :width]
