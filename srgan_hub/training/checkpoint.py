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


def save(accelerator: Accelerator, folder: Path, step: int, config: dict) -> Path:
    """Write checkpoint `step` under `folder` beside its final name, rename it, and drop all but the newest two."""
    final, unfinished = folder / f"{PREFIX}{step:07d}", folder / f"unfinished-{step:07d}"
    if accelerator.is_main_process:
        shutil.rmtree(unfinished, ignore_errors=True)
    accelerator.wait_for_everyone()
    accelerator.save_state(str(unfinished))  # every process: each adds its own random state
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        (unfinished / "config.json").write_text(json.dumps(config, indent=2) + "\n")
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
        raise ValueError(f"no checkpoint to resume from in {folder}; start without --resume")
    return found[-1]


def load(accelerator: Accelerator, checkpoint: Path) -> dict:
    """Restore everything that `save` wrote; returns the configuration of the run that wrote it."""
    if not (checkpoint / "config.json").is_file():
        raise ValueError(f"{checkpoint} is not a checkpoint of a training run (it holds no config.json)")
    accelerator.load_state(str(checkpoint))
    return json.loads((checkpoint / "config.json").read_text())


def _all(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{PREFIX}*"), key=lambda path: int(path.name.removeprefix(PREFIX)))
