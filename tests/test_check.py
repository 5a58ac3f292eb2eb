import numpy as np
import pytest
from PIL import Image

from conftest import read, smooth_photo
from srgan_hub import SRGANGenerator, Upscaler
from srgan_hub.evaluation.benchmark import bicubic
from srgan_hub.evaluation.metrics import Compared, psnr
from srgan_hub.imaging.io import ImageError
from srgan_hub.imaging.resize import shrunk
from srgan_hub.imaging.tiles import most_detailed
from srgan_hub.ui import check
from srgan_hub.ui.check import HEIGHT, WIDTH, Check, evaluate, regions, table

ROWS = {
    "bicubic": {"psnr": 26.5, "ssim": 0.7, "niqe": float("nan"), "seconds": 0.01},
    "srgan-x4": {"psnr": 27.25, "ssim": 0.69, "niqe": 4.5, "seconds": 0.5},
}


@pytest.fixture
def tiny(monkeypatch, tiny_generator):
    upscaler = Upscaler(tiny_generator, tile=16)
    monkeypatch.setattr(check, "open_upscaler", lambda model: upscaler)
    return upscaler


def test_each_method_is_measured_against_what_was_shrunk(tiny, tmp_path):
    smooth_photo(130, 99).save(tmp_path / "a.png")
    seen = []
    found = evaluate(str(tmp_path / "a.png"), ["bicubic", "srgan-x4"], seen.append)
    lr, hr = shrunk(np.asarray(smooth_photo(130, 99)), 4)
    assert np.array_equal(np.asarray(found.original), hr)
    assert found.small == (32, 24)
    for method, upscale in (("bicubic", bicubic(4)), ("srgan-x4", tiny)):
        result = np.asarray(upscale(lr))
        assert np.array_equal(np.asarray(found.results[method]), result)
        assert found.rows[method]["psnr"] == psnr(*Compared(result, hr, np.asarray(lr)).y)
    assert {"psnr", "ssim", "niqe", "seconds"} <= found.rows["bicubic"].keys()
    assert [step.share for step in seen] == sorted(step.share for step in seen)
    assert seen[-1].words == "srgan-x4, 2 of 2: tile 4 of 4"


def test_of_a_large_picture_a_part_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "SIDE", 96)
    smooth_photo(300, 80).save(tmp_path / "a.png")
    assert evaluate(str(tmp_path / "a.png"), ["bicubic"], print).original.size == (96, 80)


def test_what_cannot_be_checked_is_a_sentence(tmp_path, monkeypatch):
    for name, size in (("small", (63, 200)), ("large", (64, 200))):
        Image.new("RGB", size).save(tmp_path / f"{name}.png")
    SRGANGenerator(scale=2, width=4, blocks=1).save_pretrained(tmp_path / "two")
    monkeypatch.setenv("SRGAN_MODELS", f"srgan-x4 {tmp_path / 'two'}")
    for name, methods, said in (
        (None, ["bicubic"], "Choose a photo"),
        ("small", ["bicubic"], "at least 64×64 pixels, got 63×200"),
        ("large", [], "at least one model"),
        ("large", ["srgan-x4", str(tmp_path / "two")], "different factors"),
    ):
        with pytest.raises(ImageError, match=said):
            evaluate(name and str(tmp_path / f"{name}.png"), methods, print)


def test_the_table_has_every_number_and_marks_the_best():
    said = table(Check(Image.new("RGB", (96, 80)), (24, 20), ROWS, {}, 3.25), {"srgan-x4": "<Clean>"})
    for part in ("<td>26.50</td>", "<td><strong>27.25</strong></td>", "<td><strong>0.7000</strong></td>", "<td>–</td>",
                 "<td><strong>0.01</strong></td>", "24×20", "96×80", "NIQE is 3.25", "&lt;Clean&gt;"):  # fmt: skip
        assert part in said


def test_what_stays_of_a_check_are_files(tmp_path):
    original, restored = smooth_photo(800, 600, seed=1), smooth_photo(800, 600, seed=2)
    box = most_detailed(original, (WIDTH, HEIGHT))
    pairs = regions(Check(original, (200, 150), ROWS, {"a/../b": restored, "bicubic": original}, 3.0), tmp_path)
    for method, picture in (("a/../b", restored), ("bicubic", original)):
        left, right = (read(path) for path in pairs[method])
        assert pairs[method][0].startswith(f"{tmp_path}/restored-")
        assert left.tobytes() == picture.crop(box).tobytes() and right.tobytes() == original.crop(box).tobytes()
