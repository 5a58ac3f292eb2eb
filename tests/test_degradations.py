import math
import re

import numpy as np
import pytest
import torch

from conftest import ROOT, smooth_photo
from srgan_hub.imaging import degradations
from srgan_hub.imaging.degradations import (
    Job,
    bicubic,
    blur,
    gaussian_kernels,
    realistic,
    sinc_kernels,
)


@pytest.fixture(scope="module")
def hr():
    """(8, 3, 64, 96) uint8, eight different pictures."""
    return torch.stack([torch.from_numpy(np.array(smooth_photo(96, 64, seed=n))).permute(2, 0, 1) for n in range(8)])


def draws(images, count, scale=4):
    """(count * N, 3, h, w) float."""
    return torch.cat([realistic(images, scale, np.random.default_rng(n)) for n in range(count)]).float()


@pytest.mark.parametrize("scale", [2, 8])
@pytest.mark.parametrize("size", [(8, 8), (64, 96)])
def test_result_is_scale_times_smaller_even_where_the_picture_is_smaller_than_a_kernel(scale, size, hr):
    for seed in range(3):
        lr = realistic(hr[:2, :, : size[0], : size[1]], scale, np.random.default_rng(seed))
        assert lr.shape == (2, 3, size[0] // scale, size[1] // scale)
        assert lr.dtype == torch.uint8


def test_the_seed_alone_decides(hr):
    """torch's own chance neither decides nor is used, and HR is not changed."""
    before, state = hr.clone(), torch.get_rng_state()
    one, other = (realistic(hr, 4, np.random.default_rng(seed)) for seed in (3, 4))
    assert torch.equal(torch.get_rng_state(), state) and torch.equal(hr, before) and not torch.equal(one, other)
    torch.manual_seed(2)
    assert torch.equal(realistic(hr, 4, np.random.default_rng(3)), one)


def test_samples_of_a_batch_differ(hr):
    alike = hr[:1].repeat(8, 1, 1, 1)
    assert len({lr.numpy().tobytes() for lr in realistic(alike, 4, np.random.default_rng(1))}) > 4


@pytest.mark.parametrize("color", [(128, 128, 128), (200, 90, 60)])
def test_flat_color_stays_inside_and_at_the_border(color):
    flat = torch.tensor(color, dtype=torch.uint8)[None, :, None, None].expand(16, 3, 64, 64)
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
    difference = (draws(hr, 20) - bicubic(hr, 4, None).float().repeat(20, 1, 1, 1)).abs().mean((1, 2, 3))
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
    monkeypatch.setattr(degradations, "ANISOTROPIC", 0)
    w, sigma = 1.0, 0.75
    for pixel in (1, 2, 4):
        x = torch.arange(64.0 * pixel) / pixel
        wave = 128 + 100 * (w * x).cos().expand(1, 3, 64 * pixel, -1)
        kept = degradations._blur(wave, sigma, sigma, job(lr_size=(64, 64)))[..., 10 * pixel : -10 * pixel].var()
        assert (kept / wave[..., 10 * pixel : -10 * pixel].var()).item() == pytest.approx(math.exp(-((w * sigma) ** 2)), rel=0.05)


def test_jpeg_grid_starts_anywhere():
    """Eight-pixel blocks of a badly saved ramp begin at other columns in other draws."""
    ramp = torch.arange(64.0).expand(1, 3, 64, 64) * 3
    starts = {degradations._jpeg(ramp, 1, 1, job(seed=n))[0, 0, 0].diff().abs()[:8].argmax().item() for n in range(40)}
    assert len(starts) > 4


@pytest.mark.parametrize(
    "wrong",
    [torch.zeros(3, 8, 8).byte(), torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 8, 8).byte(), torch.zeros(1, 3, 9, 8).byte()],
)
def test_other_shapes_types_and_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match=r"uint8 images \(N, 3, H, W\)|multiples of 4"):
        realistic(wrong, 4, np.random.default_rng(0))


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


# The filters.


def moments(kernel):
    """Mean (x, y) and the second moments xx, yy, xy about it, in pixels."""
    offsets = torch.arange(len(kernel)) - len(kernel) // 2
    y, x = torch.meshgrid(offsets, offsets, indexing="ij")
    mean = [(kernel * axis).sum().item() for axis in (x, y)]
    return mean, [(kernel * product).sum().item() for product in (x * x, y * y, x * y)]


@pytest.mark.parametrize("degrees", [0, 30, 135])
def test_anisotropic_gaussian_is_long_along_its_angle(degrees):
    angle = math.radians(degrees)
    kernel = gaussian_kernels(21, torch.tensor([3.0]), torch.tensor([1.0]), torch.tensor([angle]))[0]
    _, (xx, yy, xy) = moments(kernel)
    c, s = math.cos(angle), math.sin(angle)
    along = c * c * xx + s * s * yy + 2 * c * s * xy
    across = s * s * xx + c * c * yy - 2 * c * s * xy
    assert along == pytest.approx(9, rel=0.03)  # the kernel's edge cuts at 3 1/3 deviations
    assert across == pytest.approx(1, rel=0.01)


def test_sinc_keeps_what_is_below_its_cutoff_and_stops_what_is_above():
    x = torch.arange(96.0)
    kernels = sinc_kernels(21, torch.tensor([1.5, 1.5]))
    waves = torch.stack([(0.5 * x).cos(), (2.8 * x).cos()])[:, None, None].expand(2, 1, 96, 96)
    slow, fast = blur(waves, kernels)[..., 10:-10, 10:-10].square().mean((1, 2, 3)).tolist()
    assert slow == pytest.approx(0.5, rel=0.15)  # the mean square of a cosine
    assert fast < 0.01


def test_each_image_gets_its_own_kernel_and_all_its_channels_the_same():
    image = torch.rand(2, 3, 24, 20)
    kernels = gaussian_kernels(13, torch.tensor([0.8, 2.0]), torch.tensor([0.5, 1.0]), torch.tensor([0.3, 1.0]))
    both = blur(image, kernels)
    for n in range(2):
        for c in range(3):
            alone = blur(image[n : n + 1, c : c + 1], kernels[n : n + 1])
            assert torch.allclose(both[n, c], alone[0, 0], atol=1e-5)


# The noise.


def noise_of(name, level, std, gray=0.0, monkeypatch=None):
    """The noise alone, (4, 3, 128, 128), on flat images of the level."""
    monkeypatch.setattr(degradations, "GRAY", gray)
    images = torch.full((4, 3, 128, 128), float(level))
    return getattr(degradations, name)(images, std, std, job(lr_size=(128, 128))) - images


@pytest.mark.parametrize(("name", "power"), [("_gaussian", 0), ("_poisson", 0.5)])
@pytest.mark.parametrize(("gray", "std"), [(0, 0.3), (1, 5), (0, 25)])
def test_noise_has_the_asked_deviation_and_poissons_grows_with_the_root_of_the_light(name, power, std, gray, monkeypatch):
    for level in (16, 64, 255):
        noise = noise_of(name, level, std, gray, monkeypatch)
        assert noise.std((1, 2, 3)).tolist() == pytest.approx([std * (level / 255) ** power] * 4, rel=0.05)
        assert abs(noise.mean().item()) < std / 25
        assert torch.allclose(noise[:, 0], noise[:, 1], atol=1e-4) == bool(gray)
