"""`make train-gpu` rehearsed on the CPU: two calls, on a machine that has neither datasets nor gradio nor tensorboard."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import Dataset, Features, Image

from conftest import ROOT, equal, state_of
from srgan_hub.data.sources import open_splits

TINY = "--variant srgan-mse --width 4 --blocks 1 --crop 32 --batch_size 2 --no-compile --validate_every 100 --threads 1"


@pytest.fixture
def shards(photo_folder, tmp_path):
    """The photographs as parquet shards, as they travel."""
    folder = tmp_path / "shards"
    folder.mkdir()
    for split, images in open_splits(str(photo_folder)).items():
        rows = [{"bytes": Path(images[i]).read_bytes(), "path": None} for i in range(len(images))]
        Dataset.from_dict({"image": rows}, Features({"image": Image()})).to_parquet(folder / f"{split}-00000-of-00001.parquet")
    return folder


@pytest.fixture
def bare(tmp_path):
    """An environment in which what a lent machine lacks cannot be imported."""
    lacking = tmp_path / "lacking"
    for name in ("datasets", "gradio", "tensorboard"):
        (lacking / name).mkdir(parents=True)
        (lacking / name / "__init__.py").write_text(f"raise ModuleNotFoundError('No module named {name!r}')")
    return {**os.environ, "PYTHONPATH": str(lacking)}


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_two_calls_are_one_long_run(shards, bare, tmp_path):
    def call(name, time, steps=20):
        arguments = [f"PYTHON={sys.executable}", f"DATA={shards}", f"OUT={tmp_path / name}", f"STATE={tmp_path / name}-state"]
        options = f"OPTIONS={TINY} --max_train_steps {steps} --log_every 1 --checkpoint_every 10"
        done = subprocess.run(
            ["make", "-s", "train-gpu", *arguments, f"TIME={time}", options],
            cwd=ROOT, env=bare, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    call("whole", "9m")
    first = call("cut", "0.01s")  # time is up after the first update
    assert "stopped after update 1 (the time is up)" in first
    result = json.loads((tmp_path / "cut" / "training.json").read_text())
    assert result["updates"] == 1  # weights, card and log are there after every call
    assert {"model.safetensors", "log.jsonl", "README.md"} <= {path.name for path in (tmp_path / "cut").iterdir()}
    second = call("cut", "9m")
    assert "resumed" in second
    assert "updates 1 to 20" in second
    assert equal(state_of(tmp_path / "whole-state"), state_of(tmp_path / "cut-state"))
