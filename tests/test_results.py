"""The published numbers, docs/results.json and docs/paper.json: what is drawn from them, and the weights they are of."""

import hashlib
import json
import math

import pytest

from benchmarks.reproduction import DOCS, REPORTS, page
from conftest import ROOT
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.evaluation.benchmark import measure, open_methods
from srgan_hub.evaluation.metrics import METRICS
from srgan_hub.evaluation.report import markdown
from srgan_hub.hub.card import RESULTS, block

BUNDLED = ("srresnet-x4", "srgan-x4", "srgan-x4-vivid", "srresnet-x4-photo", "srgan-x4-photo", "srresnet-x4-lite",
           "srgan-x4-lite", "srgan-x4-photo-large", "srgan-x4-photo-lite")  # fmt: skip
TABLE_1 = ("srgan-mse", "srgan-vgg22", "srgan-vgg54", "srresnet-vgg22")  # rows of the paper's; in the repository only


def as_measured(value):
    """What JSON can not hold as it was."""
    if isinstance(value, dict):
        return {key: as_measured(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_measured(item) for item in value]
    return {None: math.nan, "inf": math.inf}.get(value, value)


REPORT, PAPER = (as_measured(json.loads((DOCS / name).read_text())) for name in REPORTS)


def test_numbers_are_those_of_the_shipped_weights():
    for report, folder, names in ((REPORT, "srgan_hub/pretrained", BUNDLED), (PAPER, "weights/paper", TABLE_1)):
        for name in names:
            weights = (ROOT / f"{folder}/{name}/model.safetensors").read_bytes()
            assert report["methods"][name]["weights_sha256"] == hashlib.sha256(weights).hexdigest()


@pytest.mark.parametrize(
    ("report", "path"),
    [(REPORT, "README.md"), *((REPORT, f"srgan_hub/pretrained/{name}/README.md") for name in BUNDLED),
     *((PAPER, f"weights/paper/{name}/README.md") for name in TABLE_1)],
)  # fmt: skip
def test_every_table_is_drawn_from_the_report(report, path):
    assert block((ROOT / path).read_text(encoding="utf-8"), RESULTS) == markdown(report)


def test_reproduction_is_drawn_from_the_reports():
    assert (DOCS / "reproduction.md").read_text(encoding="utf-8") == page(REPORT, PAPER)


def test_images_are_those_of_the_manifest():
    assert all("files as in the manifest" in one["note"] for report in (REPORT, PAPER) for one in report["sets"].values())


def test_measured_again_they_are_the_same(benchmark_sets):
    """A network of each kind, in float32, on this machine; the smallest image."""
    smallest = min(pairs(find_sets(benchmark_sets / "Set5")[0]), key=lambda pair: pair[1].width * pair[1].height)
    known = REPORT["sets"]["Set5"]["results"]
    slack = {"psnr": 0.005, "ssim": 5e-5, "psnr_rgb": 0.005, "colour_shift": 0.01}
    for method in open_methods(["nearest", "bicubic", "srgan-x4", "srgan-x4-lite", "srgan-x4-photo-large"])[0]:
        (row,) = measure(method.upscale, [smallest], metrics=[METRICS[key] for key in slack])
        (same,) = (known_row for known_row in known[method.name]["images"] if known_row["image"] == row["image"])
        for key, most in slack.items():
            assert row[key] == pytest.approx(same[key], abs=most), (method.name, key)
