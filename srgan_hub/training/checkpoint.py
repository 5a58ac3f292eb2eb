"""Checkpoints of a training run: written completely or not at all, verified when read; damaged ones are skipped.

A checkpoint folder holds everything that a run continues from (networks, optimizers, average, counters, random states), as
Accelerate writes it, and run.json: the configuration and the SHA-256 of every other file."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from pathlib import Path

from accelerate import Accelerator
from safetensors import SafetensorError

logger = logging.getLogger(__name__)

PREFIX, UNFINISHED = "checkpoint-", "unfinished-"
CONFIG = "run.json"
PAUSE = "SRGAN_HUB_CHECKPOINT_PAUSE"  # seconds; lets tests widen the moments in which a kill could do harm


def save(accelerator: Accelerator, folder: Path, step: int, config: dict, keep: int = 2) -> Path:
    """Write checkpoint `step` in `folder` beside its final name, rename it, and keep only the newest `keep` up to it.

    Raises ValueError if it cannot be written; earlier checkpoints stay intact."""
    final, unfinished = folder / f"{PREFIX}{step:07d}", folder / f"{UNFINISHED}{step:07d}"
    try:
        _write(accelerator, folder, final, unfinished, config, keep)
    except (OSError, RuntimeError, SafetensorError) as error:  # torch and safetensors have their own errors for a full disk
        room = shutil.disk_usage(folder).free
        shutil.rmtree(unfinished, ignore_errors=True)
        if isinstance(error, RuntimeError) and "writ" not in str(error):
            raise
        raise ValueError(
            f"checkpoint {step} cannot be written in {folder} ({str(error).splitlines()[0]}; {room / 1e6:.1f} MB were free); the "
            "previous one is intact: free some space, then continue with --resume latest"
        ) from error
    return final


def _write(accelerator: Accelerator, folder: Path, final: Path, unfinished: Path, config: dict, keep: int) -> None:
    if accelerator.is_main_process:
        for left in folder.glob(f"{UNFINISHED}*"):  # left by a killed run
            shutil.rmtree(left, ignore_errors=True)
    accelerator.wait_for_everyone()
    accelerator.save_state(str(unfinished))  # every process: each adds its own random state
    _pause()
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        hashes = {path.name: _sha256(path) for path in sorted(unfinished.iterdir())}
        (unfinished / CONFIG).write_text(json.dumps({"config": config, "sha256": hashes}, indent=2) + "\n")
        for path in unfinished.iterdir():
            _to_disk(path)
        _pause()
        shutil.rmtree(final, ignore_errors=True)
        unfinished.rename(final)
        _to_disk(folder)
        _pause()
        every = _all(folder)
        newest = every[: every.index(final) + 1][-keep:]  # later ones belong to a course that this run has abandoned
        for other in every:
            if other not in newest:
                shutil.rmtree(other, ignore_errors=True)
    accelerator.wait_for_everyone()


def load(accelerator: Accelerator, checkpoint: Path) -> None:
    """Load a checkpoint into everything prepared or registered. Raises ValueError if it is of other networks."""
    try:
        accelerator.load_state(str(checkpoint))
    except (RuntimeError, ValueError, OSError) as error:
        raise ValueError(
            f"{checkpoint} does not fit the networks of these options; give the architecture, --crop and loss weights that it "
            f"was started with (they are in its {CONFIG}), or start another run with --pretrained"
        ) from error
    accelerator.step = 0  # batches since the last update: none, however many made up an update before


def find(folder: Path, name: str) -> Path:
    """The checkpoint to resume: a folder by name, or "latest", the newest intact one; damaged ones are skipped with a warning.

    Raises ValueError if there is none, or if the named one is damaged or is not a checkpoint."""
    if name != "latest":
        if fault := _fault(Path(name)):
            raise ValueError(f"{name} cannot be resumed: {fault}")
        return Path(name)
    faults = []
    for found in reversed(_all(folder)):
        fault = _fault(found)
        if fault is None:
            return found
        logger.warning("skipped %s: %s", found, fault)
        faults.append(fault)
    if faults:
        raise ValueError(f"every checkpoint in {folder} is damaged ({faults[0]}); start again in another --output_dir")
    raise ValueError(f"no checkpoint to resume from in {folder}; start without --resume, or name the run's --output_dir")


def configuration(checkpoint: Path) -> dict:
    """Configuration of the run that wrote a checkpoint."""
    return json.loads((checkpoint / CONFIG).read_text())["config"]


def exists(folder: Path) -> bool:
    """Whether a run has left checkpoints under `folder`."""
    return bool(_all(folder))


def _fault(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint; None if it is intact."""
    try:
        hashes = json.loads((checkpoint / CONFIG).read_text())["sha256"]
    except FileNotFoundError:
        return f"it holds no {CONFIG}, so it is not a checkpoint of a training run; those are in OUTPUT_DIR/checkpoints"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"its {CONFIG} is damaged ({type(error).__name__})"
    for name, wanted in hashes.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is missing"
        if _sha256(path) != wanted:
            return f"{name} is damaged"
    return None


def _all(folder: Path) -> list[Path]:
    found = [path for path in folder.glob(f"{PREFIX}*") if path.name.removeprefix(PREFIX).isdigit()]
    return sorted(found, key=lambda path: int(path.name.removeprefix(PREFIX)))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    """Flush a file or folder, so that it survives even a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _pause() -> None:
    time.sleep(float(os.environ.get(PAUSE, 0)))
