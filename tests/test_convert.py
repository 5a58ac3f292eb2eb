import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from conftest import read
from picture_zoo import cmyk_profile
from srgan_hub.imaging.color import eight_bits, normalize, profile_of, to_image, to_pixels, to_tensors


@pytest.mark.parametrize(
    ("mode", "result"),
    [
        ("L", "L"), ("LA", "LA"), ("RGB", "RGB"), ("RGBA", "RGBA"),
        ("1", "L"), ("P", "RGB"), ("PA", "RGBA"),
        ("CMYK", "RGB"), ("YCbCr", "RGB"), ("HSV", "RGB"), ("LAB", "RGB"), ("I;16", "I;16"), ("I", "I;16"), ("F", "F"),
        ("La", "LA"), ("RGBa", "RGBA"), ("RGBX", "RGB"),
    ],
)  # fmt: skip
def test_every_mode_has_its_result(mode, result):
    assert normalize(Image.new(mode, (5, 3))).mode == result


@pytest.mark.parametrize(("mode", "result"), [("P", "RGBA"), ("L", "LA"), ("RGB", "RGBA")])
def test_one_transparent_colour_becomes_alpha(mode, result):
    image = Image.new(mode, (4, 4))
    image.info["transparency"] = (0, 0, 0) if mode == "RGB" else 0
    normal = normalize(image)
    assert normal.mode == result
    assert normal.getchannel("A").getextrema() == (0, 0)


def test_palette_without_a_transparent_pixel_is_opaque():
    image = Image.new("P", (4, 4))
    image.info["transparency"] = 7  # a colour that no pixel has
    assert normalize(image).mode == "RGB"


def test_sixteen_bits_keep_their_grey_levels():
    levels = np.array([[0, 257, 128 * 257, 65535]], dtype=np.uint16)
    for image in (Image.fromarray(levels), Image.fromarray(levels.astype(np.int32)), Image.fromarray(levels / np.float32(65535))):
        image.info["icc_profile"] = b"grey"
        deep = normalize(image)
        assert np.array_equal(np.asarray(deep), levels / np.float32(65535) if image.mode == "F" else levels)
        assert np.asarray(eight_bits(deep)).tolist() == [[0, 1, 128, 255]]
        assert profile_of(image, deep.mode) == b"grey"


@pytest.mark.parametrize(("dtype", "values"), [(np.int32, [-1, 5]), (np.int32, [0, 65536]), (np.float32, [0, 1.5]),
                                               (np.float32, [-0.1, 1]), (np.float32, [0, np.nan])])  # fmt: skip
def test_values_without_a_meaning_are_refused(dtype, values):
    with pytest.raises(ValueError, match=r"its values are .* must be 0 to (1|65535)$"):
        normalize(Image.fromarray(np.array([values], dtype)))


def test_a_transparent_grey_of_sixteen_bits_becomes_alpha():
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


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_round_trip_is_exact(mode):
    channels = len(Image.new(mode, (1, 1)).getbands())
    values = np.random.default_rng(0).integers(0, 256, (9, 7, channels), dtype=np.uint8)
    image = Image.fromarray(values[..., 0] if channels == 1 else values)
    assert image.mode == mode
    again = to_image(to_pixels(*to_tensors(values), mode)[0].permute(1, 2, 0).numpy())
    assert again.mode == mode
    assert np.array_equal(np.asarray(again), np.asarray(image))


def test_values_are_clamped_and_rounded():
    colour = torch.tensor([-0.2, 1.3, 100.4 / 255, 100.6 / 255]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
    assert to_pixels(colour, None, "RGB")[0, 0, 0].tolist() == [0, 255, 100, 101]
