import json

import pytest
import torch
from accelerate import Accelerator

from srgan_hub.training.monitor import TrainingLog, check_tracker


def test_line_is_the_mean_of_its_updates_and_is_kept(tmp_path, capsys):
    log = TrainingLog(Accelerator(cpu=True), tmp_path, total=10, images=16)
    for pixel, norm in ((1.0, None), (3.0, 8.0)):  # two batches of one update: the gradient's norm is known at its end
        log.add({"pixel": torch.tensor(pixel), "g_norm": norm and torch.tensor(norm)}, waited=0.0)
    log.updated()
    log.line(1, log.means(), rate=1e-4)
    log.add({"pixel": torch.tensor(5.0)}, waited=0.0)
    log.updated()
    log.line(2, log.means(), rate=1e-4)
    shown = capsys.readouterr().out
    assert "update 1/10  pixel 2.00000  g_norm 8.00000  lr 1.00e-04" in shown
    assert "update 2/10  pixel 5.00000  lr" in shown
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(row["update"], row["pixel"]) for row in rows] == [(1, 2.0), (2, 5.0)]


def test_missing_tracker_is_an_error():
    assert check_tracker("none") is None
    assert check_tracker("tensorboard") == ["tensorboard"]
    with pytest.raises(ValueError, match=r"--report_to trackio: not installed here \(pip install trackio\)"):
        check_tracker("tensorboard,trackio")
