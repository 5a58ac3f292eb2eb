import numpy as np
import pytest

from conftest import read, smooth_photo
from srgan_hub import Upscaler
from srgan_hub.cli import main
from srgan_hub.imaging.resize import Target


@pytest.mark.parametrize(
    ("target", "size", "label"),
    [
        (Target(), (400, 120), "x4"),
        (Target(scale=2), (200, 60), "x2"),
        (Target(scale=1.5), (150, 45), "x1.5"),
        (Target(scale=1), (100, 30), "x1"),
        (Target(longest=333), (333, 100), "333"),
        (Target(longest=400), (400, 120), "400"),
    ],
)
def test_size_and_name(target, size, label):
    assert target.size(100, 30, 4) == size and target.label(4) == label


def test_no_side_is_lost():
    assert Target(scale=1).size(1, 5000, 4) == (1, 5000) and Target(longest=300).size(1, 200, 4) == (2, 300)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (Target(scale=5), "from 1 to the network's 4, got 5"),
        (Target(scale=0.5), "from 1 to the network's 4, got 0.5"),
        (Target(scale=float("nan")), "got nan"),
        (Target(longest=401), "401 is not possible from 100x30; choose 100 to 400"),
        (Target(longest=99), "99 is not possible"),
        (Target(2, 200), "not both"),
    ],
)
def test_what_cannot_be_had_is_a_sentence(target, sentence):
    with pytest.raises(ValueError, match=sentence):
        target.size(100, 30, 4)


def test_upscaler_gives_the_size_that_is_asked_for(tiny_generator, photo):
    upscaler = Upscaler(tiny_generator)
    assert upscaler(photo, scale=2).size == (80, 56) and upscaler(photo, longest=100).size == (100, 70)
    assert upscaler(photo, scale=4).tobytes() == upscaler(photo).tobytes()
    turned = photo.copy()
    turned.getexif()[0x0112] = 6  # lies on its side
    assert upscaler(turned, longest=100).size == (70, 100)


def test_hidden_colours_stay_hidden_when_it_is_shrunk(tiny_generator, photo):
    half = photo.convert("RGBA")
    half.paste((255, 0, 255, 0), (0, 0, 20, 28))
    shown = np.asarray(Upscaler(tiny_generator)(half, scale=2)).astype(int)
    visible = shown[shown[..., 3] > 60]
    assert (visible[:, 0] - visible[:, 1]).mean() < 30  # no magenta has come in


def test_commands(tiny_generator, tmp_path, capsys):
    tiny_generator.save_pretrained(tmp_path / "model")
    smooth_photo(40, 28).save(tmp_path / "a.png")
    command = ["upscale", str(tmp_path / "a.png"), "--model", str(tmp_path / "model"), "-o", str(tmp_path / "out")]
    assert main([*command, "--scale", "1.5"]) == main([*command, "--to", "100"]) == 0
    assert read(tmp_path / "out" / "a_x1.5.png").size == (60, 42) and read(tmp_path / "out" / "a_100.png").size == (100, 70)
    assert "enlarged x1.5 with" in (printed := capsys.readouterr().out) and "enlarged to 100 with" in printed
    assert main([*command, "--to", "1000"]) == 2
    assert "a.png: a longest side of 1000 is not possible from 40x28; choose 40 to 160" in capsys.readouterr().err
