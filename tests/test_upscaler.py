import pickle
from copy import deepcopy

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from conftest import smooth_photo
from srgan_hub import SRGANGenerator, Upscaler
from srgan_hub.hub.load import bundled
from srgan_hub.imaging.io import ImageError
from srgan_hub.inference.upscaler import EXTENSION


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_result_is_exactly_scale_times_as_large(scale):
    upscaler = Upscaler(SRGANGenerator(scale=scale, width=4, blocks=1), tile=16, overlap=4)
    for size in ((1, 1), (2, 37), (50, 19)):
        assert upscaler(smooth_photo(*size)).size == (scale * size[0], scale * size[1])


def test_generator_is_used_as_in_eval_mode_and_left_as_it_was(random_generator, photo):
    expected = Upscaler(random_generator)(photo)
    random_generator.train()
    assert Upscaler(random_generator)(photo).tobytes() == expected.tobytes()
    assert random_generator.training


def test_tiles_give_the_whole_result(random_generator):
    image = smooth_photo(90, 70)
    whole, pieces = (np.asarray(Upscaler(random_generator, tile=tile)(image)).astype(int) for tile in (1000, 32))
    assert np.abs(whole - pieces).max() <= 1  # the networks agree to 1e-5; a value at .5 may round either way
    assert (whole != pieces).mean() < 1e-3


def test_forty_pixels_of_overlap_are_exact_for_the_papers_network():
    lr = np.random.default_rng(0).random((24, 130, 3), np.float32)
    whole, pieces = (Upscaler.from_pretrained("srresnet-x4", tile=tile, overlap=40)(lr) for tile in (200, 48))
    assert np.abs(pieces - whole).max() <= 1e-5


@pytest.mark.parametrize("name", bundled())
def test_flat_colour_stays_flat_to_the_edge(name):
    upscaler = Upscaler.from_pretrained(name, precision="fp32")  # int8: test_quantization.py
    for colour in ("white", "black", (200, 30, 60)):
        result = np.asarray(upscaler(Image.new("RGB", (24, 20), colour))).astype(int)
        inside = result[40:44, 40:44]  # one LR pixel, all sub-pixel phases
        assert np.abs(result - np.tile(inside, (20, 24, 1))).max() <= 1
        assert np.abs(result - np.asarray(Image.new("RGB", (1, 1), colour))).max() <= 6


@pytest.mark.parametrize("name", bundled())
def test_extension_reaches_far_enough(name):
    """A picture's border changes by no more than about 1 grey level when it is extended far more."""
    image = smooth_photo(30, 26, seed=4)
    upscaler = Upscaler.from_pretrained(name, precision="fp32")
    colour = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255

    def enlarge(margin):
        with torch.inference_mode():
            extended = torch.from_numpy(np.pad(colour, ((0, 0), (0, 0), (margin, margin), (margin, margin)), EXTENSION))
            return upscaler.engine(extended)[..., 4 * margin : -4 * margin, 4 * margin : -4 * margin]

    assert (enlarge(upscaler.border) - enlarge(60)).abs().max() <= 1.1 / 255


def test_bands_are_the_picture_from_top_to_bottom(random_generator):
    upscaler = Upscaler(random_generator, tile=16)
    for mode in ("L", "LA", "RGB", "RGBA"):
        photo = smooth_photo(40, 50).convert(mode)
        parts = list(upscaler.bands(photo))
        assert len(parts) == 4 and {part.shape[1:] for part in parts} == {(160, len(mode))}
        assert np.array_equal(np.concatenate(parts), np.atleast_3d(np.asarray(upscaler(photo))))


@pytest.mark.parametrize("name", bundled())
@pytest.mark.parametrize("colour", [(230, 30, 40), (255, 255, 255)])
def test_cut_out_has_no_fringe(name, colour):
    """A disc of one colour on transparent black, laid over that same colour, cannot be seen."""
    y, x = np.mgrid[0:40, 0:40]
    coverage = np.clip(13 - np.hypot(x - 19.5, y - 19.5), 0, 1)
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[..., :3][coverage > 0] = colour
    pixels[..., 3] = (coverage * 255).round()
    result = Upscaler.from_pretrained(name, precision="fp32")(Image.fromarray(pixels))
    over = Image.new("RGBA", result.size, (*colour, 255))
    over.alpha_composite(result)
    assert np.abs(np.asarray(over)[..., :3].astype(int) - colour).max() <= 6

    alpha = np.asarray(result)[..., 3]
    assert set(np.unique(alpha[60:100, 60:100])) == {255}  # well inside: not a speck
    assert alpha[:16].max() == 0
    edge = alpha[80, :]  # across the middle: transparent, up, opaque, down
    assert ((edge > 25) & (edge < 230)).sum() <= 16


def test_opaque_alpha_stays_opaque(tiny_generator, photo):
    opaque = photo.convert("RGBA")
    result = Upscaler(tiny_generator)(opaque)
    assert result.getchannel("A").getextrema() == (255, 255)
    assert np.array_equal(np.asarray(result)[..., :3], np.asarray(Upscaler(tiny_generator)(photo)))


def test_colour_profile_is_kept_where_it_fits(tiny_generator, photo):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo.info["icc_profile"] = profile
    assert Upscaler(tiny_generator)(photo).info["icc_profile"] == profile
    printed = photo.convert("CMYK")
    printed.info["icc_profile"] = b"a profile for CMYK"
    assert "icc_profile" not in Upscaler(tiny_generator)(printed).info


def test_progress_ends_with_all_tiles(tiny_generator):
    told = []
    Upscaler(tiny_generator, tile=24)(smooth_photo(40, 28), progress=lambda done, total: told.append((done, total)))
    assert told[0] == (0, 4)
    assert told[-1] == (4, 4)


def test_more_than_8_bits_are_computed_in_float32_unless_asked_otherwise(random_generator, monkeypatch):
    monkeypatch.setattr("srgan_hub.inference.backends.fast_precision", lambda device: "bf16")
    deep = Image.fromarray((np.asarray(smooth_photo(20, 16).convert("L")) * 255.1).astype(np.uint16))

    def pixels(**compute):
        return np.asarray(Upscaler(random_generator, engine="pytorch", device="cpu", **compute)(deep))

    assert np.array_equal(pixels(), pixels(precision="fp32"))
    assert not np.array_equal(pixels(precision="bf16"), pixels(precision="fp32"))
    upscaler = Upscaler(random_generator, engine="pytorch", device="cpu")
    before = np.asarray(upscaler(smooth_photo(8, 8)))
    for weight in random_generator.parameters():
        weight.data.zero_()
    assert np.asarray(upscaler(deep)).any() and np.array_equal(np.asarray(upscaler(smooth_photo(8, 8))), before)


def test_bad_arguments_are_refused(tiny_generator):
    with pytest.raises(ValueError, match="tile must be at least 1"):
        Upscaler(tiny_generator, tile=0)
    with pytest.raises(ValueError, match="no pixels: 0x5"):
        Upscaler(tiny_generator)(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_an_array_is_enlarged_as_its_image_is(tiny_generator, mode):
    image = smooth_photo(20, 14).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    upscaler, pixels = Upscaler(tiny_generator), np.asarray(image)
    for size in ({}, {"scale": 2}, {"longest": 50}):
        result = upscaler(pixels, **size)
        assert result.dtype == pixels.dtype and np.array_equal(result, np.asarray(upscaler(image, **size)))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float16])
def test_colour_of_more_than_8_bits_is_kept_in_arrays(tiny_generator, dtype):
    white = 65535 if dtype == np.uint16 else 1
    pixels = np.random.default_rng(0).random((9, 11, 3))
    result = Upscaler(tiny_generator)((pixels * white).astype(dtype))
    with torch.inference_mode():
        padded = np.pad(pixels, [(8, 8), (8, 8), (0, 0)], "symmetric")
        sr = tiny_generator(torch.tensor(padded, dtype=torch.float32).permute(2, 0, 1)[None])[0].permute(1, 2, 0).clamp(0, 1)
    assert result.dtype == dtype and result.shape == (36, 44, 3)
    assert np.abs(result / white - sr[32:-32, 32:-32].numpy()).max() < 2e-3
    assert Upscaler(tiny_generator)((pixels * white).astype(dtype), scale=2).shape == (18, 22, 3)


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [(7, TypeError, "got int"), (np.zeros((4, 4), int), TypeError, "int64 of shape"),
     (np.zeros((4, 4, 5), np.uint8), TypeError, "5"),
     (np.zeros((4, 4, 4), np.uint16), TypeError, "uint16"), (np.zeros((0, 4, 3), np.uint8), ValueError, "no pixels"),
     (np.full((4, 4), np.nan), ValueError, "0 to 1"), ("nowhere.png", ValueError, "nowhere|No such file")],
)  # fmt: skip
def test_what_is_no_image_is_a_sentence(tiny_generator, image, error, words):
    with pytest.raises(error, match=words):
        Upscaler(tiny_generator)(image)


def test_a_path_is_read(tiny_generator, tmp_path):
    smooth_photo(20, 14).save(tmp_path / "a.png")
    upscaler = Upscaler(tiny_generator)
    for path in (tmp_path / "a.png", str(tmp_path / "a.png")):
        assert np.array_equal(np.asarray(upscaler(path)), np.asarray(upscaler(smooth_photo(20, 14))))


def test_it_says_what_it_is_and_a_copy_does_the_same(tiny_generator, tmp_path):
    tiny_generator.save_pretrained(tmp_path / "tiny")
    upscaler, photo = Upscaler.from_pretrained(tmp_path / "tiny", faithful=True), smooth_photo(20, 14)
    assert repr(upscaler) == f"Upscaler({str(tmp_path / 'tiny')!r}, scale 4, {upscaler.engine})"
    for copied in (pickle.loads(pickle.dumps(upscaler)), deepcopy(upscaler)):
        assert not copied._engines and copied.faithful
        assert np.array_equal(np.asarray(copied(photo)), np.asarray(upscaler(photo)))


def test_a_forward_of_ones_own_is_used():
    class Brighter(SRGANGenerator):
        def forward(self, lr):
            return super().forward(lr) * 0 + 0.6

    photo = smooth_photo(20, 14)
    assert set(np.asarray(Upscaler(Brighter(width=4, blocks=1))(photo)).ravel()) == {153}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp", ".tif"])
def test_save_keeps_the_color_profile_in_every_format(suffix, tiny_generator, tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    large = Upscaler(tiny_generator, engine="pytorch")(smooth_photo(9, 7))
    large.info["icc_profile"] = profile
    Upscaler.save(large, tmp_path / f"large{suffix}")
    with Image.open(tmp_path / f"large{suffix}") as image:
        assert image.size == large.size and image.info["icc_profile"] == profile


@pytest.mark.parametrize(("name", "mode"), [("a.gif", "RGB"), ("a", "RGB"), ("a.jpg", "RGBA")])
def test_save_says_what_it_cannot_write(name, mode, tmp_path):
    with pytest.raises(ImageError, match=r"use (one of )?\.?png"):
        Upscaler.save(Image.new(mode, (8, 8)), tmp_path / name)
    with pytest.raises(TypeError, match=r"Image\.fromarray"):
        Upscaler.save(np.zeros((8, 8, 3), np.uint8), tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
