"""The published numbers, docs/results.json and docs/paper.json: what is drawn from them, and the weights they are of."""

import hashlib
import json

import pytest

from benchmarks.reproduction import DOCS, REPORTS, page
from conftest import ROOT
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.evaluation.benchmark import measure, open_methods
from srgan_hub.evaluation.metrics import METRICS
from srgan_hub.evaluation.report import from_json, markdown
from srgan_hub.hub.card import RESULTS, block

REPORT, PAPER = (json.loads((DOCS / name).read_text()) for name in REPORTS)
BUNDLED = ("srresnet-x4", "srgan-x4", "srgan-x4-vivid", "srresnet-x4-photo", "srgan-x4-photo", "srresnet-x4-lite",
           "srgan-x4-lite", "srgan-x4-photo-large")  # fmt: skip
TABLE_1 = ("srgan-mse", "srgan-vgg22", "srgan-vgg54", "srresnet-vgg22")  # rows of the paper's; in the repository only


def rows(report: dict = REPORT) -> dict:
    """The report's rows as `measure` gave them."""
    return {
        name: {
            method: [{key: v if key == "image" else from_json(v) for key, v in row.items()} for row in result["images"]]
            for method, result in one["results"].items()
        }
        for name, one in report["sets"].items()
    }


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
    notes = {name: one["note"] for name, one in report["sets"].items()}
    text = (ROOT / path).read_text(encoding="utf-8")
    assert block(text, RESULTS) == f"{report['protocol']['words']}\n\n{markdown(rows(report), notes)}"


def test_reproduction_is_drawn_from_the_reports():
    assert (DOCS / "reproduction.md").read_text(encoding="utf-8") == page(REPORT, PAPER)


def test_images_are_those_of_the_manifest():
    assert all("files as in the manifest" in one["note"] for report in (REPORT, PAPER) for one in report["sets"].values())


def test_measured_again_they_are_the_same(benchmark_sets):
    """With the weights as they are shipped, in float32, on this machine; the smallest image."""
    smallest = min(pairs(find_sets(benchmark_sets / "Set5")[0]), key=lambda pair: pair[1].width * pair[1].height)
    known = rows(PAPER)["Set5"] | rows()["Set5"]
    of_table_1 = [str(ROOT / "weights" / "paper" / name) for name in TABLE_1]
    slack = {"psnr": 0.005, "ssim": 5e-5, "psnr_rgb": 0.005, "colour_shift": 0.01}
    for method in open_methods(["nearest", "bicubic", *BUNDLED, *of_table_1])[0]:
        (row,) = measure(method.upscale, [smallest], metrics=[METRICS[key] for key in slack])
        (same,) = (known_row for known_row in known[method.name] if known_row["image"] == row["image"])
        for key, most in slack.items():
            assert row[key] == pytest.approx(same[key], abs=most), (method.name, key)
