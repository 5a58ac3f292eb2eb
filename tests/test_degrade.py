import math
import re

import numpy as np
import pytest
import torch

from conftest import ROOT, smooth_photo
from srgan_hub.imaging import degradations
from srgan_hub.imaging.degradations import DEGRADATIONS, Job, bicubic, realistic
from srgan_hub.imaging.resize import downsample


@pytest.fixture(scope="module")
def hr():
    """(8, 3, 64, 96) uint8, eight different pictures."""
    return torch.stack([torch.from_numpy(np.array(smooth_photo(96, 64, seed=n))).permute(2, 0, 1) for n in range(8)])


def draws(images, count, scale=4):
    """(count * N, 3, h, w) float."""
    return torch.cat([realistic(images, scale, np.random.default_rng(n)) for n in range(count)]).float()


def test_bicubic_is_downsample(hr):
    assert torch.equal(bicubic(hr, 4, np.random.default_rng(0)), downsample(hr, 4))
    assert DEGRADATIONS["bicubic"] is bicubic


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("size", [(8, 8), (64, 96)])
def test_result_is_scale_times_smaller_even_where_the_picture_is_smaller_than_a_kernel(scale, size, hr):
    for seed in range(5):
        lr = realistic(hr[:2, :, : size[0], : size[1]], scale, np.random.default_rng(seed))
        assert lr.shape == (2, 3, size[0] // scale, size[1] // scale)
        assert lr.dtype == torch.uint8


def test_same_seed_same_bytes_and_another_seed_others(hr):
    one, two, other = (realistic(hr, 4, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_torchs_own_chance_neither_decides_nor_is_used(hr):
    torch.manual_seed(1)
    one, state = realistic(hr, 4, np.random.default_rng(3)), torch.get_rng_state()
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(realistic(hr, 4, np.random.default_rng(3)), one)


def test_hr_is_not_changed(hr):
    before = hr.clone()
    realistic(hr, 4, np.random.default_rng(0))
    assert torch.equal(hr, before)


def test_samples_of_a_batch_differ(hr):
    alike = hr[:1].repeat(8, 1, 1, 1)
    assert len({lr.numpy().tobytes() for lr in realistic(alike, 4, np.random.default_rng(1))}) > 4


@pytest.mark.parametrize("colour", [(128, 128, 128), (200, 90, 60), (60, 120, 180)])
def test_flat_colour_stays_inside_and_at_the_border(colour):
    flat = torch.tensor(colour, dtype=torch.uint8)[None, :, None, None].expand(16, 3, 64, 64)
    shift = draws(flat, 12) - flat[:1, :, :1, :1].float()
    assert shift.mean((0, 2, 3)).abs().max() < 1
    for border in (shift[..., 0, :], shift[..., -1, :], shift[..., 0], shift[..., -1]):
        assert border.mean((0, 2)).abs().max() < 1.5


def test_picture_stays_in_its_place():
    """A bump's centre of mass moves by less than a tenth of a LR pixel on average, whatever was resized in between."""
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    bump = 255 * (-((x - 27.5).square() + (y - 35.5).square()) / (2 * 8**2)).exp()
    lr = draws(bump.byte().expand(16, 3, 64, 64), 10).mean((0, 1))
    weight = (lr - lr[0].mean()) / (lr - lr[0].mean()).sum()
    centres = torch.arange(16) * 4 + 1.5  # of LR pixels, in HR pixels
    assert (weight.sum(0) * centres).sum().item() == pytest.approx(27.5, abs=0.4)
    assert (weight.sum(1) * centres).sum().item() == pytest.approx(35.5, abs=0.4)


def test_most_samples_are_worn_and_some_are_nearly_clean(hr):
    difference = (draws(hr, 40) - bicubic(hr, 4, None).float().repeat(40, 1, 1, 1)).abs().mean((1, 2, 3))
    assert 3 < difference.mean() < 10
    assert 0.04 < (difference == 0).float().mean() < 0.15   # 1 / 12 are meant to be: clean and not saved
    assert 0.1 < (difference < 3).float().mean() < 0.4      # these pictures have grain, which any JPEG blurs
    assert 0.1 < (difference > 9).float().mean() < 0.55     # four in ten are saved once, at a quality from 30 on


def job(scale=4, lr_size=(16, 24), seed=0):
    return Job(np.random.default_rng(seed), scale, lr_size)


def test_noise_is_as_strong_in_lr_pixels_at_every_size():
    """16 pixels to a LR pixel: their mean has a quarter of their deviation."""
    for side, pixel in ((64, 1), (256, 4)):
        flat = torch.full((4, 3, side, side), 128.0)
        noise = degradations._gaussian(flat, 5, 5, job(lr_size=(64, 64))) - flat
        assert noise.std().item() == pytest.approx(5 * pixel, rel=0.05)
        assert torch.nn.functional.avg_pool2d(noise, pixel).std().item() == pytest.approx(5, rel=0.1)


def test_blur_is_as_wide_in_lr_pixels_at_every_size(monkeypatch):
    """The mean square of a cosine of w radians a LR pixel falls by exp(-(w sigma)²)."""
    monkeypatch.setattr(degradations, "SINC", 0)
    monkeypatch.setattr(degradations, "ANISOTROPIC", 0)
    w, sigma = 1.0, 0.75
    for pixel in (1, 2, 4):
        x = torch.arange(64.0 * pixel) / pixel
        wave = 128 + 100 * (w * x).cos().expand(1, 3, 64 * pixel, -1)
        kept = degradations._blur(wave, sigma, sigma, job(lr_size=(64, 64)))[..., 10 * pixel : -10 * pixel].var()
        assert (kept / wave[..., 10 * pixel : -10 * pixel].var()).item() == pytest.approx(math.exp(-((w * sigma) ** 2)), rel=0.05)


def test_resize_goes_from_below_lr_to_above_hr():
    images = torch.zeros(1, 3, 64, 96)
    for low, expected in ((0, (16, 24)), (1, (64, 96)), (1.1, (74, 110)), (-0.5, (8, 12))):
        assert degradations._resize(images, low, low, job()).shape[2:] == expected


def test_probability_decides_by_sample_or_for_all_together():
    images = torch.zeros(200, 3, 1, 1)
    half = degradations.Step(lambda x, low, high, job: x + high, 0.5, 0, 7)
    assert 60 < (half(images, job()) == 7).all((1, 2, 3)).sum() < 140
    together = half._replace(together=True)
    assert {together(images, job(seed=n)).sum().item() for n in range(20)} == {0, 200 * 3 * 7}


def test_jpeg_grid_starts_anywhere():
    """Eight-pixel blocks of a badly saved ramp begin at other columns in other draws."""
    ramp = torch.arange(64.0).expand(1, 3, 64, 64) * 3
    starts = {degradations._jpeg(ramp, 1, 1, job(seed=n))[0, 0, 0].diff().abs()[:8].argmax().item() for n in range(40)}
    assert len(starts) > 4


@pytest.mark.parametrize("wrong", [torch.zeros(3, 8, 8).byte(), torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 8, 8).byte()])
def test_other_shapes_and_types_are_refused(wrong):
    with pytest.raises(ValueError, match=r"takes uint8 images \(N, 3, H, W\), got torch"):
        realistic(wrong, 4, np.random.default_rng(0))


def test_size_must_be_a_multiple():
    with pytest.raises(ValueError, match="multiples of 4, got 9x8"):
        realistic(torch.zeros(1, 3, 9, 8, dtype=torch.uint8), 4, np.random.default_rng(0))


def test_the_page_states_what_is_drawn():
    """Probability and range of every step, in the order of the table in docs/degradation.md."""
    page = (ROOT / "docs" / "degradation.md").read_text()
    stated = re.findall(r"^\| [\w ]+ \| ([\d.]+) \| (\S+) to (\S+) \|", page, flags=re.MULTILINE)
    steps = [degradations.CLEAN_JPEG, degradations.SAVED, degradations.WEBP, degradations.SENT, degradations.RECEIVED]
    steps += [*degradations.FIRST, *degradations.SECOND, degradations.LAST_SINC, degradations.LAST_JPEG]
    names = {math.pi: "π", math.pi / 2: "π/2"}
    drawn = [(str(step.probability), *(names.get(x, str(x)) for x in (step.low, step.high))) for step in steps]
    assert stated == drawn
    shares = re.findall(r"^\| \*\*(\w+)\*\* \| ([\d.]+) \|", page, flags=re.MULTILINE)
    assert [(name, float(share)) for name, share in shares] == list(degradations.SHARES.items())
