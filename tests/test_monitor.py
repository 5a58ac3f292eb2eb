import json
import math

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image

from conftest import smooth_photo
from srgan_hub.evaluation.benchmark import bicubic, mean, measure, validation_pairs
from srgan_hub.training.monitor import (
    GAP,
    SIDE,
    WON_UPDATES,
    Diverged,
    Health,
    TrainingLog,
    Validation,
    check_tracker,
    refuse_infinite,
)


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


WINS = {"D(hr)": 0.999, "D(sr)": 0.001}
HEALTHY = {"D(hr)": 0.7, "D(sr)": 0.3}


def test_discriminator_that_wins_for_good_is_reported_once():
    health = Health()
    heard = [health.warnings(WINS, 100) for _ in range(WON_UPDATES // 100 + 5)]
    assert [bool(words) for words in heard] == [False] * (WON_UPDATES // 100 - 1) + [True] + [False] * 5
    assert "told results from photos without a mistake for 500 updates" in heard[WON_UPDATES // 100 - 1][0]


def test_winning_again_is_reported_again():
    health = Health()
    assert health.warnings(WINS, WON_UPDATES)
    health.warnings(HEALTHY, 50)
    assert health.warnings(WINS, WON_UPDATES)


def test_what_is_not_finite_is_named():
    refuse_infinite({"pixel": 1.0}, 5, "")
    with pytest.raises(Diverged, match=r"update 5: pixel nan, adversarial inf; .*the checkpoint of update 4 is kept"):
        refuse_infinite({"pixel": math.nan, "d": 1.0, "adversarial": math.inf}, 5, "the checkpoint of update 4 is kept")


def test_one_process_ends_all():
    with pytest.raises(Diverged, match="not finite in another process"):
        refuse_infinite({"pixel": 1.0}, 5, "", agree=lambda flag: True)


@pytest.fixture
def pairs():
    return validation_pairs([np.asarray(smooth_photo(160, 140, seed=n)) for n in range(6)], 4)


def test_measures_are_those_of_the_benchmark(pairs):
    validation = Validation(pairs, 4)
    rows = measure(bicubic(4), pairs)
    found = validation(bicubic(4))
    assert found["psnr"] == mean(rows, "psnr")
    assert found["ssim"] == mean(rows, "ssim")
    assert found.keys() == {"psnr", "ssim", "feature_distance", "grid"}, "the images are too small for NIQE"
    assert len(validation) == 6


def test_grid_shows_lr_bicubic_sr_hr_of_the_first_four(pairs):
    grid = Validation(pairs, 4).grid(lambda lr: Image.new("RGB", (4 * lr.width, 4 * lr.height), "red"))
    assert grid.size == (4 * (SIDE + GAP) - GAP, 4 * (SIDE + GAP) - GAP)
    cells = [np.asarray(grid.crop((c * (SIDE + GAP), 0, c * (SIDE + GAP) + SIDE, SIDE))) for c in range(4)]
    _, lr, hr = pairs[0]
    y, x = (hr.shape[0] - SIDE) // 2, (hr.shape[1] - SIDE) // 2
    assert np.array_equal(cells[3], hr[y : y + SIDE, x : x + SIDE])
    assert (cells[2] == (255, 0, 0)).all()
    assert np.array_equal(cells[0], np.asarray(lr).repeat(4, 0).repeat(4, 1)[y : y + SIDE, x : x + SIDE])
    assert np.array_equal(cells[1], np.asarray(bicubic(4)(lr))[y : y + SIDE, x : x + SIDE])
