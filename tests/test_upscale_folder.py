import os
import re
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from conftest import ROOT, encoded, read, smooth_photo, write_shard
from srgan_hub import Upscaler
from srgan_hub.upscale_folder import main

COUNT = 8


@pytest.fixture
def model(tmp_path, tiny_generator):
    tiny_generator.save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


@pytest.fixture
def pictures(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(COUNT):
        smooth_photo(10 + number, 12, seed=number).save(tmp_path / "in" / f"{number:02d}.png")
    return tmp_path / "in"


def assert_all_are_right(folder, pictures, model):
    upscaler = Upscaler.from_pretrained(model)
    assert sorted(path.name for path in folder.iterdir()) == [f"{number:02d}_x4.png" for number in range(COUNT)]
    for number in range(COUNT):
        expected = upscaler(read(pictures / f"{number:02d}.png"))
        assert np.array_equal(np.asarray(read(folder / f"{number:02d}_x4.png")), np.asarray(expected))


def launch(log, *arguments, **environment):
    command = [sys.executable, "-m", "accelerate.commands.launch", "-q", "--multi_gpu", "--num_processes", "2"]
    env = os.environ | {"ACCELERATE_USE_CPU": "true"} | environment
    command += ["--main_process_port", "0", "-m", "srgan_hub.upscale_folder", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=log.open("w"), stderr=subprocess.STDOUT)


def test_two_processes_killed_in_the_middle_do_every_picture_once(pictures, model, tmp_path):
    out = tmp_path / "out"
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "sitecustomize.py").write_text(
        "import sys, time\n"
        "import srgan_hub.inference.batch as batch\n"
        "write = batch.write_whole\n"
        "def slowly(*arguments):\n"
        "    time.sleep(0.3)\n"
        f"    open({str(tmp_path / 'written')!r}, 'a').write(str(arguments[1].name) + '\\n')\n"
        "    write(*arguments)\n"
        "batch.write_whole = slowly\n"
    )
    path = os.pathsep.join([str(slow), str(ROOT)])
    log = tmp_path / "log"
    first = launch(log, pictures, out, "--model", model, PYTHONPATH=path)
    until = time.monotonic() + 90
    while not (out.is_dir() and len(list(out.glob("*_x4.png"))) >= 3):
        assert first.poll() is None and time.monotonic() < until, log.read_text()
        time.sleep(0.05)
    launcher = psutil.Process(first.pid)
    for process in (launcher, *launcher.children(recursive=True)):  # each has a session of its own
        process.kill()
    first.wait()
    there = {path.name: path.stat().st_mtime_ns for path in out.glob("*_x4.png")}
    assert 3 <= len(there) < COUNT
    for left in out.glob(".*.tmp"):
        left.unlink()  # of a picture that was being written
    second = launch(log, pictures, out, "--model", model, PYTHONPATH=path)
    assert second.wait(120) == 0, log.read_text()
    printed = log.read_text()
    assert sum(map(int, re.findall(r"(\d+) enlarged x4", printed))) == COUNT - len(there)
    assert f"{len(there)} were skipped because the output already exists" in printed
    assert_all_are_right(out, pictures, model)
    assert all((out / name).stat().st_mtime_ns == then for name, then in there.items())
    written = (tmp_path / "written").read_text().split()
    assert all(written.count(f"{n:02d}_x4.png") <= 1 + (f"{n:02d}_x4.png" not in there) for n in range(COUNT))


def test_a_dataset_of_parquet_shards_is_a_source(model, tmp_path, capsys, datasets_cache):
    photos = [encoded(smooth_photo(9, 8, seed)) for seed in range(3)]
    write_shard(tmp_path / "data" / "train-0.parquet", [*photos[:2], b"damaged", photos[2]])
    (tmp_path / "data" / "README.md").write_text("# Photos")  # makes it no folder of pictures
    command = [str(tmp_path / "data"), str(tmp_path / "out"), "--model", model, "--scale", "2", "--format", "webp", "--cpu"]
    assert main(command) == 2
    captured = capsys.readouterr()
    assert "train-000002: not a readable image" in captured.err
    assert "3 enlarged x2" in captured.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"train-{n:06d}_x2.webp" for n in (0, 1, 3)]
    assert read(tmp_path / "out" / "train-000003_x2.webp").size == (18, 16)
    assert main(command) == 2
    assert "enlarged" not in (printed := capsys.readouterr().out) and "3 were skipped" in printed


def test_two_of_one_name_are_said_and_the_others_done(pictures, model, tmp_path, capsys):
    smooth_photo(9, 8).save(pictures / "03.jpg")
    assert main([str(pictures), str(tmp_path / "out"), "--model", model, "--cpu"]) == 2
    captured = capsys.readouterr()
    assert "03.png: its result" in captured.err and "is already the result of" in captured.err
    assert f"{COUNT} enlarged x4" in captured.out


def test_a_mistake_is_a_sentence(pictures, tmp_path, capsys):
    assert main([str(pictures), str(tmp_path / "out"), "--model", "nothing", "--cpu"]) == 2
    assert "upscale_folder: no checkpoint 'nothing'" in capsys.readouterr().err


def test_processes_that_were_not_started_are_missed(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    assert main([str(pictures), str(tmp_path / "out"), "--cpu"]) == 2
    assert "launched for several processes, but only one was started" in capsys.readouterr().err
