import math
from copy import deepcopy

import numpy as np
import pytest
import torch

from benchmarks.smaller_esrgan import residual
from conftest import random_batchnorm
from srgan_hub import SRGANGenerator
from srgan_hub.losses import (
    VARIANTS,
    LossConfig,
    adversarial_loss,
    blocks_loss,
    coarse_loss,
    comparable,
    constant_color_loss,
    constant_color_response,
    content_loss,
    discriminator_loss,
    grid_loss,
    pixel_loss,
    random_colors,
    relative_content_loss,
    relativistic_loss,
    total_variation,
)
from srgan_hub.training.launch import speed_up


def test_pixel_loss_is_four_times_the_squared_error():
    assert math.isclose(pixel_loss(torch.full((1, 3, 2, 2), 0.75), torch.full((1, 3, 2, 2), 0.25)), 4 * 0.25, rel_tol=1e-6)


def test_coarse_loss_sees_the_mean_of_an_lr_pixel_and_no_texture_within_it():
    hr = torch.rand(2, 3, 8, 8)
    texture = 0.1 * torch.tensor([1.0, -1.0]).repeat(4).expand(8, 8)
    assert coarse_loss(hr + texture, hr, 4) < 1e-10
    assert math.isclose(coarse_loss(hr + 0.1, hr, 4), pixel_loss(hr + 0.1, hr), rel_tol=1e-4)


def test_grid_loss_sees_what_repeats_with_every_lr_pixel_and_hardly_any_texture():
    torch.manual_seed(0)
    hr, texture = torch.rand(2, 3, 70, 64), 0.1 * torch.randn(2, 3, 70, 64)  # the six rows below are no square
    dots = torch.zeros(70, 64)
    dots[::4, ::4] = 0.1
    half = dots.clone()
    half[:, :32] *= -1  # over the whole picture no pattern is left
    assert math.isclose(grid_loss(hr + dots, hr, 4), 4 * (0.1**2 / 16 - (0.1 / 16) ** 2), rel_tol=1e-4)
    assert math.isclose(grid_loss(hr + dots, hr, 4), grid_loss(hr + half, hr, 4), rel_tol=1e-4)
    assert grid_loss(hr + texture, hr, 4) < pixel_loss(hr + texture, hr) / 40
    assert grid_loss(hr + 0.1, hr, 4) < 1e-10
    changing = hr + torch.where(torch.arange(70)[:, None] % 32 < 16, dots, -dots)  # their sign, every 4 LR pixels
    assert grid_loss(changing, hr, 4) < grid_loss(changing, hr, 4, side=4) / 100
    assert math.isfinite(grid_loss(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16), 4))


def test_content_loss_rescales_features_before_squaring():
    assert math.isclose(content_loss(torch.full((1, 8, 2, 2), 12.75), torch.zeros(1, 8, 2, 2)), 1.0, rel_tol=1e-6)


def test_adversarial_losses_are_logarithms_of_probabilities():
    hr, sr = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])
    assert torch.allclose(adversarial_loss(sr), -sr.sigmoid().log().mean())
    assert torch.allclose(discriminator_loss(hr, sr), -(hr.sigmoid().log().mean() + (1 - sr.sigmoid()).log().mean()))


def test_adversarial_loss_pulls_even_when_the_discriminator_is_sure():
    logits = torch.full((4,), -60.0, requires_grad=True)
    adversarial_loss(logits).backward()
    assert torch.allclose(logits.grad, torch.full((4,), -0.25))


def test_relative_content_loss_does_not_know_the_size_of_the_features():
    sr, hr = torch.rand(1, 4, 3, 3), torch.rand(1, 4, 3, 3)
    assert torch.allclose(relative_content_loss(1000 * sr, 1000 * hr), relative_content_loss(sr, hr))
    assert math.isclose(relative_content_loss(torch.full((1, 2, 2, 2), 3.0), torch.full((1, 2, 2, 2), 2.0)), 0.5, rel_tol=1e-6)
    assert relative_content_loss(torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)) == 0


@pytest.fixture
def dense():
    return SRGANGenerator(width=6, blocks=2, norm="none", growth=3).eval()


def test_blocks_loss_is_nothing_for_the_teacher_itself_and_reaches_only_dense_blocks(dense):
    lr, other = torch.rand(1, 3, 7, 8), SRGANGenerator(width=6, blocks=2, norm="none", growth=4)
    assert blocks_loss(dense, dense, lr) == 0
    blocks_loss(dense, other, lr).backward()
    reached = {name.partition(".blocks.")[0] for name, p in dense.named_parameters() if p.grad is not None}
    assert reached == {"body.0", "body.1"}


def test_blocks_loss_compares_each_block_for_the_generators_own_input(dense):
    """A block that changes nothing is as far from the teacher's as that changes; the blocks after it are not blamed."""
    teacher = deepcopy(dense)
    for parameter in dense.body[0].blocks[1].convs[4].parameters():
        parameter.data.zero_()
    assert blocks_loss(dense, teacher, torch.rand(1, 3, 7, 8)).item() == pytest.approx(1 / 6)


def test_blocks_loss_compares_a_residual_block_with_a_group_of_dense_ones(dense):
    generator = residual(dense)
    for block in generator.body[:-2]:
        torch.nn.init.zeros_(block.conv2.weight)
    assert blocks_loss(generator, dense, torch.rand(1, 3, 7, 8)).item() == pytest.approx(1)


def test_generators_are_comparable_by_their_blocks(dense):
    assert comparable(dense, SRGANGenerator(width=6, blocks=2, norm="none", growth=4))
    assert comparable(SRGANGenerator(width=6, blocks=2, norm="none"), dense)
    assert not comparable(dense, SRGANGenerator(width=6, blocks=3, norm="none", growth=3))
    assert not comparable(dense, SRGANGenerator(width=5, blocks=2, norm="none", growth=3))
    assert not comparable(dense, torch.nn.Conv2d(3, 3, 1))


def test_total_variation_counts_every_step_between_neighbours():
    image = torch.zeros(2, 3, 4, 4)
    image[:, :, :, 2:] = 0.5  # one edge of 4 pixels in each of 3 channels
    assert math.isclose(total_variation(image), 0.5 * 4 * 3, rel_tol=1e-6)


def test_relativistic_loss_compares_each_image_with_the_mean_of_the_others():
    hr, sr = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])
    sigmoid = torch.sigmoid
    expected = -(sigmoid(hr - sr.mean()).log().mean() + (1 - sigmoid(sr - hr.mean())).log().mean()) / 2
    assert torch.allclose(relativistic_loss(hr, sr), expected)
    assert relativistic_loss(sr, hr) > relativistic_loss(hr, sr)  # the generator has the worse of it here


@pytest.mark.parametrize("faster", [False, True])
@pytest.mark.parametrize(
    "config", [{"scale": 2}, {}, {"norm": "none"}, {"scale": 8}, {"norm": "none", "growth": 3}], ids=str
)
def test_it_is_the_middle_of_a_large_surface(config, faster):
    generator = random_batchnorm(SRGANGenerator(width=4, blocks=1, **config))
    scale = generator.scale
    torch.nn.init.normal_(generator.tail.weight, std=0.2)
    colours = torch.rand(3, 3)
    side = 2 * int(generator.reach) + 3
    with torch.inference_mode():
        surface = generator(colours[:, :, None, None].expand(-1, -1, side, side))
        inside = slice(side // 2 * scale, (side // 2 + 1) * scale)
        if faster:
            speed_up(generator)
        generator.train()  # it uses the running statistics all the same
        assert torch.allclose(constant_color_response(generator, colours), surface[..., inside, inside], atol=1e-5)
        assert all(module.training for module in generator.modules())
        generator(torch.rand(1, 3, 8, 8))  # computes pictures as before


def test_the_loss_is_the_squared_error_on_both_sides_of_zero(tiny_generator):
    generator = tiny_generator  # enlarges like bilinear: a surface stays as it is
    colours = random_colors(np.random.default_rng(0))
    assert constant_color_loss(generator, colours) < 1e-4
    generator.tail.bias.data += 0.1
    assert abs(constant_color_loss(generator, colours) - 4 * 0.1**2) < 2e-3


def test_it_is_computed_in_float32_and_reaches_every_weight(tiny_generator):
    colours = random_colors(np.random.default_rng(0))
    exact = constant_color_loss(tiny_generator, colours)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(constant_color_loss(tiny_generator, colours), exact)
    exact.backward()
    assert all(parameter.grad is not None for parameter in tiny_generator.parameters())


def test_colours_are_anywhere_and_often_nearly_pure():
    colours = random_colors(np.random.default_rng(5))
    assert torch.equal(colours, random_colors(np.random.default_rng(5))) and colours.min() >= 0 and colours.max() <= 1
    pure = ((colours < 0.05) | (colours > 0.95)).all(1)
    assert len({tuple(colour) for colour in colours[pure].round().tolist()}) >= 6
    assert ((colours > 0.2) & (colours < 0.8)).all(1).sum() > 10


def test_the_papers_variants_have_its_weights():
    assert VARIANTS["srresnet-mse"]._replace(lr=1e-4) == LossConfig(pixel=1.0)  # whose learning rate is ours
    assert VARIANTS["srresnet-vgg22"] == LossConfig(content=1.0, layers=("vgg22",), tv=2e-8)
    assert VARIANTS["srgan-mse"] == LossConfig(pixel=1.0, adversarial=1e-3)
    assert VARIANTS["srgan-vgg22"] == LossConfig(content=1.0, layers=("vgg22",), adversarial=1e-3)
    assert VARIANTS["srgan-vgg54"] == LossConfig(content=1.0, layers=("vgg54",), adversarial=1e-3)
