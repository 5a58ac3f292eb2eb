import hashlib
import math

import numpy as np
import pytest
from PIL import Image

from conftest import smooth_photo
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.evaluation.benchmark import measure, open_methods
from srgan_hub.evaluation.report import all_measures, index_entry, new_report, set_report


@pytest.fixture
def one(tmp_path):
    (tmp_path / "Mine" / "HR").mkdir(parents=True)
    for name, size in (("large", (208, 112)), ("small", (64, 48))):
        smooth_photo(*size).save(tmp_path / "Mine" / "HR" / f"{name}.png")
    return find_sets(tmp_path)[0]


def test_a_report_says_how_to_recompute_it(one):
    methods, scale = open_methods(["bicubic"])
    measures = all_measures()
    loaded = list(pairs(one, scale))
    rows = measure(methods[0].upscale, loaded, scale, measures)
    report = new_report(methods, scale, measures)
    entry = set_report(one, loaded, {"bicubic": rows})
    assert entry["sha256"]["small"] == {"hr": hashlib.sha256(one.hr["small"].read_bytes()).hexdigest()}
    assert entry["results"]["bicubic"]["mean"]["psnr"] == pytest.approx(np.mean([row["psnr"] for row in rows]))
    words = report["protocol"]["words"]
    assert "BT.601" in words and "4 px cut" in words and "Gaussian window" in words and "Computed by Pillow" in words
    assert entry["note"].startswith("2 images; LR made from HR by MATLAB-compatible bicubic; NIQE of HR: ")
    assert entry["note"].endswith("(1).")  # the small one has none
    found = index_entry(rows)
    assert found["psnr"] == ("PSNR-Y", round(entry["results"]["bicubic"]["mean"]["psnr"], 2))
    assert found.keys() == {"psnr", "ssim", "niqe", "feature_distance"}


def test_another_border_is_said():
    methods, scale = open_methods(["bicubic"], scale=2)
    report = new_report(methods, scale, {})
    assert "2 px cut" in report["protocol"]["words"]
    assert "feature distance" not in report["protocol"]["words"]


def test_original_is_perfect(one):
    loaded = list(pairs(one))
    originals = iter([hr for _, _, hr in loaded])
    rows = measure(lambda lr: Image.fromarray(next(originals)), loaded, 4, all_measures())
    for row in rows:
        assert row["psnr"] == row["psnr_rgb"] == row["lr_consistency"] == np.inf
        assert row["colour_shift"] == row["feature_distance"] == 0
        assert row["ssim"] == pytest.approx(1)


def test_what_no_picture_has_is_not_in_a_cards_index():
    row = {"image": "a", "psnr": math.inf, "ssim": 1.0, "niqe": math.nan, "seconds": 1.0, "megapixels": 1.0}
    assert index_entry([row]) == {"ssim": ("SSIM-Y", 1.0)}
