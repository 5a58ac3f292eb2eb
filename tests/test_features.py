import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from benchmarks.beside_fast_srgan import NarrowDistance
from conftest import smooth_photo
from srgan_hub import Upscaler
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.evaluation import metrics
from srgan_hub.evaluation.benchmark import bicubic
from srgan_hub.evaluation.metrics import FeatureDistance, measured_area, psnr
from srgan_hub.models import features


@pytest.fixture(scope="module")
def distance():
    return FeatureDistance()


def blurred(image: Image.Image, sigma: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(sigma))


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def noisy(image: Image.Image, sigma: float) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, sigma, (image.height, image.width, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).round().astype(np.uint8))


def test_unit_distance_compares_directions():
    x = torch.tensor([3.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    assert metrics.unit_distance(x, 5 * x) == 0
    assert metrics.unit_distance(x, x.flip(1)) == 2
    assert metrics.unit_distance(x, -x) == 4
    assert metrics.unit_distance(0 * x, 0 * x) == 0


def test_equal_pictures_are_zero_and_order_does_not_matter(distance):
    one, other = (np.asarray(smooth_photo(50, 37, seed)) for seed in (0, 1))
    assert distance(one, one) == 0
    assert 0 < distance(one, other) < 2
    assert distance(one, other) == distance(other, one)


def test_smallest_picture_is_measured_and_smaller_ones_are_refused(distance):
    photo = smooth_photo(32, 32)
    assert 0 < distance(np.asarray(blurred(photo, 1)), np.asarray(photo)) < 2
    with pytest.raises(ValueError, match="at least 32x32 pixels, got 40x31"):
        distance(*2 * [np.asarray(smooth_photo(40, 31))])


def test_wrong_pictures_are_refused(distance):
    image = np.zeros((40, 50, 3), np.uint8)
    with pytest.raises(ValueError, match="differ in size: 50x40 and 49x40"):
        distance(image, image[:, :-1])
    for wrong in (image[..., 0], image.astype(np.float32), np.zeros((40, 50, 4), np.uint8)):
        with pytest.raises(ValueError, match="expected \\(H, W, 3\\) uint8"):
            distance(wrong, image)
        with pytest.raises(ValueError, match="expected \\(H, W, 3\\) uint8"):
            distance(image, wrong)


def test_missing_packages_name_the_way_out(monkeypatch):
    assert metrics.has_feature_distance()
    monkeypatch.setattr(features, "find_spec", lambda name: None)
    assert not metrics.has_feature_distance()
    with pytest.raises(ValueError, match=r"pip install 'srgan-hub\[perceptual\]'"):
        FeatureDistance()


@pytest.fixture
def photographs(benchmark_sets):
    """Corners of 192x192 of ten photographs: Set5 and every 20th of BSD100."""
    sets = benchmark_sets
    files = sorted(sets.glob("Set5/HR/*.png")) + sorted(sets.glob("BSD100/HR/*.png"))[::20]
    return [Image.fromarray(np.asarray(Image.open(file).convert("RGB"))[:192, :192]) for file in files]


@pytest.mark.parametrize(("spoil", "little", "much"), [(blurred, 1, 2), (as_jpeg, 50, 10), (noisy, 4, 20)])
def test_more_damage_is_farther(distance, photographs, spoil, little, much):
    assert len(photographs) == 10
    near, far = (
        np.mean([distance(np.asarray(spoil(photo, strength)), np.asarray(photo)) for photo in photographs])
        for strength in (little, much)
    )
    assert 0 < 1.5 * near < far


def corners(benchmark_sets):
    """(LR 48x48, HR 192x192) of the pictures of Set5: larger ones take longer and show no more."""
    for _, lr, hr in pairs(find_sets(benchmark_sets / "Set5")[0]):
        yield lr.crop((0, 0, 48, 48)), hr[:192, :192]


def test_a_pixel_aside_is_nearer_than_soft(distance, benchmark_sets):
    """PSNR, which compares pixel by pixel, has it the other way round."""
    rows = []
    for lr, hr in corners(benchmark_sets):
        aside, soft = np.roll(hr, 1, axis=1), np.asarray(bicubic(4)(lr))
        rows.append([measure(image, hr) for image in (aside, soft) for measure in (distance, psnr_y)])
    aside, aside_psnr, soft, soft_psnr = np.mean(rows, axis=0)
    assert aside < soft / 2
    assert aside_psnr < soft_psnr


def psnr_y(sr, hr):
    return psnr(*measured_area(sr, hr))


def test_srresnet_is_nearer_than_bicubic_on_the_mean(distance, benchmark_sets):
    upscaler = Upscaler.from_pretrained("srresnet-x4")
    rows = [[distance(np.asarray(upscale(lr)), hr) for upscale in (upscaler, bicubic(4))] for lr, hr in corners(benchmark_sets)]
    srresnet, soft = np.mean(rows, axis=0)
    assert srresnet < 0.95 * soft


def test_narrow_maps_take_the_place_of_the_wide_ones(distance):
    """What Fast-SRGAN's figures were measured with (benchmarks/beside_fast_srgan.py)."""
    narrow, photo = NarrowDistance(), np.asarray(smooth_photo(64, 64))
    assert [found.shape[1] for found in narrow.levels(narrow.scaled(photo))] == [16, 24, 40, 112, 320]
    soft = np.asarray(blurred(Image.fromarray(photo), 2))
    assert narrow(soft, photo) > distance(soft, photo) > 0
