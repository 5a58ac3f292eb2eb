"""Checkpoints of a training run: written whole or not at all, the newest found again.

A checkpoint folder holds everything the run continues from (networks, optimizers, average, counters, random states), as
Accelerate writes it, and the configuration."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from accelerate import Accelerator

PREFIX = "checkpoint-"
KEPT = 2
CONFIG = "run.json"


def save(accelerator: Accelerator, folder: Path, step: int, config: dict) -> Path:
    """Write checkpoint `step` under `folder` beside its final name, rename it, and drop all but the newest two."""
    final, unfinished = folder / f"{PREFIX}{step:07d}", folder / f"unfinished-{step:07d}"
    if accelerator.is_main_process:
        shutil.rmtree(unfinished, ignore_errors=True)
    accelerator.wait_for_everyone()
    accelerator.save_state(str(unfinished))  # every process: each adds its own random state
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        (unfinished / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
        shutil.rmtree(final, ignore_errors=True)
        unfinished.rename(final)
        for old in _all(folder)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
    accelerator.wait_for_everyone()
    return final


def latest(folder: Path) -> Path:
    """The newest checkpoint under `folder`; ValueError if there is none."""
    found = _all(folder)
    if not found:
        raise ValueError(f"no checkpoint to resume from in {folder}; start without --resume, or name the run's --output_dir")
    return found[-1]


def configuration(checkpoint: Path) -> dict:
    """Configuration of the run that wrote a checkpoint; ValueError if the folder is none."""
    if not (checkpoint / CONFIG).is_file():
        raise ValueError(f"{checkpoint} is not a checkpoint of a training run; they lie in OUTPUT_DIR/checkpoints")
    return json.loads((checkpoint / CONFIG).read_text())


def exists(folder: Path) -> bool:
    """Whether a run has left checkpoints under `folder`."""
    return bool(_all(folder))


def _all(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"{PREFIX}*") if path.name.removeprefix(PREFIX).isdigit())
