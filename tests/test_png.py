import io
import zlib

import numpy as np
import pytest
from PIL import Image

from conftest import encoded, smooth_photo
from srgan_hub.imaging.encoders import PNGWriter, strategy, write_png
from srgan_hub.imaging.io import write_whole


def write(pixels: np.ndarray, parts: int, profile: bytes | None = None) -> bytes:
    file = io.BytesIO()
    writer = PNGWriter(file, pixels.shape[1], pixels.shape[0], pixels.shape[2], profile)
    for part in np.array_split(pixels, parts):
        writer.write(part)
    writer.finish()
    return file.getvalue()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize(("size", "parts"), [((1, 1), 1), ((200, 7), 3), ((5, 90), 4), ((130, 40), 1)])
def test_pillow_reads_the_same_pixels(channels, mode, size, parts):
    rng = np.random.default_rng(channels)
    noise = rng.integers(0, 256, (*size, channels), dtype=np.uint8)
    smooth = np.repeat(np.asarray(smooth_photo(size[1], size[0]))[..., :1], channels, axis=2)
    for pixels in (noise, smooth, np.zeros_like(noise), np.full_like(noise, 255)):
        image = Image.open(io.BytesIO(write(pixels, parts)))
        assert image.mode == mode and np.array_equal(np.atleast_3d(np.asarray(image)), pixels)
        Image.open(io.BytesIO(write(pixels, parts))).verify()


def test_photograph_is_packed_about_as_well_as_by_pillow():
    photo = smooth_photo(300, 200)
    assert len(write(np.asarray(photo), 4)) < 1.12 * len(encoded(photo))


def test_what_repeats_is_looked_for_where_it_pays(tmp_path):
    board = Image.fromarray((np.indices((300, 400)).sum(0) % 2 * 255).astype(np.uint8))
    board = board.resize((1600, 1200), Image.Resampling.BICUBIC)
    pixels = np.atleast_3d(np.asarray(board))
    assert strategy(pixels) == zlib.Z_DEFAULT_STRATEGY
    assert strategy(np.asarray(smooth_photo(300, 200))) == zlib.Z_RLE
    file = io.BytesIO()
    write_png(file, iter(np.array_split(pixels, 3)), 1600, 1200, 1)
    assert len(file.getvalue()) < 2 * len(encoded(board))
    write_whole(board, tmp_path / "board.png", "png")
    assert (tmp_path / "board.png").stat().st_size < 2 * len(encoded(board))


def test_profile_is_kept():
    assert Image.open(io.BytesIO(write(np.zeros((2, 2, 3), np.uint8), 1, b"a profile"))).info["icc_profile"] == b"a profile"


def test_rows_that_do_not_fit_are_refused():
    writer = PNGWriter(io.BytesIO(), 4, 2, 3)
    for shape in ((1, 5, 3), (1, 4, 1), (3, 4, 3)):
        with pytest.raises(ValueError, match="expected at most 2 rows"):
            writer.write(np.zeros(shape, np.uint8))
    writer.write(np.zeros((1, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="1 rows are missing"):
        writer.finish()


def test_bands_are_packed_in_their_order():
    pixels = np.random.default_rng(0).integers(0, 256, (500, 30, 3), dtype=np.uint8)
    file = io.BytesIO()
    write_png(file, iter(np.array_split(pixels, [1, 200, 264])), 30, 500, 3, b"a profile")
    assert np.array_equal(np.asarray(Image.open(file)), pixels)
    assert Image.open(file).info["icc_profile"] == b"a profile"


def test_what_fails_while_a_band_is_packed_or_computed_is_told():
    band = np.zeros((100, 4, 3), np.uint8)

    class Full(io.BytesIO):
        def write(self, content):
            if content[4:8] == b"IDAT":
                raise OSError("full")

    def broken():
        yield band
        raise MemoryError

    with pytest.raises(OSError, match="full"):
        write_png(Full(), [band, band], 4, 200, 3)
    with pytest.raises(MemoryError):
        write_png(io.BytesIO(), broken(), 4, 200, 3)
    with pytest.raises(ValueError, match="200 rows are missing"):
        write_png(io.BytesIO(), [band], 4, 300, 3)
