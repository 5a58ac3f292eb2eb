import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageCms

from srgan_hub.imaging import encoders
from srgan_hub.imaging.encoders import write_tiff


def bands(pixels, *heights):
    edges = np.cumsum([0, *heights])
    return [pixels[first:last] for first, last in pairwise(edges)]


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)])
@pytest.mark.parametrize("heights", [(1,), (64,), (200,), (30, 100, 7), (64, 64), (128, 1)])
def test_pillow_reads_what_was_written(mode, channels, heights):
    pixels = np.random.default_rng(0).integers(0, 256, (sum(heights), 37, channels), dtype=np.uint8)
    file = io.BytesIO()
    write_tiff(file, bands(pixels, *heights), 37, sum(heights), channels, None)
    image = Image.open(io.BytesIO(file.getvalue()))
    assert image.mode == mode
    assert np.array_equal(np.atleast_3d(np.asarray(image)), pixels)


def test_the_profile_is_kept_and_smooth_pictures_get_small():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None], (256, 300, 3))
    file = io.BytesIO()
    write_tiff(file, bands(pixels, 100, 156), 300, 256, 3, profile)
    image = Image.open(io.BytesIO(file.getvalue()))
    assert image.info["icc_profile"] == profile and len(file.getvalue()) < pixels.size / 20


def test_what_may_be_larger_than_32_bit_offsets_is_a_bigtiff(monkeypatch):
    for limit, version in ((10**9, 42), (100, 43)):
        monkeypatch.setattr(encoders, "CLASSIC", limit)
        file = io.BytesIO()
        write_tiff(file, [np.zeros((20, 20, 3), np.uint8)], 20, 20, 3, None)
        assert int.from_bytes(file.getvalue()[2:4], "little") == version


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deep_grey_is_read_back_by_pillow(dtype):
    pixels = np.random.default_rng(0).integers(0, 65536, (150, 21, 1)).astype(dtype) / (65535 if dtype == np.float32 else 1)
    file = io.BytesIO()
    write_tiff(file, bands(pixels.astype(dtype), 100, 50), 21, 150, 1, dtype=dtype)
    assert np.array_equal(np.asarray(Image.open(file)), pixels[..., 0].astype(dtype))
