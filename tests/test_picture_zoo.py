"""Whatever file `srgan-hub upscale` is given, it gives a right picture or one sentence."""

import contextlib
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import picture_zoo
from conftest import read
from picture_zoo import MODES, RESULT, difference, expected, in_mode, nearest_generator
from srgan_hub import Upscaler
from srgan_hub.cli import main

SECONDS, EACH = 10, 20  # of the processor, for a file, and for each megapixel that its head promises
SUFFIXES = (".png", ".gif", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".ico", ".icns", ".ppm", ".svg", ".npy")


@pytest.fixture(scope="module")
def nearest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nearest")
    nearest_generator().save_pretrained(folder)
    return str(folder)


def enlarge(paths, out: Path, nearest: str, capsys, *options: str) -> tuple[int, dict[Path, str], str]:
    """Status, the sentence about each path that has one, and the summary."""
    status = main(["upscale", *map(str, paths), "-o", str(out), "--model", nearest, "--precision", "fp32", *options])
    captured = capsys.readouterr()
    said = {}
    for path in paths:
        starts = f"{path}: ", f"{out / path.stem}_x4"
        lines = [line for line in captured.err.split("srgan-hub: ")[1:] if line.startswith(starts)]
        assert len(lines) <= 1
        said.update(dict.fromkeys([path], lines[0]) if lines else {})
    assert len(said) == captured.err.count("srgan-hub: ") and "Traceback" not in captured.err
    assert status == (2 if said else 0)
    return status, said, captured.out


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_comes_back_right(mode):
    image = in_mode(mode)
    result = Upscaler(nearest_generator(), precision="fp32")(image)
    assert difference(result, expected(image)) <= 2
    assert result.mode == RESULT.get(mode, "RGB")
    if mode == "I;16":
        assert np.abs(np.asarray(result).astype(int) - expected(image)[..., 0]).max() <= 1  # of 65535


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # of the test's own reading: Pillow says so of the damaged one
def test_every_sound_file_becomes_its_picture(tmp_path, nearest, capsys):
    (tmp_path / "in").mkdir()
    paths = picture_zoo.write(tmp_path / "in", picture_zoo.sound())
    _, said, summary = enlarge(paths, tmp_path / "out", nearest, capsys, "--format", "tif")
    assert not said
    wrong = {}
    for path in paths:
        result = read(tmp_path / "out" / f"{path.stem}_x4.tif")
        if (apart := difference(result, expected(read(path)))) > 2:
            wrong[path.name] = apart, result.mode
    assert not wrong
    assert len(os.listdir(tmp_path / "out")) == len(paths) > 100
    frames = next(line for line in summary.splitlines() if line.startswith("first frame only: "))
    assert all(f"frames.{form}" in frames for form in ("gif", "webp", "png", "tiff"))
    assert "16 bits per channel read as 8: " in summary


def test_every_broken_file_is_right_or_a_sentence(tmp_path, nearest, capsys):
    (tmp_path / "in").mkdir()
    paths = picture_zoo.write(tmp_path / "in", picture_zoo.broken(seed=1))
    odd = picture_zoo.odd_places(tmp_path)
    status, said, _ = enlarge([*paths, *odd], tmp_path / "out", nearest, capsys, "--format", "tif")
    assert status == 2 and set(odd) <= set(said)
    there = sorted(os.listdir(tmp_path / "out"))
    assert there == sorted(f"{path.stem}_x4.tif" for path in paths if path not in said)
    for path in paths:
        if path not in said:
            assert difference(read(tmp_path / "out" / f"{path.stem}_x4.tif"), expected(read(path))) <= 2


@pytest.mark.parametrize(("form", "loss"), [("png", "floating point cut to 16 bits"), ("jpg", "cut to 8 bits because jpg")])
def test_depth_that_a_format_does_not_hold_is_told(tmp_path, nearest, capsys, form, loss):
    in_mode("F").save(tmp_path / "float.tif")
    in_mode("I;16").save(tmp_path / "deep.png")
    paths = [tmp_path / "float.tif", tmp_path / "deep.png"]
    status, _, summary = enlarge(paths, tmp_path / "out", nearest, capsys, "--format", form)
    (line,) = [line for line in summary.splitlines() if line.startswith(loss)]
    assert status == 0 and "float.tif" in line and ("deep.png" in line) == (form == "jpg")
    for path in paths:
        result = np.asarray(read(tmp_path / "out" / f"{path.stem}_x4.{form}")).astype(float)
        wanted = expected(read(path))[..., 0] / 65535
        assert np.abs(result / (65535 if form == "png" else 255) - wanted).max() <= (1e-4 if form == "png" else 0.1)


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore")  # of the test's own reading of damaged files
def test_many_pictures(tmp_path, nearest, capsys, report):
    """Six zoos of other chance, and every image file of the installed packages: none takes 500 MB, or more than its time."""
    installed = [path for path in Path(np.__file__).parents[1].rglob("*") if path.suffix.lower() in SUFFIXES]
    made, zoos = [], {f"{seed}": picture_zoo.broken(seed) for seed in range(100, 106)}
    for name, files in [("sound", picture_zoo.sound()), *zoos.items()]:
        (tmp_path / name).mkdir()
        made += picture_zoo.write(tmp_path / name, files)
    refused, faults, slowest, most, out = 0, [], 0.0, 0.0, tmp_path / "out"
    paths = [*made, *installed, *picture_zoo.odd_places(tmp_path)]
    for path in [made[0], *paths]:  # the first warms up
        before, begun = memory("VmRSS"), time.process_time()
        Path("/proc/self/clear_refs").write_text("5")  # forget the highest so far
        _, said, _ = enlarge([path], out, nearest, capsys, "--format", "tif")
        megabytes, seconds = memory("VmHWM") - before, (time.process_time() - begun) / (SECONDS + EACH * megapixels(path))
        there = list(out.iterdir()) if out.exists() else []
        apart = 0 if said else difference(read(there[0]), expected(read(path)))
        if bool(said) == bool(there) or apart > 2 or megabytes > 500 or seconds > 1:
            faults.append(f"{path}: {said}, {there}, {apart} apart, {megabytes} MB, {seconds} of its time")
        for result in there:
            result.unlink()
        refused, slowest, most = refused + bool(said), max(slowest, seconds), max(most, megabytes)
    assert not faults, "\n".join(faults)
    counts = dict(files=len(paths), right=len(paths) - refused, refused=refused, installed=len(installed))
    report(**counts, most_of_the_time_allowed=round(slowest, 2), most_megabytes=round(most))


def memory(kind: str) -> float:
    """VmRSS, or VmHWM, its highest; MB."""
    return int(re.search(rf"{kind}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def megapixels(path) -> float:
    with contextlib.suppress(Exception):
        if path.is_file():
            with Image.open(path) as image:
                return min(np.prod(image.size) / 1e6, 6)
    return 0
