import math

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchmarks.third_judge import as_jpeg
from conftest import smooth_photo
from srgan_hub.data.benchmarks import find_sets, pairs
from srgan_hub.evaluation.benchmark import bicubic, mean, measure
from srgan_hub.evaluation.metrics import METRICS, Compared, blocks, detail, grid, metrics_for, psnr, ssim


def test_psnr_and_ssim_match_skimage():
    rng = np.random.default_rng(0)
    hr = rng.uniform(0, 255, (40, 31))
    sr = (hr + rng.normal(0, 20, hr.shape)).clip(0, 255)
    assert math.isclose(psnr(sr, hr), peak_signal_noise_ratio(hr, sr, data_range=255), rel_tol=1e-12)
    reference = structural_similarity(hr, sr, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    assert math.isclose(ssim(sr, hr), reference, rel_tol=1e-9)
    assert math.isnan(ssim(sr[:8], hr[:8]))  # smaller than its window


def test_border_is_cut_and_sizes_must_agree():
    image = np.zeros((20, 30, 3), np.uint8)
    marked = image.copy()
    marked[:4], marked[-4:], marked[:, :4], marked[:, -4:] = 255, 255, 255, 255
    sr_y, hr_y = Compared(marked, image, image).y
    assert sr_y.shape == (12, 22) and np.array_equal(sr_y, hr_y) and sr_y.max() == 16
    with pytest.raises(ValueError, match="differ in size: 30x20 and 29x20"):
        Compared(image, image[:, :-1], image)
    with pytest.raises(ValueError, match="nothing left"):
        Compared(image[:8], image[:8], image)


@pytest.mark.parametrize(
    ("name", "wanted_psnr", "wanted_ssim"),
    [("Set5", 28.43, 0.8111), ("Set14", 26.09, 0.7048), pytest.param("BSD100", 25.96, 0.6681, marks=pytest.mark.soak)],
)
def test_control_values_of_bicubic(benchmark_sets, name, wanted_psnr, wanted_ssim):
    """Neither RGB (25 dB on Set14) nor a whole image (25.9) would give them."""
    rows = measure(bicubic(4), pairs(find_sets(benchmark_sets / name)[0]))
    assert abs(mean(rows, "psnr") - wanted_psnr) <= 0.01
    assert abs(mean(rows, "ssim") - wanted_ssim) <= 0.0005


def test_the_original_is_perfect_and_another_colour_is_seen():
    hr = np.asarray(smooth_photo(64, 48))
    lr = np.asarray(Image.fromarray(hr).reduce(4))
    metrics = [metric for metric in metrics_for("table") if metric.key not in ("niqe", "grid", "seconds", "lr_consistency")]
    best = {metric.key: metric.compute(Compared(hr, hr, lr)) for metric in metrics}
    assert best["ssim"] == pytest.approx(best.pop("ssim"))
    assert set(best.values()) == {math.inf, 0}
    reddish = (hr.astype(int) + (5, 0, 0)).clip(0, 255).astype(np.uint8)
    assert METRICS["colour_shift"].compute(Compared(reddish, hr, lr)) == pytest.approx(5, abs=0.3)


def test_lr_consistency_is_of_the_result_shrunk_as_lr_is_made(benchmark_sets):
    _, lr, hr = next(iter(pairs(find_sets(benchmark_sets / "Set5")[0])))
    assert METRICS["lr_consistency"].compute(Compared(hr, hr, np.asarray(lr))) > 48


def test_grid_is_seen_and_detail_is_not():
    flat = np.full((42, 50, 3), 100, np.uint8)
    assert grid(flat) == 0
    painted = flat.copy()
    painted[1::4, 2::4] += 16
    assert math.isclose(grid(painted), 16 * 219 / 255 * np.sqrt(15) / 16, rel_tol=1e-9)  # one of 16 places; Y is studio swing
    stripes = flat.copy()
    stripes[:, ::3] += 16  # of another period
    assert grid(stripes) < 0.4
    assert grid(np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)) < 1


def test_detail_is_the_energy_that_an_lr_picture_cannot_hold():
    y, x = np.mgrid[0:96, 0:128]
    coarse = 60 * np.sin(2 * np.pi * x / 32) * np.cos(2 * np.pi * y / 24)  # periods of 6 and 8 LR pixels
    fine = np.random.default_rng(0).normal(0, 10, (96, 128))
    assert detail(coarse + fine, coarse + fine) == 0
    assert abs(detail(coarse + fine / 2, 100 + coarse + fine) + 6.02) < 0.05
    assert detail(coarse, coarse + fine) < -25
    assert abs(detail(2 * coarse + fine, coarse + fine)) < 0.1
    assert np.isnan(detail(fine, np.full((96, 128), 50.0)))
    assert detail(np.full((96, 128), 50.0), fine) < -100  # finite


def test_blocks_are_seen_after_enlargement_and_more_of_worse_files():
    grain = np.random.default_rng(0).normal(0, 6, (96, 128, 1))
    lr = Image.fromarray((np.asarray(smooth_photo(128, 96)) + grain).clip(0, 255).astype(np.uint8))
    strength = [blocks(np.asarray(bicubic(4)(picture))) for picture in (lr, as_jpeg(lr, 60), as_jpeg(lr, 20))]
    assert abs(strength[0] - 1) < 0.1 and strength[0] < strength[1] < strength[2]
    assert math.isnan(blocks(np.zeros((90, 200, 3), np.uint8)))


def test_what_a_metric_needs_decides_where_it_is_measured(monkeypatch):
    keys = lambda *places: [metric.key for metric in metrics_for(*places)]  # noqa: E731
    assert keys("validation") == ["psnr", "ssim", "niqe", "feature_distance", "grid"]
    assert keys("page") == ["psnr", "ssim", "niqe", "feature_distance", "seconds"]
    monkeypatch.setattr("srgan_hub.models.features.find_spec", lambda name: None)
    assert keys("card") == ["psnr", "ssim", "niqe"]
