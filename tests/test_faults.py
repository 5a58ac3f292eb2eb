"""Disks that are full or read-only, environments that lack what is usual, and kills at random moments."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from conftest import ROOT, Listed, encoded, equal, read, smooth_photo, state_of, train
from srgan_hub import SRGANGenerator, Upscaler
from srgan_hub.cli import main
from srgan_hub.data.cache import open_cache
from srgan_hub.evaluation.opinion import ratings
from srgan_hub.evaluation.opinion.ratings import Rating
from srgan_hub.imaging.io import ImageError, write_whole
from train_accelerate import Config


@pytest.fixture
def disk(tmp_path):
    """A disk of 2 MB; `mount -o remount,ro` makes it read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs to mount a small tmpfs, as root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk, left: int = 0):
    """A file that takes all room of the disk but so many bytes."""
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            os.ftruncate(file.fileno(), max(0, file.tell() - left))


def read_only(disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


@pytest.fixture
def model(tmp_path, tiny_generator):
    tiny_generator.save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


@pytest.mark.parametrize("form", ["png", "webp"])
def test_pictures_on_a_full_disk(disk, model, tmp_path, capsys, form):
    """What has room is there, whole; the others are a sentence each; with room again the same command does the rest."""
    (tmp_path / "in").mkdir()
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / "in" / f"{number}.png")
    command = ["upscale", str(tmp_path / "in"), "-o", str(disk / "out"), "--model", model, "--format", form]
    (disk / "out").mkdir()
    Upscaler.from_pretrained(model)(read(tmp_path / "in" / "0.png")).save(disk / "out" / f"0_x4.{form}")
    before = (disk / "out" / f"0_x4.{form}").read_bytes()
    fill(disk, left=4096)
    assert main(command) == 2
    said = capsys.readouterr().err
    assert said.count("cannot be written (") == 3 and "Traceback" not in said
    assert os.listdir(disk / "out") == [f"0_x4.{form}"]
    (disk / "filler").unlink()
    assert main(command) == 0
    assert (disk / "out" / f"0_x4.{form}").read_bytes() == before
    assert sorted(os.listdir(disk / "out")) == [f"{number}_x4.{form}" for number in range(4)]


def test_what_a_format_cannot_hold_is_a_sentence(tmp_path):
    with pytest.raises(ImageError, match=r"a.webp: cannot be written as webp \("):
        write_whole(Image.new("L", (16384, 1)), tmp_path / "a.webp", "webp")
    assert not list(tmp_path.iterdir())
    longest = "x" * 251 + ".png"
    write_whole(Image.new("L", (1, 1)), tmp_path / longest, "png")
    assert os.listdir(tmp_path) == [longest]


def test_pictures_and_ratings_on_a_read_only_disk(disk, model, tmp_path, capsys):
    smooth_photo(5, 4).save(tmp_path / "a.png")
    given = Rating("study", "anna", "item", 3, "now")
    ratings.append(disk / "ratings.jsonl", given)
    read_only(disk)
    assert main(["upscale", str(tmp_path / "a.png"), "-o", str(disk / "new" / "a.png"), "--model", model]) == 2
    assert f"{disk} cannot be written to; choose another output" in capsys.readouterr().err
    with pytest.raises(OSError, match="Read-only file system"):
        ratings.append(disk / "ratings.jsonl", given)
    assert ratings.read([disk / "ratings.jsonl"]) == [given]
    with pytest.raises(ValueError, match=r"cannot be kept in .* \(Read-only file system\); choose another with --cache_dir"):
        open_cache(Listed([encoded(smooth_photo(9, 9))]), disk / "cache")


def test_ratings_on_a_full_disk(disk):
    """Not a line is torn, and once there is room again the next rating is whole."""
    path, rating = disk / "ratings.jsonl", Rating("study", "anna", "item", 3, "now")
    written, refused = 1, 0
    ratings.append(path, rating)
    fill(disk)
    for _ in range(60):  # until the last block of the file is full
        try:
            ratings.append(path, rating)
            written += 1
        except OSError as error:
            assert "No space left" in str(error) or "no space left" in str(error)  # noqa: PT017
            refused += 1
    assert refused and ratings.read([path]) == [rating] * written
    (disk / "filler").unlink()
    ratings.append(path, rating)
    assert ratings.read([path]) == [rating] * (written + 1)


def test_training_on_a_full_disk(disk, photo_folder, tmp_path):
    """The checkpoint that has no room is a sentence, the one before is whole, and with room again the run ends as any other."""
    sizes = dict(max_train_steps=4, batch_size=2, crop=32, checkpoint_every=2, log_every=1, width=4, blocks=1, report_to="none")
    config = dict(dataset=str(photo_folder), variant="srresnet-mse", validation="none", **sizes)
    train(Config(output_dir=str(tmp_path / "whole"), **config))
    train(Config(output_dir=str(disk / "run"), **(config | {"max_train_steps": 2})))
    first = state_of(disk / "run")
    fill(disk, left=8192)
    with pytest.raises(ValueError, match=r"cannot be written .* intact: free some space, then continue with --resume latest$"):
        train(Config(output_dir=str(disk / "run"), resume="latest", **config))
    assert equal(state_of(disk / "run"), first)
    (disk / "filler").unlink()
    train(Config(output_dir=str(disk / "run"), resume="latest", **config))
    assert equal(state_of(disk / "run"), state_of(tmp_path / "whole"))


PLAIN = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
DEAD = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"), "http://127.0.0.1:9")


@pytest.mark.parametrize(
    "environment",
    [
        DEAD | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},  # and no HOME
        pytest.param({"LC_ALL": "POSIX", "HOME": "/proc"}, marks=pytest.mark.soak),  # where nothing can be written
        pytest.param({"HOME": "/nonexistent", "TMPDIR": "/nonexistent"}, marks=pytest.mark.soak),
        pytest.param({"HOME": "", "XDG_CACHE_HOME": "/proc/x"}, marks=pytest.mark.soak),
    ],
)
@pytest.mark.parametrize("network", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_poor_environments(environment, network, tmp_path):
    """A bundled model needs neither a home, nor a locale, nor the network, and takes any name that the disk takes."""
    deep = tmp_path.joinpath(*["ordner-" + 150 * "x"] * 12)
    deep.mkdir(parents=True)
    names = [deep / ("ü" * 120 + ".png"), tmp_path / "写真 'a'.jpg", tmp_path / os.fsdecode(b"\xff\xfe.png")]
    for number, name in enumerate(names):
        with name.open("wb") as file:
            smooth_photo(9, 8, number).save(file, "PNG")
    (tmp_path / "ungültig.png").write_bytes(b"")
    command = [] if network else ["unshare", "-n"]
    if command and subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("needs to leave the network, as root")
    command += [sys.executable, "-m", "srgan_hub", "upscale", *map(str, names), str(tmp_path / "ungültig.png")]
    done = subprocess.run([*command, "-o", str(tmp_path / "out"), "--model", "srgan-x4-lite"], cwd=ROOT, capture_output=True,
                          env=PLAIN | environment)  # fmt: skip
    said = done.stderr.decode(errors="replace")
    assert done.returncode == 2 and "Traceback" not in said and said.count("srgan-hub: ") == 1, said
    assert b"3 enlarged x4" in done.stdout
    assert {read(path).size for path in (tmp_path / "out").iterdir()} == {(36, 32)} and len(os.listdir(tmp_path / "out")) == 3


@pytest.mark.soak
def test_twenty_kills_of_a_folder(tmp_path, report):
    """kill -9 at random moments: every picture is there in the end, whole, and none that was there was done again."""
    (tmp_path / "in").mkdir()
    for number in range(60):
        smooth_photo(90, 70, number).save(tmp_path / "in" / f"{number:02d}.png")
    upscaler, moments, there, cut = Upscaler.from_pretrained("srgan-x4"), random.Random(0), {}, 0
    out = tmp_path / "out"
    command = [sys.executable, "-m", "srgan_hub", "upscale", str(tmp_path / "in"), "-o", str(out)]
    for _ in range(20):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        begun = len(list(out.glob("*.png"))) if out.exists() else 0
        while process.poll() is None and (not out.exists() or len(list(out.glob("*.png"))) == begun):
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.15))  # a picture or two: all of them outlast the kills
        process.send_signal(signal.SIGKILL)
        process.wait()
        cut += process.returncode == -signal.SIGKILL
        now = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
        assert there.items() <= now.items()
        there = now
    left = [path.name for path in out.iterdir() if path.suffix != ".png"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
    for number in range(60):
        expected = upscaler(read(tmp_path / "in" / f"{number:02d}.png"))
        assert np.array_equal(np.asarray(read(out / f"{number:02d}_x4.png")), np.asarray(expected))
    assert all((out / name).stat().st_mtime_ns == then for name, then in there.items())
    report(kills=cut, pictures=60, done_before_the_last_run=len(there), hidden_files_left=len(left))


BUILD = """
import sys
from pathlib import Path
from srgan_hub.data.cache import open_cache
class Files(list):
    fingerprint = "one"
open_cache(Files(map(str, sorted(Path(sys.argv[1]).iterdir()))), sys.argv[2])
"""


@pytest.mark.soak
def test_twenty_kills_of_a_cache(tmp_path, report):
    """kill -9 at random moments of its building, and of two builders at once: what is opened in the end is right."""
    (tmp_path / "photos").mkdir()
    photos = [smooth_photo(300, 200, number) for number in range(400)]
    for number, photo in enumerate(photos):
        photo.save(tmp_path / "photos" / f"{number:03d}.png", compress_level=1)
    moments, kills = random.Random(0), 0
    for number in range(20):
        command = [sys.executable, "-c", BUILD, str(tmp_path / "photos"), str(tmp_path / "cache")]
        builders = [subprocess.Popen(command, cwd=ROOT) for _ in range(1 + number % 2)]
        began = size = sum(path.stat().st_size for path in tmp_path.glob("cache/*/pixels.bin"))
        while size == began and builders[0].poll() is None:
            size = sum(path.stat().st_size for path in tmp_path.glob("cache/*/pixels.bin"))
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.05))
        for builder in builders:
            builder.kill()
            kills += builder.wait() == -signal.SIGKILL
    images = Listed(str(path) for path in sorted((tmp_path / "photos").iterdir()))
    cache = open_cache(images, tmp_path / "cache")
    assert len(cache) == len(photos) and not cache.damaged
    assert all(np.array_equal(cache[number], np.asarray(photo)) for number, photo in enumerate(photos))
    report(kills=kills, photographs=len(photos))


@pytest.mark.soak
def test_two_commands_on_one_folder(tmp_path, model):
    """They do some pictures twice, and neither disturbs the other."""
    (tmp_path / "in").mkdir()
    for number in range(30):
        smooth_photo(20, 20, number).save(tmp_path / "in" / f"{number:02d}.png")
    command = [sys.executable, "-m", "srgan_hub", "upscale", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--model", model]
    both = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    upscaler = Upscaler(SRGANGenerator.from_pretrained(model))
    assert len(os.listdir(tmp_path / "out")) == 30
    for number in range(30):
        expected = upscaler(read(tmp_path / "in" / f"{number:02d}.png"))
        assert np.array_equal(np.asarray(read(tmp_path / "out" / f"{number:02d}_x4.png")), np.asarray(expected))
