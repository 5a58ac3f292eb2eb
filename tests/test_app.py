import gradio as gr
import numpy as np
import pytest
from PIL import Image

import app
from conftest import read, smooth_photo
from srgan_hub import Upscaler


@pytest.fixture
def tiny(monkeypatch, tiny_generator):
    upscaler = Upscaler(tiny_generator)
    monkeypatch.setattr(app, "load", lambda name: upscaler)
    return upscaler


def test_result_is_the_upscalers_and_bicubic_stands_beside_it(tiny, tmp_path):
    smooth_photo(20, 14).save(tmp_path / "my photo.png")
    (plain, shown), download = app.upscale(str(tmp_path / "my photo.png"), progress=lambda *a, **k: None)
    expected = tiny(read(tmp_path / "my photo.png"))
    assert shown == download
    assert download.endswith("my photo_x4.png")
    assert np.array_equal(np.asarray(read(download)), np.asarray(expected))
    bicubic = read(tmp_path / "my photo.png").resize((80, 56), Image.Resampling.BICUBIC)
    assert np.array_equal(np.asarray(read(plain)), np.asarray(bicubic))


def test_turned_and_transparent_pictures_give_equal_pairs(tiny, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 8
    smooth_photo(20, 14).convert("RGBA").save(tmp_path / "a.png", exif=exif)
    (plain, shown), _ = app.upscale(str(tmp_path / "a.png"), progress=lambda *a, **k: None)
    assert read(plain).size == read(shown).size == (56, 80)
    assert read(plain).mode == read(shown).mode == "RGBA"


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "Choose a photo first"), (b"not a picture", "not a picture"), ("huge", "megapixels")]
)
def test_mistakes_are_one_sentence(tiny, tmp_path, content, sentence):
    path = tmp_path / "photo.png"
    if content == "huge":
        Image.new("L", (2000, 1001)).save(path)
    elif content:
        path.write_bytes(content)
    with pytest.raises(gr.Error, match=sentence) as caught:
        app.upscale(str(path) if content else None, progress=lambda *a, **k: None)
    assert not caught.value.print_exception


def test_examples_are_small_enough_to_show_the_difference():
    assert len(app.EXAMPLES) >= 2
    assert all(max(read(path).size) <= 256 for path in app.EXAMPLES)


def test_page_has_the_named_endpoint():
    names = [f.api_name for f in app.build().fns.values()]
    assert "upscale" in names
