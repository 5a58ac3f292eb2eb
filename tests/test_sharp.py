import numpy as np
import pytest
from PIL import Image

from conftest import smooth_photo
from srgan_hub import Upscaler
from srgan_hub.evaluation.benchmark import bicubic
from srgan_hub.evaluation.metrics import measured_area, psnr
from srgan_hub.imaging.io import ImageError
from srgan_hub.imaging.resize import shrunk
from srgan_hub.ui import check
from srgan_hub.ui.check import evaluate


@pytest.fixture
def tiny(monkeypatch, tiny_generator):
    upscaler = Upscaler(tiny_generator, tile=16)
    monkeypatch.setattr(check, "open_upscaler", lambda model: upscaler)
    return upscaler


def run(*arguments):
    seen, running = [], evaluate(*arguments)
    while True:
        try:
            seen.append(next(running))
        except StopIteration as end:
            return seen, end.value


def test_each_method_is_measured_against_what_was_shrunk(tiny, tmp_path):
    smooth_photo(130, 99).save(tmp_path / "a.png")
    seen, check = run(str(tmp_path / "a.png"), ["bicubic", "srgan-x4"])
    lr, hr = shrunk(np.asarray(smooth_photo(130, 99)), 4)
    assert np.array_equal(np.asarray(check.original), hr)
    assert check.small == (32, 24)
    for method, upscale in (("bicubic", bicubic(4)), ("srgan-x4", tiny)):
        result = np.asarray(upscale(lr))
        assert np.array_equal(np.asarray(check.results[method]), result)
        assert check.rows[method]["psnr"] == psnr(*measured_area(result, hr))
    assert {"psnr", "ssim", "niqe", "seconds"} <= check.rows["bicubic"].keys()
    assert [step.share for step in seen] == sorted(step.share for step in seen)
    assert seen[-1].words == "srgan-x4, 2 of 2: tile 4 of 4"


def test_of_a_large_picture_a_part_is_measured(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(check, "SIDE", 96)
    smooth_photo(300, 80).save(tmp_path / "a.png")
    _, found = run(str(tmp_path / "a.png"), ["bicubic"])
    assert found.original.size == (96, 80)


def test_what_cannot_be_checked_is_a_sentence(tiny, tmp_path):
    path = str(tmp_path / "a.png")
    with pytest.raises(ImageError, match="Choose a photo"):
        run(None, ["bicubic"])
    Image.new("RGB", (63, 200)).save(path)
    with pytest.raises(ImageError, match="at least 64×64 pixels, got 63×200"):
        run(path, ["bicubic"])
    with pytest.raises(ImageError, match="at least one model"):
        run(path, [])
    Image.new("RGB", (64, 200)).save(tmp_path / "b.png")
    tiny.scale = 2
    with pytest.raises(ImageError, match="srgan-x4 enlarges 2 times"):
        run(str(tmp_path / "b.png"), ["srgan-x4"])


def test_closing_ends_it(tiny, tmp_path):
    smooth_photo(130, 99).save(tmp_path / "a.png")
    running = evaluate(str(tmp_path / "a.png"), ["srgan-x4"])
    next(running), next(running)
    running.close()
    assert list(running) == []
