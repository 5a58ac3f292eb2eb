import pytest
import torch

from srgan_hub.imaging.degradations import gaussian_noise, poisson_noise

COLOUR, GREY = torch.tensor([False]), torch.tensor([True])


def noise_of(add, level, std, grey=COLOUR, seed=0):
    """The noise alone, (3, 128, 128), on a flat picture of the level."""
    picture = torch.full((1, 3, 128, 128), float(level))
    return (add(picture, torch.tensor([float(std)]), grey, torch.Generator().manual_seed(seed)) - picture)[0]


@pytest.mark.parametrize("grey", [COLOUR, GREY])
@pytest.mark.parametrize("std", [0.3, 5, 25])
def test_gaussian_noise_has_the_asked_deviation_at_every_level(std, grey):
    for level in (0, 128, 255):
        noise = noise_of(gaussian_noise, level, std, grey)
        assert noise.std().item() == pytest.approx(std, rel=0.03)
        assert abs(noise.mean().item()) < std / 25


@pytest.mark.parametrize("grey", [COLOUR, GREY])
@pytest.mark.parametrize("std", [0.3, 5, 25])
def test_poisson_noise_grows_with_the_root_of_the_light(std, grey):
    assert noise_of(poisson_noise, 0, std, grey).abs().max() == 0
    for level in (16, 64, 255):
        noise = noise_of(poisson_noise, level, std, grey)
        assert noise.std().item() == pytest.approx(std * (level / 255) ** 0.5, rel=0.03)
        assert abs(noise.mean().item()) < std / 25


@pytest.mark.parametrize("add", [gaussian_noise, poisson_noise])
def test_grey_noise_is_the_same_in_all_channels_and_colour_noise_is_not(add):
    grey = noise_of(add, 100, 10, GREY)
    assert torch.allclose(grey[0], grey[1], atol=1e-4)
    assert torch.allclose(grey[0], grey[2], atol=1e-4)
    red, green, _ = noise_of(add, 100, 10)
    assert abs(torch.corrcoef(torch.stack([red.flatten(), green.flatten()]))[0, 1]) < 0.03


@pytest.mark.parametrize("add", [gaussian_noise, poisson_noise])
def test_each_image_has_its_own_strength(add):
    pictures = torch.full((2, 3, 64, 64), 255.0)
    noisy = add(pictures, torch.tensor([1.0, 9.0]), torch.tensor([True, False]), torch.Generator().manual_seed(0))
    assert (noisy - pictures).std((1, 2, 3)).tolist() == pytest.approx([1, 9], rel=0.05)


@pytest.mark.parametrize("add", [gaussian_noise, poisson_noise])
def test_the_generator_alone_decides(add):
    state = torch.get_rng_state()
    assert torch.equal(noise_of(add, 90, 4, seed=1), noise_of(add, 90, 4, seed=1))
    assert not torch.equal(noise_of(add, 90, 4, seed=1), noise_of(add, 90, 4, seed=2))
    assert torch.equal(torch.get_rng_state(), state)
