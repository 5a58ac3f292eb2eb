import hashlib
import json
import math

from conftest import smooth_photo
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.evaluation.benchmark import mean, measure, open_methods
from srgan_hub.evaluation.metrics import metrics_for
from srgan_hub.evaluation.report import as_json, index_entry, markdown, new_report, set_report


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


SMALL = [row("a", psnr=20.0), row("b", psnr=25.0, niqe=math.nan, seconds=1.5)]
PERFECT = [row("a", psnr=math.inf, niqe=math.nan), row("b", niqe=math.nan)]
REPORT = {
    "protocol": {"words": "as usual"},
    "sets": {"Mine": {"note": "2 images.", "results": {"bicubic": {"images": SMALL}, "perfect": {"images": PERFECT}}}},
}


def test_a_table_for_each_set():
    assert markdown(REPORT).splitlines() == [
        "as usual", "", "### Mine", "", "2 images.", "",
        "| method | PSNR-Y, dB | SSIM-Y | NIQE | s | megapixels/s |", "| --- | --- | --- | --- | --- | --- |",
        "| bicubic | 22.50 | 0.9000 | 5.00 (1) | 1.00 | 0.25 |",  # one of the two has a NIQE; half a megapixel in two seconds
        "| perfect | inf | 0.9000 | - | 0.50 | 0.50 |",
    ]  # fmt: skip


def test_json_is_strict():
    text = as_json(REPORT)
    assert "Infinity" not in text and "NaN" not in text
    perfect = json.loads(text)["sets"]["Mine"]["results"]["perfect"]["images"]
    assert (perfect[0]["psnr"], perfect[0]["niqe"], perfect[1]["psnr"]) == ("inf", None, 30.0)
