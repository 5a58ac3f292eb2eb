import numpy as np
import torch

from srgan_hub.data.patches import recoloured


def images(count: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(60, 190, (count, 3, 12, 12), dtype=np.uint8))


def test_share_of_images_is_changed_and_the_rest_is_not_touched():
    hr = images(400)
    before = hr.clone()
    result = recoloured(hr, 0.25, np.random.default_rng(0))
    changed = (result != hr).flatten(1).any(1)
    assert 70 < changed.sum() < 130
    assert torch.equal(hr, before) and result.dtype == torch.uint8
    assert torch.equal(recoloured(hr, 0.0, np.random.default_rng(0)), hr)


def test_every_corner_of_the_colours_is_met():
    result = recoloured(images(400), 0.999, np.random.default_rng(0))
    met = {tuple(pixel) for pixel in result.permute(0, 2, 3, 1).reshape(-1, 3).tolist()}
    assert {(r, g, b) for r in (0, 255) for g in (0, 255) for b in (0, 255)} <= met


def test_same_chance_gives_the_same_colours():
    hr = images(8)
    one, again, other = (recoloured(hr, 0.5, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_flat_ones_and_greys_are_among_them():
    result = recoloured(images(400), 0.999, np.random.default_rng(0)).double()
    flat = result.std((2, 3)).amax(1) < 2
    means = result.mean((2, 3))
    grey = (means.amax(1) - means.amin(1) < 8) & (means.amin(1) > 20) & (means.amax(1) < 235)
    assert 40 < flat.sum() < 300
    assert (flat & grey).any()
