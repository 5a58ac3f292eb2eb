import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from conftest import read
from picture_zoo import cmyk_profile
from srgan_hub.imaging.color import HIDDEN, bound, eight_bits, fill_hidden, normalize, profile_of, to_pixels


def test_a_palette_without_a_transparent_pixel_is_opaque():
    image = Image.new("P", (4, 4))
    image.info["transparency"] = 7  # a color that no pixel has
    assert normalize(image).mode == "RGB"


@pytest.mark.parametrize(("mode", "result"), [("P", "RGBA"), ("L", "LA"), ("RGB", "RGBA")])
def test_one_transparent_color_becomes_alpha(mode, result):
    image = Image.new(mode, (4, 4))
    image.info["transparency"] = (0, 0, 0) if mode == "RGB" else 0
    normal = normalize(image)
    assert normal.mode == result
    assert normal.getchannel("A").getextrema() == (0, 0)


def test_sixteen_bits_keep_their_gray_levels():
    levels = np.array([[0, 257, 128 * 257, 65535]], dtype=np.uint16)
    for image in (Image.fromarray(levels), Image.fromarray(levels.astype(np.int32)), Image.fromarray(levels / np.float32(65535))):
        image.info["icc_profile"] = b"gray"
        deep = normalize(image)
        assert deep.mode == "I;16" and np.array_equal(np.asarray(deep), levels)
        assert np.asarray(eight_bits(deep)).tolist() == [[0, 1, 128, 255]]
        assert profile_of(image, deep.mode) == b"gray"


@pytest.mark.parametrize(("dtype", "values"), [(np.int32, [-1, 5]), (np.int32, [0, 65536]), (np.float32, [0, 1.5]),
                                               (np.float32, [-0.1, 1]), (np.float32, [0, np.nan])])  # fmt: skip
def test_values_without_a_meaning_are_refused(dtype, values):
    with pytest.raises(ValueError, match=r"its values are .* must be 0 to (1|65535)$"):
        normalize(Image.fromarray(np.array([values], dtype)))


def test_a_transparent_gray_of_sixteen_bits_becomes_alpha():
    image = Image.fromarray(np.array([[7, 65535]], np.uint16))
    image.info["transparency"] = 7
    assert np.asarray(normalize(image)).tolist() == [[[0, 0], [255, 255]]]


def test_cmyk_follows_its_profile():
    image = Image.new("CMYK", (2, 1), (10, 90, 30, 20))
    plain = image.convert("RGB").tobytes()
    for profile in (b"broken", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()):  # neither is of CMYK
        image.info["icc_profile"] = profile
        assert normalize(image).tobytes() == plain
    image.info["icc_profile"] = cmyk_profile()  # black alone counts
    converted = normalize(image)
    red, green, blue = converted.getpixel((1, 0))
    assert red == green == blue > 190 and "icc_profile" not in converted.info


def test_orientation_is_applied(tmp_path):
    image = Image.new("RGB", (6, 4), "white")
    image.putpixel((0, 0), (255, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    image.save(tmp_path / "turned.png", exif=exif)
    upright = normalize(read(tmp_path / "turned.png"))
    assert upright.size == (4, 6)
    assert upright.getpixel((3, 0)) == (255, 0, 0)


def test_values_are_clamped_and_rounded():
    color = torch.tensor([-0.2, 1.3, 100.4 / 255, 100.6 / 255]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
    assert to_pixels(color, None, "RGB", np.uint8)[0, 0, 0].tolist() == [0, 255, 100, 101]


def clear(height, width, channels=4):
    return np.zeros((height, width, channels), np.uint8)


@pytest.mark.parametrize("channels", [2, 4])
def test_hidden_pixels_take_the_visible_color_at_any_distance(channels):
    pixels = clear(37, 50, channels)
    pixels[10:14, 10:14, [0, -1]] = 255  # a red (or white) square, black where hidden
    filled = fill_hidden(pixels)
    assert (filled[..., 0] == 255).all() and not filled[..., 1:-1].any()
    assert np.array_equal(filled[..., -1], pixels[..., -1])


def test_visible_pixels_stay_as_they_are():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 9, 4), dtype=np.uint8)
    pixels[..., 3] = np.maximum(pixels[..., 3], 100) - 100
    visible, before = pixels[..., 3] > HIDDEN, pixels.copy()
    filled = fill_hidden(pixels)
    assert np.array_equal(filled[visible], pixels[visible]) and not np.array_equal(filled, pixels)
    assert np.array_equal(pixels, before)


def test_the_nearest_visible_color_counts_most():
    """A thin black line is not outshone by a large white square further away."""
    pixels = clear(40, 40)
    pixels[:, 10, 3] = 255
    pixels[:, 20:, :3], pixels[:, 24:, 3] = 255, 255
    filled = fill_hidden(pixels)[..., :3]
    assert filled[:, 7:13].max() <= 77
    assert filled[:, 22:].min() >= 178


def test_faint_pixels_weigh_less():
    pixels = clear(2, 4)
    pixels[1, 2], pixels[0, 2, 3] = (255, 255, 255, 230), 26  # white, and faint black above it
    assert fill_hidden(pixels)[:, 3, :3].min() > 204


def test_picture_without_anything_visible_passes():
    pixels = np.random.default_rng(0).integers(0, HIDDEN + 1, (5, 5, 4), dtype=np.uint8)
    assert np.array_equal(fill_hidden(pixels), pixels)


def test_flat_alpha_is_kept_exactly():
    source = torch.zeros(1, 1, 6, 8)
    source[..., 4:] = 1.0
    ringing = torch.nn.functional.interpolate(source, scale_factor=4, mode="bicubic") * 1.1 - 0.03
    bounded = bound(ringing, source, 4)
    assert bounded[..., :12].abs().max() == 0
    assert bounded[..., 20:].min() == 1
    assert 0 < bounded[..., 12:20].mean() < 1
