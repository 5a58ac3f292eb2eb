import csv
import hashlib
import io
import json
import math

import pytest

from conftest import smooth_photo
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.evaluation.benchmark import mean, measure, open_methods
from srgan_hub.evaluation.metrics import metrics_for
from srgan_hub.evaluation.report import as_csv, as_json, index_entry, markdown, means, new_report, set_report


def test_a_report_says_how_to_recompute_it(tmp_path):
    for name, size in (("large", (208, 112)), ("small", (64, 48))):
        (tmp_path / "Mine" / "HR").mkdir(parents=True, exist_ok=True)
        smooth_photo(*size).save(tmp_path / "Mine" / "HR" / f"{name}.png")
    one, methods, metrics = find_sets(tmp_path)[0], open_methods(["bicubic"])[0], metrics_for("table")
    loaded = list(pairs(one, 4))
    rows = measure(methods[0].upscale, loaded, 4, metrics)
    entry = set_report(one, loaded, {"bicubic": rows})
    assert entry["sha256"]["small"] == {"hr": hashlib.sha256(one.hr["small"].read_bytes()).hexdigest()}
    assert entry["results"]["bicubic"]["mean"]["psnr"] == mean(rows, "psnr")
    assert entry["note"].startswith("2 images; LR made from HR by MATLAB-compatible bicubic; NIQE of HR: ")
    assert entry["note"].endswith("(1).")  # the small one has none
    protocol = new_report(methods, 4, metrics)["protocol"]
    assert {"PSNR-Y, SSIM-Y", "SSIM", "NIQE", "feature distance", "means"} <= protocol.keys() and "blocks" not in protocol
    assert "4 px cut" in protocol["words"] and "Computed by Pillow" in protocol["words"]
    assert "2 px cut" in new_report(methods, 2, metrics)["protocol"]["words"]
    found = index_entry(rows)
    assert found["psnr"] == ("PSNR-Y", round(mean(rows, "psnr"), 2))
    assert found.keys() == {"psnr", "ssim", "niqe", "feature_distance"}


def test_what_no_picture_has_is_not_in_a_cards_index():
    assert index_entry([row("a", psnr=math.inf, niqe=math.nan)]) == {"ssim": ("SSIM-Y", 0.9)}


def row(image, **values):
    known = {"psnr": 30.0, "ssim": 0.9, "niqe": 5.0, "seconds": 0.5, "megapixels": 0.25}
    return {"image": image, **known, **values}


@pytest.fixture
def results():
    small = [row("a", psnr=20.0), row("b", psnr=25.0, niqe=math.nan, seconds=1.5)]
    perfect = [row("a", psnr=math.inf, niqe=math.nan), row("b", niqe=math.nan)]
    return {"Mine": {"bicubic": small, "perfect": perfect}}


def test_a_table_for_each_set(results):
    text = markdown({**results, "Other": results["Mine"]}, {"Mine": "2 images; LR as given."})
    lines = text.splitlines()
    assert lines[:4] == ["### Mine", "", "2 images; LR as given.", ""]
    assert lines[4] == "| method | PSNR-Y, dB | SSIM-Y | NIQE | s | megapixels/s |"
    assert lines[6] == "| bicubic | 22.50 | 0.9000 | 5.00 (1) | 1.00 | 0.25 |"  # one of the two has a NIQE
    assert lines[7] == "| perfect | inf | 0.9000 | - | 0.50 | 0.50 |"
    assert "### Other\n\n2 images.\n" in text
    assert means(results["Mine"]["bicubic"])["speed"] == 0.25  # half a megapixel in two seconds


def test_json_is_strict(results):
    text = as_json({"results": results})
    assert "Infinity" not in text and "NaN" not in text
    perfect = json.loads(text)["results"]["Mine"]["perfect"]
    assert (perfect[0]["psnr"], perfect[0]["niqe"], perfect[1]["psnr"]) == ("inf", None, 30.0)


def test_csv_has_a_line_an_image(results):
    lines = list(csv.DictReader(io.StringIO(as_csv(results))))
    assert [(line["set"], line["method"], line["image"], line["psnr"], line["niqe"]) for line in lines] == [
        ("Mine", "bicubic", "a", "20.0", "5.0"), ("Mine", "bicubic", "b", "25.0", ""),
        ("Mine", "perfect", "a", "inf", ""), ("Mine", "perfect", "b", "30.0", ""),
    ]  # fmt: skip
