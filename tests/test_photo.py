import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from conftest import smooth_photo
from srgan_hub.imaging.io import ImageError
from srgan_hub.imaging.tiles import Box
from srgan_hub.ui.enlarge import Cut, as_file, is_located, open_photo, size_of


@pytest.fixture
def path(tmp_path):
    """A photograph on its side that says where it was taken, with a colour profile."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    smooth_photo(60, 40).save(tmp_path / "photo.jpg", exif=exif, icc_profile=profile)
    return str(tmp_path / "photo.jpg")


def test_photo_stands_upright_with_its_profile(path):
    photo = open_photo(path)
    assert photo.image.size == (40, 60)
    assert photo.profile
    assert is_located(path)


def test_cuts(path):
    assert open_photo(path, Cut(region=Box(10, 20, 30, 50))).image.size == (20, 30)
    shrunk = open_photo(path, Cut(pixels=600)).image
    assert shrunk.size == (20, 30)
    assert open_photo(path, Cut(pixels=10_000)).image.size == (40, 60)


def test_as_a_file_it_has_the_same_pixels_and_profile_and_no_place(path):
    photo = open_photo(path, Cut(region=Box(10, 20, 30, 50)))
    with Image.open(io.BytesIO(as_file(photo))) as image:
        assert np.array_equal(np.asarray(image), np.asarray(photo.image))
        assert image.info["icc_profile"] == photo.profile
        assert not image.getexif()


def test_what_is_no_photo_is_a_sentence(tmp_path):
    (tmp_path / "a.png").write_bytes(b"nothing")
    assert not is_located(tmp_path / "a.png")
    for function in (size_of, open_photo):
        with pytest.raises(ImageError, match="not a readable image"):
            function(str(tmp_path / "a.png"))


def test_size_is_known_without_decoding(tmp_path):
    smooth_photo(60, 40).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:100])
    assert size_of(tmp_path / "a.png") == (60, 40)
    with pytest.raises(ImageError):
        open_photo(str(tmp_path / "a.png"))
