import io
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from conftest import encoded, smooth_photo
from srgan_hub.imaging import encoders
from srgan_hub.imaging.color import to_image
from srgan_hub.imaging.encoders import strategy, write_jpeg, write_png, write_tiff
from srgan_hub.imaging.io import FORMATS

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
WRITERS = {"png": write_png, "tif": write_tiff}


def written(form: str, pixels: np.ndarray, heights=(), profile: bytes | None = None, **options) -> bytes:
    """The file that parts of these heights, and a last one, make."""
    file, bands = io.BytesIO(), np.split(pixels, np.cumsum(heights, dtype=int))
    WRITERS[form](file, bands, pixels.shape[1], len(pixels), pixels.shape[2], profile, **options)
    return file.getvalue()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize("form", WRITERS)
def test_pillow_reads_the_same_pixels(form, channels, mode):
    rng = np.random.default_rng(channels)
    for height, width, heights in ((1, 1, ()), (200, 7, (30, 100)), (129, 40, (128,)), (300, 90, (1, 199, 64))):
        noise = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
        smooth = np.repeat(np.asarray(smooth_photo(width, height))[..., :1], channels, axis=2)
        for pixels in (noise, smooth, np.full_like(noise, 255)):
            image = Image.open(io.BytesIO(written(form, pixels, heights, PROFILE)))
            assert image.mode == mode and np.array_equal(np.atleast_3d(np.asarray(image)), pixels)
            assert image.info["icc_profile"] == PROFILE


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("heights", [(1,), (63, 2), (40, 700, 9)])
def test_strips_make_the_jpeg_of_the_whole_picture(channels, heights):
    noise = np.random.default_rng(0).integers(0, 256, (sum(heights), 37, channels), dtype=np.uint8)
    file, settings = io.BytesIO(), FORMATS["jpg"]
    write_jpeg(file, np.split(noise, np.cumsum(heights)[:-1]), sum(heights), b"a profile", **settings)
    assert file.getvalue() == encoded(to_image(noise), "JPEG", restart_marker_rows=1, icc_profile=b"a profile", **settings)
    assert np.array_equal(Image.open(file), Image.open(io.BytesIO(encoded(to_image(noise), "JPEG", **settings))))


def test_files_are_about_as_small_as_pillows():
    photo = smooth_photo(300, 200)
    assert len(written("png", np.asarray(photo), (50, 50))) < 1.12 * len(encoded(photo))
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None], (256, 300, 3))
    assert len(written("tif", ramp, (100,))) < ramp.size / 20


def test_what_repeats_is_looked_for_where_it_pays():
    board = Image.fromarray((np.indices((300, 400)).sum(0) % 2 * 255).astype(np.uint8))
    board = board.resize((1600, 1200), Image.Resampling.BICUBIC)
    assert strategy(np.asarray(smooth_photo(300, 200))) == zlib.Z_RLE
    assert len(written("png", np.atleast_3d(np.asarray(board)), (400, 400))) < 2 * len(encoded(board))


def test_what_may_be_larger_than_32_bit_offsets_is_a_bigtiff(monkeypatch):
    for limit, version in ((10**9, 42), (100, 43)):
        monkeypatch.setattr(encoders, "CLASSIC", limit)
        assert written("tif", np.zeros((20, 20, 3), np.uint8))[2] == version


@pytest.mark.parametrize("form", WRITERS)
def test_deep_gray_is_read_back_by_pillow(form):
    pixels = np.random.default_rng(0).integers(0, 65536, (150, 21, 1), dtype=np.uint16)
    image = Image.open(io.BytesIO(written(form, pixels, (100,), dtype=np.uint16)))
    assert image.mode == "I;16" and np.array_equal(np.asarray(image), pixels[..., 0])
