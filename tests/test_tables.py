import json
import math

import pytest

from srgan_hub.evaluation.report import as_json, markdown, means


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


def test_means_are_over_images_and_speed_over_all_seconds(results):
    found = means(results["Mine"]["bicubic"])
    assert found["psnr"] == 22.5
    assert found["speed"] == 0.25  # half a megapixel in two seconds
    assert found.keys() == {"psnr", "ssim", "niqe", "seconds", "speed"}


def test_json_is_strict(results):
    text = as_json({"results": results})
    assert "Infinity" not in text and "NaN" not in text
    perfect = json.loads(text)["results"]["Mine"]["perfect"]
    assert (perfect[0]["psnr"], perfect[0]["niqe"], perfect[1]["psnr"]) == ("inf", None, 30.0)
