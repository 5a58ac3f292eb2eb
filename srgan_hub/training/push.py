"""Push a run's result to the Hub during the run: in the background, with retries, and without endangering the run."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import shutil
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from srgan_hub.evaluation.metrics import METRICS
from srgan_hub.hub.card import fill, new_card
from srgan_hub.hub.load import hub_name, is_hub_id
from srgan_hub.hub.push import FILES, check_push, push
from srgan_hub.losses import LossConfig, describe
from srgan_hub.models.features import LiteFeatures
from srgan_hub.models.generator import Generator

logger = logging.getLogger(__name__)

TRIES, WAIT = 3, 5.0  # attempts, and seconds before the second one; twice as many before the third


class Pusher:
    """Uploads the result folder as it is at the moment of the call. A push never overtakes one that is still running."""

    def __init__(self, repo_id: str, folder: Path, private: bool = False):
        self.repo_id, self.folder, self.private = repo_id, folder, private
        self.pool = ThreadPoolExecutor(1)
        self.running: Future | None = None

    def check(self) -> None:
        """Make the repository before hours of training. A ValueError says why it cannot be made."""
        try:
            check_push(self.repo_id, self.private)
        except ValueError as error:
            raise ValueError(f"--push_to_hub {self.repo_id}: {error}") from error

    def start(self, step: int) -> None:
        """Push in the background, unless the last push is still running: the next one has newer weights anyway."""
        if self.running and not self.running.done():
            return
        try:
            copy = Path(tempfile.mkdtemp(prefix="srgan_hub-push-"))
            for name in FILES:
                if (self.folder / name).exists():
                    shutil.copy(self.folder / name, copy / name)
        except OSError as error:  # such as a full disk
            logger.warning("push of update %d to %s failed: %s", step, self.repo_id, _first_line(error))
            self.running = Future()
            self.running.set_result(False)
            return
        self.running = self.pool.submit(self._push, copy, step)

    def finish(self, step: int) -> bool:
        """Wait for a running push, then push the final state. Returns whether that worked."""
        if self.running:
            self.running.result()
        self.start(step)
        return self.running.result()

    def _push(self, copy: Path, step: int) -> bool:
        try:
            for attempt in range(1, TRIES + 1):
                try:
                    push(copy, self.repo_id, private=self.private, commit_message=f"Update {step} of the training")
                    return True
                except Exception as error:  # whatever it is, the run goes on
                    logger.warning("push of update %d to %s failed (%d of %d): %s", step, self.repo_id, attempt, TRIES,
                                   _first_line(error))  # fmt: skip
                    if attempt < TRIES:
                        time.sleep(WAIT * attempt)
            return False
        finally:
            shutil.rmtree(copy, ignore_errors=True)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


# The output of a run: a checkpoint folder that loads by itself, its card, and training.json with every setting.


RECORD = "training.json"
TRAINING = """
| | |
| --- | --- |
| command | `{command}` |
| updates | {updates}, {minutes} minutes |
| start | {pretrained} |
| data | {dataset}: {photographs} photographs; LR by degradation `{degradation}` (`bicubic`: as MATLAB's imresize) |
| loss | {loss} |
| perceptual network | {perceptual} |
| validation | {validation} |

<details><summary>Every setting</summary>

```yaml
{settings}
```

</details>
"""
UNNAMED = {"resume", "output_dir", "checkpoint_dir", "cache_dir", "max_train_time", "threads", "report_to", "log_every",
           "keep_checkpoints", "push_to_hub", "push_every", "private"}  # fmt: skip  # where and when it was trained, not what


def write_result(folder: Path, generator: Generator, card: str, record: dict) -> None:
    """Write the files beside their names and rename them, so that whoever reads the folder during a run finds whole files."""
    unfinished = folder / "unfinished-result"
    shutil.rmtree(unfinished, ignore_errors=True)
    generator.save_pretrained(unfinished)
    (unfinished / "README.md").write_text(card, encoding="utf-8")
    (unfinished / RECORD).write_text(json.dumps(record, indent=2) + "\n")
    for path in sorted(unfinished.iterdir(), key=lambda path: path.name == RECORD):  # the record last: it says that all is there
        os.replace(path, folder / path.name)
    unfinished.rmdir()


def finished(folder: Path, total: int) -> bool:
    """Whether `folder` holds the result of a run that has completed its `total` updates."""
    try:
        return json.loads((folder / RECORD).read_text())["updates"] >= total and (folder / "model.safetensors").is_file()
    except (OSError, ValueError, KeyError):
        return False


def public(config) -> dict:
    """Every option, fit for publication: paths on this machine, present or past, are reduced to their names."""
    return {name: _public(value) for name, value in dataclasses.asdict(config).items()}


def _public(value: object) -> object:
    if isinstance(value, str) and "," in value and not Path(value).exists():  # several datasets, layers, trackers
        return ",".join(str(_public(part.strip())) for part in value.split(","))
    return Path(value).resolve().name if isinstance(value, str) and value and (_far(value) or Path(value).exists()) else value


def _far(place: str) -> bool:
    """Whether a path, which need not exist, leads outside the folder in which the run was started."""
    return Path(place).is_absolute() or place.startswith("~") or ".." in Path(place).parts


def changed_options(config) -> dict:
    """The options that say what was trained, where they differ from their defaults."""
    standard = dataclasses.asdict(type(config)())
    return {k: v for k, v in public(config).items() if v != standard[k] and k not in UNNAMED}


def training_card(config, weights: LossConfig, generator: Generator, record: dict, network: str | None) -> str:
    """README.md of the result: what this run did. network: that of the content loss, if any."""
    options = " ".join(
        f"--{name}" if value is True else f"--{name} {value}" for name, value in changed_options(config).items()
    )
    perceptual = "none"
    if network == LiteFeatures.network:
        perceptual = f"{network}, ImageNet's; it is not the paper's VGG19"
    elif network and config.vgg_weights:
        perceptual = f"a stand-in, {Path(config.vgg_weights).name} ({network} layout); it is not the paper's VGG19"
    elif network:
        perceptual = "VGG19 with torchvision's ImageNet weights"
    validation = "not measured"
    if record["validation"]:
        measured = [(METRICS[key], value) for key, value in record["validation"].items()]
        numbers = ", ".join(f"{metric.name} {value:{metric.form}} {metric.unit}".strip() for metric, value in measured)
        validation = f"{numbers}; {record['held_out']}"
    taught = f"; {_public(config.teacher)}'s results in place of HR" if config.teacher else ""
    if config.teacher_patches:
        clean = f"{_public(config.clean_teacher)}'s results" if config.clean_teacher else "HR"
        taught += f" in HR's colors, {clean} where LR is within {config.clean_below} gray levels of the clean one"
    settings = "\n".join(f"{name}: {json.dumps(value)}" for name, value in record["config"].items())
    output = _public(config.output_dir) if _far(config.output_dir) else config.output_dir
    on_hub = is_hub_id(config.dataset) and not Path(config.dataset).exists()
    return new_card(
        name=(config.push_to_hub or str(Path(config.output_dir).resolve())).rpartition("/")[2],
        source=config.push_to_hub or output,
        scale=generator.scale,
        generator=generator.words,
        variant=config.variant,
        training=fill(
            TRAINING,
            command=f"accelerate launch train_accelerate.py {options} --output_dir {output}",
            updates=f"{record['updates']} of {config.max_train_steps}",
            minutes=f"{record['seconds'] / 60:.0f}",
            photographs=str(record["photographs"]),
            dataset=_public(config.dataset),
            degradation=config.degradation,
            loss=describe(weights, network) + taught,
            perceptual=perceptual,
            pretrained=_public(config.pretrained) or "from scratch",
            validation=validation,
            settings=settings,
        ).strip(),
        terms=terms_of(config.dataset, on_hub),
        datasets=(config.dataset,) if on_hub else (),
        base_model=hub_name(config.pretrained) or "",
    )


def terms_of(dataset: str, on_hub: bool) -> str:
    """A sentence on what governs weights trained on this dataset."""
    if "div2k" in dataset.lower():
        return "they were trained on DIV2K, which is for academic research only."
    if on_hub:
        page = f"[{dataset}](https://huggingface.co/datasets/{dataset})"
        return f"the terms of the photographs they were trained on govern them; see the page of {page}."
    return (
        f"the terms of the photographs they were trained on (`{_public(dataset)}`) govern them; these were not stated, so ask "
        "before using them."
    )
