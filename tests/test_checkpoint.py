import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

import warm_start
from conftest import ROOT, equal, state_of
from srgan_hub.training import checkpoint


@pytest.fixture
def written(tmp_path):
    """Three checkpoints of a one-layer network, the older two kept as they are."""
    accelerator = Accelerator(cpu=True)
    accelerator.prepare(torch.nn.Linear(2, 2))
    for step in (10, 20, 30):
        checkpoint.save(accelerator, tmp_path, step, {"variant": "srresnet-mse", "lr": 1e-4}, keep=3)
    return tmp_path


def test_newest_is_found_and_its_configuration_read(written):
    assert checkpoint.find(written, "latest").name == "checkpoint-0000030"
    assert checkpoint.configuration(written / "checkpoint-0000020") == {"variant": "srresnet-mse", "lr": 1e-4}


def test_only_the_newest_are_kept(written):
    accelerator = Accelerator(cpu=True)
    (written / "checkpoint-0000010-mine").mkdir()
    checkpoint.save(accelerator, written, 40, {}, keep=2)
    names = sorted(path.name for path in written.iterdir())
    assert names == ["checkpoint-0000010-mine", "checkpoint-0000030", "checkpoint-0000040"]


@pytest.mark.parametrize("damage", ["flipped bit", "cut", "missing", "no record", "record cut"])
def test_damaged_checkpoint_is_passed_over_with_a_warning(written, damage, caplog):
    newest = written / "checkpoint-0000030"
    weights, record = newest / "model.safetensors", newest / "run.json"
    data = weights.read_bytes()
    if damage == "flipped bit":
        weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == "cut":
        weights.write_bytes(data[:-5])
    elif damage == "missing":
        weights.unlink()
    elif damage == "no record":
        record.unlink()
    else:
        record.write_text(record.read_text()[:40])
    assert checkpoint.find(written, "latest").name == "checkpoint-0000020"
    assert "skipped" in caplog.text
    with pytest.raises(ValueError, match=r"cannot be resumed: .*(damaged|missing|holds no run.json)"):
        checkpoint.find(written, str(newest))


def test_nothing_whole_is_one_sentence(written, tmp_path):
    for path in written.glob("checkpoint-*"):
        (path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match=r"every checkpoint in .* is damaged"):
        checkpoint.find(written, "latest")
    with pytest.raises(ValueError, match="start without --resume"):
        checkpoint.find(tmp_path / "empty", "latest")


def command(photos, output, *more):
    sizes = "--width 4 --blocks 1 --crop 16 --batch_size 2 --checkpoint_every 4 --log_every 1"
    places = ["--dataset", str(photos), "--output_dir", str(output)]
    return [sys.executable, "train_accelerate.py", "--variant", "srgan-mse", *places,
            *sizes.split(), "--report_to", "none", "--validation", "none", "--threads", "1", *more]  # fmt: skip


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_kills_change_nothing(photo_folder, tmp_path, kills, report):
    """kill -9 at random moments, a third of them within the writing of a checkpoint: the end is the same, bit for bit."""
    updates = ["--max_train_steps", str(7 * kills)]
    settings = dict(cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    whole = subprocess.run(command(photo_folder, tmp_path / "whole", *updates), **settings)
    assert whole.returncode == 0, whole.stdout

    checkpoints = tmp_path / "cut" / "checkpoints"
    moments = random.Random(0)
    in_writing = 0
    for number in range(kills):
        writing = number % 3 == 2
        environment = {**os.environ, **({checkpoint.PAUSE: "0.2"} if writing else {})}
        _, *arguments = command(photo_folder, tmp_path / "cut", "--resume", "auto", *updates)
        with warm_start.started(arguments, environment, ROOT) as (run, lines):
            seen, wanted = "", moments.randint(1, 9)
            for line in lines:
                seen += line
                wanted -= line.startswith("update ")
                if wanted == 0:
                    break
            else:
                raise AssertionError(f"ended by itself: {seen}")
            if writing:
                while not list(checkpoints.glob("unfinished-*")) and run.is_alive():
                    time.sleep(0.005)
                time.sleep(moments.uniform(0, 0.4))
            else:
                time.sleep(moments.uniform(0, 0.2))
            assert run.is_alive(), seen
            os.killpg(run.pid, signal.SIGKILL)
            run.join()
        in_writing += bool(list(checkpoints.glob("unfinished-*")))
    assert in_writing >= kills // 3

    last = subprocess.run(command(photo_folder, tmp_path / "cut", "--resume", "auto", *updates), **settings)
    assert last.returncode == 0, last.stdout
    assert "resumed" in last.stdout
    assert equal(state_of(tmp_path / "whole"), state_of(tmp_path / "cut"))
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut")]
    assert equal(*weights)
    assert not list(checkpoints.glob("unfinished-*"))
    assert json.loads((tmp_path / "cut" / "training.json").read_text())["updates"] == 7 * kills
    report(kills=kills, in_the_writing_of_a_checkpoint=in_writing, updates=7 * kills)
