import io
import json
import os
import resource
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

import warm_start
from conftest import ROOT, Listed, encoded, smooth_photo
from srgan_hub.data import cache as module
from srgan_hub.data.cache import MARGIN, decode, lr_pictures, open_cache
from srgan_hub.imaging.resize import shrunk

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
    with pytest.raises(ValueError, match="read-only"):
        cache[0][0, 0] = 1


def test_every_photo_is_decoded_once(tmp_path, photos, images, decoded):
    open_cache(images, tmp_path)
    assert sorted(decoded) == sorted(images)
    nothing = Listed([None] * len(images))  # whatever were asked of it would fail
    assert_holds(open_cache(nothing, tmp_path), photos)
    assert len(decoded) == len(images)


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
        if self.opened == 35:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.paths[i]

open_cache(Deadly(sys.argv[1]), sys.argv[2])
"""


def test_a_killed_builder_is_continued(tmp_path, decoded):
    photos = [smooth_photo(20 + n, 20, seed=n) for n in range(60)]
    (tmp_path / "photos").mkdir()
    for n, photo in enumerate(photos):
        photo.save(tmp_path / "photos" / f"{n:03d}.png")
    killed = warm_start.run(["-c", KILLED, str(tmp_path / "photos"), str(tmp_path / "cache")], dict(os.environ), ROOT, 60)
    assert killed.returncode == -9
    images = Listed(map(str, sorted((tmp_path / "photos").iterdir())))
    assert_holds(open_cache(images, tmp_path / "cache"), photos)
    assert 26 <= len(decoded) < 60
    assert set(decoded) >= {Path(path).read_bytes() for path in images[34:]}


@pytest.mark.parametrize("torn", ["[30, 40, 1", "[30, 40, 123]", ""])
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


def test_pixels_that_were_lost_are_made_again(tmp_path, photos, images):
    """After a power failure a file may be shorter than what was written."""
    open_cache(images, tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / "complete").unlink()
    os.truncate(folder / "pixels.bin", 1000)
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
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda name: warm_start.run(["-c", TOGETHER, str(tmp_path), name], dict(os.environ), ROOT, 60), "ab")
    answers = [process.stdout.split() for process in done]
    assert sorted(int(count) for count, _, _ in answers) == [0, 8]
    assert {tuple(rest) for _, *rest in answers} == {("8", answers[0][2])}


def test_a_disk_that_fills_up_is_a_sentence_and_the_next_run_goes_on(tmp_path, photos, images, decoded):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))  # no file may grow larger: photograph 5 does not fit
    try:
        with pytest.raises(ValueError, match=r"cannot be kept in .* \(File too large\); choose another with --cache_dir"):
            open_cache(images, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    decoded.clear()
    assert_holds(open_cache(images, tmp_path), photos)
    assert 0 < len(decoded) < len(images)


def test_an_impossible_folder_is_a_sentence(tmp_path, images):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"cannot be kept in .*file.* \(Not a directory\); choose another with --cache_dir"):
        open_cache(images, tmp_path / "file" / "deeper")


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


def test_nothing_readable_is_an_error_and_is_not_kept(tmp_path, photos, images, monkeypatch):
    with pytest.raises(ValueError, match="the dataset is empty"):
        open_cache(Listed(), tmp_path / "empty")

    def missing(content):
        raise OSError("decoder webp not available")

    with monkeypatch.context() as patched:
        patched.setattr(module, "decode", missing)
        with pytest.raises(ValueError, match="holds no readable image"):
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
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    open_cache(images, "~/elsewhere")
    assert list((tmp_path / "home" / "elsewhere").glob("*/complete"))


def test_pictures_to_calibrate_on_are_evenly_chosen_middles_of_shrunk_photographs(photo_folder):
    every, three = (lr_pictures(str(photo_folder), 4, count) for count in (99, 3))
    assert [tuple(picture.shape) for picture in every] == [(1, 3, 12, 16)] * 6  # the train split, whole
    assert len(three) == 3 and torch.equal(three[0], every[0]) and torch.equal(three[2], every[5])
    large = photo_folder.parent / "large"
    large.mkdir()
    photo = smooth_photo(400, 360)
    photo.save(large / "a.png")
    lr = np.asarray(shrunk(np.asarray(photo), 4)[0])
    (picture,) = lr_pictures(str(large), 4, 1)
    assert torch.equal(picture[0], torch.tensor(lr[13:77, 18:82]).permute(2, 0, 1) / 255)
    smooth_photo(3, 40).save(photo_folder / "train" / "0.png")  # too small to shrink
    (photo_folder / "train" / "1.png").write_bytes(b"damaged")
    assert len(lr_pictures(str(photo_folder), 4, 6)) == 4
