import io
import itertools
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import warnings
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from conftest import ROOT, Listed, encoded, flat, smooth_photo
from srgan_hub.data import cache as module
from srgan_hub.data.cache import MARGIN, decode, default_folder, open_cache, readable

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def photos():
    return [smooth_photo(40 + n, 30 - n, seed=n) for n in range(8)]


@pytest.fixture
def images(photos):
    return Listed(encoded(photo) for photo in photos)


@pytest.fixture
def decoded(monkeypatch):
    """Which images were decoded, in no order."""
    seen = []

    def counting(content):
        seen.append(content)
        return decode(content)

    monkeypatch.setattr(module, "decode", counting)
    return seen


def assert_holds(cache, photos):
    assert len(cache) == len(photos)
    for i, photo in enumerate(photos):
        pixels = np.asarray(photo)
        assert np.array_equal(cache[i], pixels)
        around = np.pad(pixels, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="symmetric")
        assert np.array_equal(cache.with_margin(i), around)
        assert cache.sizes[i] == pixels.shape[:2]


def test_pixels_are_pillows_and_the_margin_is_numpys_mirror(tmp_path, photos, images):
    small = [smooth_photo(1, 1), smooth_photo(5, 3), smooth_photo(100, 2)]  # mirrored several times over
    images += [encoded(photo) for photo in small]
    cache = open_cache(images, tmp_path)
    assert_holds(cache, [*photos, *small])
    assert cache.damaged == 0
    for outside in (len(images), -1):
        with pytest.raises(IndexError):
            cache[outside]
    with pytest.raises(ValueError, match="read-only"):
        cache[0][0, 0] = 1


def test_a_copy_of_the_pixels_is_cut_alike(tmp_path, photos, images):
    cache = open_cache(images, tmp_path)
    copy = 255 - np.array(cache.pixels)
    assert np.array_equal(cache.with_margin(3, copy), 255 - cache.with_margin(3))


def test_every_photo_is_decoded_once(tmp_path, photos, images, decoded):
    open_cache(images, tmp_path)
    assert sorted(decoded) == sorted(images)
    nothing = Listed([None] * len(images))  # whatever were asked of it would fail
    assert_holds(open_cache(nothing, tmp_path), photos)
    assert len(decoded) == len(images)


def test_a_complete_cache_is_opened_where_nothing_can_be_written(tmp_path, photos, images, monkeypatch):
    open_cache(images, tmp_path)
    monkeypatch.setattr(module, "FileLock", None)
    assert_holds(open_cache(images, tmp_path), photos)


KILLED = """
import os, signal, sys
from pathlib import Path
from srgan_hub.data.cache import open_cache

class Deadly:
    fingerprint, opened = "one", 0

    def __init__(self, folder):
        self.paths = sorted(map(str, Path(folder).iterdir()))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        self.opened += 1
        if self.opened == len(self) + 35:   # after a look at all of them to judge the room they need
            os.kill(os.getpid(), signal.SIGKILL)
        return self.paths[i]

open_cache(Deadly(sys.argv[1]), sys.argv[2])
"""


def test_a_killed_builder_is_continued(tmp_path, decoded):
    photos = [smooth_photo(20 + n, 20, seed=n) for n in range(60)]
    (tmp_path / "photos").mkdir()
    for n, photo in enumerate(photos):
        photo.save(tmp_path / "photos" / f"{n:03d}.png")
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "photos", tmp_path / "cache"], cwd=ROOT)
    assert killed.returncode == -9
    images = Listed(map(str, sorted((tmp_path / "photos").iterdir())))
    assert_holds(open_cache(images, tmp_path / "cache"), photos)
    assert 26 <= len(decoded) < 60
    assert set(decoded) >= {Path(path).read_bytes() for path in images[34:]}


@pytest.mark.parametrize("torn", ['[30, 40, 1', "nu", "[30, 40, 123]", ""])
def test_a_torn_line_and_pixels_without_a_line_are_made_again(tmp_path, photos, images, decoded, torn):
    open_cache(images, tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / "complete").unlink()
    lines = (folder / "index.jsonl").read_text().splitlines(keepends=True)
    (folder / "index.jsonl").write_text("".join(lines[:3]) + torn)
    with (folder / "pixels.bin").open("r+b") as pixels:
        whole = sum((h + 2 * MARGIN) * (w + 2 * MARGIN) * 3 for h, w, _ in map(json.loads, lines[:3]))
        pixels.truncate(whole + 1234)
    decoded.clear()
    assert_holds(open_cache(images, tmp_path), photos)
    assert sorted(decoded) == sorted(images[3:])


@pytest.mark.parametrize("left", [0, 1000, None])
def test_pixels_that_were_lost_are_made_again(tmp_path, photos, images, left):
    """After a power failure a file may be shorter than what was written, or gone."""
    open_cache(images, tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / "complete").unlink()
    if left is None:
        (folder / "pixels.bin").unlink()
    else:
        os.truncate(folder / "pixels.bin", left)
    assert_holds(open_cache(images, tmp_path), photos)


TOGETHER = """
import hashlib, sys, time
from pathlib import Path
from srgan_hub.data import cache

decode, seen = cache.decode, []
cache.decode = lambda content: (seen.append(1), time.sleep(0.02), decode(content))[2]

class Files(list):
    fingerprint = "one"

folder, me = Path(sys.argv[1]), sys.argv[2]
(folder / f"ready-{me}").touch()
while len(list(folder.glob("ready-*"))) < 2:
    time.sleep(0.01)
opened = cache.open_cache(Files(map(str, sorted((folder / "photos").iterdir()))), folder / "cache")
print(len(seen), len(opened), hashlib.sha256(opened.pixels).hexdigest())
"""


def test_two_processes_at_once_decode_once_and_agree(tmp_path, photos):
    (tmp_path / "photos").mkdir()
    for n, photo in enumerate(photos):
        photo.save(tmp_path / "photos" / f"{n}.png")
    command = [sys.executable, "-c", TOGETHER, str(tmp_path)]
    processes = [subprocess.Popen([*command, name], cwd=ROOT, stdout=subprocess.PIPE, text=True) for name in "ab"]
    answers = [process.communicate(timeout=60)[0].split() for process in processes]
    assert sorted(int(count) for count, _, _ in answers) == [0, 8]
    assert {tuple(rest) for _, *rest in answers} == {("8", answers[0][2])}


def test_too_little_room_is_a_sentence_with_both_figures(tmp_path, monkeypatch, decoded):
    images = Listed([flat(1, 3968, 1968), b"damaged"] * 5)  # (3968 + 32) * (1968 + 32) * 3 bytes each, and 0: 0.12 GB
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 0, 110_000_000))
    with pytest.raises(ValueError, match=r"need 0\.12 GB in .*, where 0\.11 GB are free; .* --cache_dir, or use --str") as caught:
        open_cache(images, tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert not decoded
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 0, 10_000))
    assert len(open_cache(Listed([flat(1, 8, 8)] * 2), tmp_path)) == 2  # 2 * 40 * 40 * 3 = 9600 bytes


def test_only_what_is_still_to_be_decoded_needs_room(tmp_path, photos, images, monkeypatch):
    open_cache(images, tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / "complete").unlink()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 0, 0))
    assert_holds(open_cache(images, tmp_path), photos)


def test_the_room_is_judged_by_a_sample(tmp_path, monkeypatch):
    """A look at each of a million files, or at 100 GB of shards, would take as long as decoding them."""
    looked_at = []

    class Counting(Listed):
        def __getitem__(self, i):
            looked_at.append(i)
            return super().__getitem__(i)

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 0, 1000))
    with pytest.raises(ValueError, match=r"where 0\.00 GB are free"):
        open_cache(Counting([flat(1, 8, 8)] * 1000), tmp_path)
    assert 100 <= len(looked_at) <= 200 and max(looked_at) > 980


def test_a_disk_that_fills_up_is_a_sentence_and_the_next_run_goes_on(tmp_path, photos, images, decoded):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))  # no file may grow larger: photograph 5 does not fit
    try:
        with pytest.raises(ValueError, match=r"cannot be kept in .* \(File too large\); use --cache_dir"):
            open_cache(images, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    decoded.clear()
    assert_holds(open_cache(images, tmp_path), photos)
    assert 0 < len(decoded) < len(images)


def test_an_impossible_folder_is_a_sentence(tmp_path, images):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(ValueError, match=r"cannot be kept in .*file.* \((File exists|Not a directory)\); use --cache_dir"):
            open_cache(images, folder)


def test_decode_gives_upright_rgb_of_every_kind_of_picture():
    def pixels(picture, form="PNG", **options):
        return decode(encoded(picture, form, **options))

    rgb = smooth_photo(20, 12)
    array = np.asarray(rgb)
    grey = rgb.convert("L")
    assert np.array_equal(pixels(rgb), array)
    assert np.array_equal(pixels(grey), np.asarray(grey)[..., None].repeat(3, 2))
    black_and_white = grey.point(lambda value: 255 * (value > 99), "1")
    assert np.array_equal(pixels(black_and_white), 255 * (np.asarray(grey) > 99)[..., None].repeat(3, 2))
    deep = Image.fromarray(np.array([[0, 128 * 257, 65535]], np.uint16).repeat(4, 0))
    assert pixels(deep)[0, :, 0].tolist() == [0, 128, 255]  # scaled, not clipped to white
    indexed = rgb.quantize(16)
    assert np.array_equal(pixels(indexed), np.asarray(indexed.convert("RGB")))
    assert pixels(rgb.convert("CMYK"), "TIFF").shape == array.shape

    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter
    turned = Image.open(io.BytesIO(encoded(rgb, "JPEG", quality=100, exif=exif)))
    assert np.array_equal(pixels(rgb, "JPEG", quality=100, exif=exif), np.asarray(ImageOps.exif_transpose(turned)))
    assert pixels(rgb, "JPEG", exif=exif).shape == (20, 12, 3)


def test_what_is_transparent_lies_on_white():
    alpha = Image.fromarray(np.array([[0, 255, 51]], np.uint8).repeat(4, 0))
    garbage = Image.new("RGB", alpha.size, (200, 0, 100))
    garbage.putalpha(alpha)
    expected = [[255, 255, 255], [200, 0, 100], [244, 204, 224]]  # a fifth of the colour, four of white
    assert decode(encoded(garbage))[0].tolist() == expected
    grey = Image.merge("LA", [Image.new("L", alpha.size, 100), alpha])
    assert decode(encoded(grey))[0].tolist() == [[255] * 3, [100] * 3, [224] * 3]
    palette = Image.new("P", (3, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    palette.putdata([0, 1, 2])
    assert decode(encoded(palette, transparency=1))[0].tolist() == [[10, 20, 30], [255] * 3, [70, 80, 90]]


def test_damaged_images_are_left_out_and_counted_in_one_warning(tmp_path, photos, images, caplog):
    whole = images[0]
    damaged = {0: b"", 3: b"no image", 5: whole[: len(whole) // 2], 9: whole[:8] + b"\0\0\0\5" + bytes(60)}
    for place, content in damaged.items():
        images.insert(place, content)
    for times in (1, 2):  # and again from the cache
        cache = open_cache(images, tmp_path)
        assert_holds(cache, photos)
        assert cache.damaged == 4
        assert [record.getMessage() for record in caplog.records] == ["left out 4 of 12 images that cannot be read"] * times


def test_nothing_readable_is_an_error_that_names_the_cause_and_is_not_kept(tmp_path, photos, images, monkeypatch):
    with pytest.raises(ValueError, match=r"holds no readable image; the first of 2: cannot identify image file"):
        open_cache(Listed([b"text"] * 2), tmp_path / "text")
    with pytest.raises(ValueError, match="the dataset is empty"):
        open_cache(Listed(), tmp_path / "empty")

    def missing(content):
        raise OSError("decoder webp not available")

    with monkeypatch.context() as patched:
        patched.setattr(module, "decode", missing)
        with pytest.raises(ValueError, match="the first of 8: decoder webp not available"):
            open_cache(images, tmp_path / "codec")
    assert_holds(open_cache(images, tmp_path / "codec"), photos)


def test_a_file_that_is_away_stops_and_is_not_taken_for_damaged(tmp_path, photos, decoded):
    paths = Listed(str(tmp_path / f"{n}.png") for n in range(len(photos)))
    for photo, path in zip(photos, paths, strict=True):
        photo.save(path)
    (tmp_path / "7.png").rename(tmp_path / "away.png")
    with pytest.raises(ValueError, match=r"7\.png cannot be read \(No such file or directory\)"):
        open_cache(paths, tmp_path / "cache")
    (tmp_path / "away.png").rename(tmp_path / "7.png")
    decoded.clear()
    assert_holds(open_cache(paths, tmp_path / "cache"), photos)
    assert len(decoded) < len(paths)


def test_an_image_that_cannot_be_fetched_stops_with_the_sources_own_sentence(tmp_path, images):
    class Broken(Listed):
        def __getitem__(self, i):
            if i == 6:
                raise ValueError("0.parquet cannot be read")
            return super().__getitem__(i)

    with pytest.raises(ValueError, match=r"^0\.parquet cannot be read$"):
        open_cache(Broken(images), tmp_path)


def test_too_little_memory_is_no_damage(monkeypatch):
    def exhausted(content):
        raise MemoryError

    monkeypatch.setattr(module, "decode", exhausted)
    with pytest.raises(MemoryError):
        readable(flat(1))


def test_another_source_has_another_cache(tmp_path, photos, images):
    assert_holds(open_cache(images, tmp_path), photos)
    other = Listed(reversed(images))
    other.fingerprint = "two"
    assert_holds(open_cache(other, tmp_path), photos[::-1])
    assert_holds(open_cache(images, tmp_path), photos)
    assert len(list(tmp_path.iterdir())) == 2


def test_default_folder_follows_the_environment(tmp_path, images, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    open_cache(images)
    assert list((tmp_path / "xdg" / "srgan_hub" / "photos").glob("*/complete"))
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_folder() == tmp_path / "home" / ".cache" / "srgan_hub" / "photos"
    open_cache(images, "~/elsewhere")
    assert list((tmp_path / "home" / "elsewhere").glob("*/complete"))


def test_progress_is_reported(tmp_path):
    lines = []
    open_cache(Listed([flat(1, 1, 1)] * 401), tmp_path, lines.append)
    assert [line.split(",")[0] for line in lines] == [f"decoded {n} of 401 photographs" for n in (200, 400)]


def test_silenced_warnings_of_the_threads_are_heard_again(tmp_path, monkeypatch):
    """Each thread ignores what its decoder warns of, and on leaving restores what it found: here, the other's silence."""
    first_in, second_in, first_out, started = threading.Event(), threading.Event(), threading.Event(), itertools.count()

    def interleaved(content):
        if next(started) == 0:
            with warnings.catch_warnings(action="ignore"):
                first_in.set()
                assert second_in.wait(10)
            first_out.set()
        else:
            assert first_in.wait(10)
            with warnings.catch_warnings(action="ignore"):
                second_in.set()
                assert first_out.wait(10)
        return decode(content)

    monkeypatch.setattr(module, "decode", interleaved)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    open_cache(Listed([flat(1), flat(2)]), tmp_path)
    with pytest.raises(UserWarning, match="heard"):  # as errors, which these tests make of all warnings
        warnings.warn("heard", stacklevel=1)
