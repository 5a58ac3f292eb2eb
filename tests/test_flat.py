import numpy as np
import pytest
import torch

from conftest import random_batchnorm
from srgan_hub import SRGANGenerator
from srgan_hub.losses import constant_color_loss, random_colors
from srgan_hub.models.srresnet.constant_color import constant_color_response
from srgan_hub.training.launch import speed_up


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
