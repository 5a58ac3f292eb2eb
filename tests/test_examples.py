import shutil

import numpy as np
import pytest
from PIL import Image

from conftest import read, smooth_photo
from srgan_hub import Upscaler
from srgan_hub.imaging.tiles import Box
from srgan_hub.ui import theme, view
from srgan_hub.ui.enlarge import Cut


def test_examples_are_small_enough_to_show_the_difference():
    assert len(theme.files()) >= 2
    assert all(max(read(path).size) <= 256 for path in theme.files())


@pytest.mark.parametrize("example", theme.files())
def test_the_results_that_come_with_the_page_are_the_models(example, tmp_path):
    copy = shutil.copy(example, tmp_path / "upload.png")
    assert theme.shipped(copy, theme.MODEL, 1.0) == theme.result_of(example)
    shipped = np.asarray(read(theme.result_of(example))).astype(int)
    now = np.asarray(Upscaler.from_pretrained(theme.MODEL)(read(example)))
    assert np.abs(shipped - now).mean() < 1  # another processor may compute in another precision


def test_other_photos_models_and_textures_are_computed(tmp_path):
    smooth_photo(20, 14).save(tmp_path / "a.png")
    example = theme.files()[0]
    assert theme.shipped(str(tmp_path / "a.png"), theme.MODEL, 1.0) is None
    assert theme.shipped(example, theme.MODEL, 0.5) is None
    assert theme.shipped(example, "srgan-x4", 1.0) is None


def test_an_example_is_shown_without_a_model(monkeypatch):
    monkeypatch.setattr(view, "open_upscaler", None)
    example = theme.files()[0]
    shown = view.enlarged(example, Cut(), Box(10, 20, 60, 50), theme.MODEL, 1.0, 4)
    with Image.open(theme.result_of(example)) as whole:
        assert np.array_equal(np.asarray(shown), np.asarray(whole.convert(shown.mode).crop((40, 80, 240, 200))))
