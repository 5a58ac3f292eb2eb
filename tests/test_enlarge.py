import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from conftest import read, smooth_photo
from srgan_hub import Upscaler
from srgan_hub.imaging.io import ImageError
from srgan_hub.imaging.resize import Target
from srgan_hub.imaging.tiles import Box
from srgan_hub.ui import enlarge as module
from srgan_hub.ui.enlarge import Cut, Order, enlarge, open_photo
from srgan_hub.ui.models import Limits
from srgan_hub.ui.queue import steps

ORDER = Order("srgan-x4")


@pytest.fixture
def tiny(monkeypatch, tiny_generator):
    upscaler = Upscaler(tiny_generator, tile=16)
    monkeypatch.setattr(module, "open_upscaler", lambda model, texture: upscaler)
    return upscaler


@pytest.fixture
def photo(tmp_path):
    smooth_photo(40, 28).save(tmp_path / "my photo.png")
    return str(tmp_path / "my photo.png")


def run(sources, order, folder, limits=Limits()):  # noqa: B008 (frozen)
    seen = []
    return seen, enlarge(sources, order, folder, limits, seen.append)


def test_one_picture_is_what_the_upscaler_makes_of_it(tiny, photo, tmp_path):
    seen, result = run([photo], ORDER, tmp_path / "out")
    assert result.file == tmp_path / "out" / "my photo_x4.png"
    assert np.array_equal(np.asarray(read(result.file)), np.asarray(tiny(read(photo))))
    assert (result.given, result.taken, result.size, result.count) == ((40, 28), (40, 28), (160, 112), 1)
    assert result.engine == str(tiny.engine)
    assert result.lost == []
    assert [step.share for step in seen] == sorted(step.share for step in seen)
    assert any(step.words.startswith("tile 5 of 6, about ") for step in seen)


@pytest.mark.parametrize("cut", [Cut(), Cut(Box(1, 1, 9, 9))])
def test_what_a_result_does_not_have_is_told(tiny, photo, tmp_path, cut):
    """A photo that is enlarged whole keeps its depth; a cut one does not."""
    frames, deep = tmp_path / "frames.gif", tmp_path / "deep.png"
    read(photo).save(frames, save_all=True, append_images=[Image.new("RGB", (40, 28))])
    Image.new("I;16", (12, 10), 30000).save(deep)
    _, result = run([str(deep)], ORDER._replace(cut=cut), tmp_path / "1")
    assert result.lost == ([] if cut == Cut() else ["cut to 8 bits"])
    assert read(result.file).mode == ("I;16" if cut == Cut() else "L")
    _, both = run([str(frames), photo], ORDER._replace(cut=cut), tmp_path / "2")
    assert both.lost == ["frames.gif: first frame only"]


@pytest.mark.parametrize(
    ("target", "format", "name", "size"),
    [(Target(scale=2), "WebP", "my photo_x2.webp", (80, 56)), (Target(longest=100), "JPEG", "my photo_100.jpg", (100, 70))],
)
def test_other_sizes_and_formats(tiny, photo, tmp_path, target, format, name, size):
    _, result = run([photo], ORDER._replace(target=target, format=format), tmp_path)
    assert result.file.name == name
    assert read(result.file).size == result.size == size


@pytest.mark.parametrize("cut", [Cut(), Cut(pixels=100)])
def test_profile_is_kept_and_place_is_not(tiny, tmp_path, cut):
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    exif.get_ifd(0x8825)[1] = "N"
    smooth_photo(20, 14).save(tmp_path / "a.jpg", exif=exif, icc_profile=b"a profile")
    _, result = run([str(tmp_path / "a.jpg")], ORDER._replace(cut=cut), tmp_path / "out")
    assert result.given == (14, 20)
    assert result.profile
    with Image.open(result.file) as image:
        assert image.info["icc_profile"] == b"a profile"
        assert not image.getexif()


def test_region_and_shrinking(tiny, photo, tmp_path):
    _, result = run([photo], ORDER._replace(cut=Cut(region=Box(5, 5, 25, 15))), tmp_path)
    assert (result.given, result.taken, result.size) == ((40, 28), (20, 10), (80, 40))
    assert np.array_equal(np.asarray(read(result.file)), np.asarray(tiny(read(photo).crop((5, 5, 25, 15)))))
    _, result = run([photo], ORDER._replace(cut=Cut(pixels=280)), tmp_path)
    assert result.taken == (20, 14)
    assert open_photo(photo, Cut(pixels=10_000)).image.size == (40, 28)  # no larger than it is


def test_several_come_in_a_zip_and_the_bad_one_is_named(tiny, photo, tmp_path):
    (tmp_path / "sub").mkdir()
    smooth_photo(20, 14, seed=1).save(tmp_path / "sub" / "my photo.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    sources = [photo, str(tmp_path / "broken.png"), str(tmp_path / "sub" / "my photo.png")]
    seen, result = run(sources, ORDER, tmp_path / "out")
    assert result.count == 2
    assert result.file.name == "photos_x4.zip"
    with zipfile.ZipFile(result.file) as zipped:
        assert zipped.namelist() == ["my photo_x4.png", "my photo-2_x4.png"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["photos_x4.zip"]
    assert result.faults == ["broken.png: not a readable image."]
    assert any("my photo.png, 1 of 2: tile" in step.words for step in seen)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(megapixels=0.001), r"my photo\.png: this photo has 0\.0 megapixels \(40×28\); up to 0\.001 can be"),
        (Limits(files=0), "1 files; up to 0"),
    ],
)
def test_over_a_limit_is_a_sentence(tiny, photo, tmp_path, limits, said):
    with pytest.raises(ImageError, match=said):
        run([photo], ORDER, tmp_path, limits)


@pytest.mark.parametrize(
    ("picture", "settings", "said"),
    [
        (Image.new("L", (40, 28)), {"format": "GIF"}, "one of PNG, WebP, JPEG"),
        (Image.new("L", (40, 28)), {"target": Target(longest=9999)}, r"^a\.png: a longest side of 9999 is not possible"),
        (Image.new("RGBA", (8, 6)), {"format": "JPEG"}, r"^a\.png: it has transparency, which jpg does not support\.$"),
        (Image.new("L", (5000, 1)), {"format": "WebP"}, r"^a\.png: .* exceeds the 16383 pixels per side that webp supports\.$"),
    ],
)
def test_what_cannot_be_had_is_a_sentence_without_the_servers_folders_and_the_commands_options(
    tiny, tmp_path, picture, settings, said
):
    picture.save(tmp_path / "a.png")
    with pytest.raises(ImageError, match=said):
        run([str(tmp_path / "a.png")], ORDER._replace(**settings), tmp_path / "out")
    with pytest.raises(ImageError, match="Choose a photo first"):
        run([], ORDER, tmp_path)


def test_closing_stops_the_computing_and_leaves_no_file(tiny, photo, tmp_path, monkeypatch):
    computed, compute = [], tiny._enlarge

    def slowly(*tile, mode):
        computed.append(1)
        time.sleep(0.1)
        return compute(*tile, mode)

    monkeypatch.setattr(tiny, "_enlarge", slowly)
    running = steps(lambda report: enlarge([photo], ORDER, tmp_path / "out", Limits(), report))
    while not next(running).words.startswith("tile 2"):
        pass
    running.close()
    assert len(computed) < 5  # of 6 tiles
    assert not list((tmp_path / "out").glob("*"))


def test_too_little_memory_is_a_sentence_of_the_page(tiny, photo, tmp_path, monkeypatch):
    def full(*tile, mode):
        raise MemoryError

    monkeypatch.setattr(tiny, "_enlarge", full)
    with pytest.raises(ImageError, match=r"^my photo.png: not enough memory for it\.$"):
        run([photo], ORDER, tmp_path / "out")
