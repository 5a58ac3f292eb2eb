import math

import pytest
import torch

from srgan_hub import SRGANGenerator


def test_default_is_the_papers_network():
    generator = SRGANGenerator()
    assert sum(p.numel() for p in generator.parameters()) == 1_549_462
    convolutions = [m for m in generator.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [c.kernel_size[0] for c in convolutions] == [9] + [3] * 35 + [9]
    assert all(c.bias is not None for c in convolutions)
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in generator.modules()) == 33
    assert sum(isinstance(m, torch.nn.PReLU) and m.num_parameters == 1 for m in generator.modules()) == 19


@pytest.mark.parametrize(
    "config", [{}, {"scale": 2}, {"scale": 8}, {"width": 1}, {"blocks": 3}, {"norm": "none"}, {"norm": "none", "growth": 3}]
)
@pytest.mark.parametrize("size", [(1, 1), (5, 7)])
def test_result_is_scale_times_larger(config, size):
    config = {"width": 4, "blocks": 1, **config}
    generator = SRGANGenerator(**config).eval()
    sr = generator(torch.rand(2, 3, *size))
    scale = config.get("scale", 4)
    assert sr.shape == (2, 3, scale * size[0], scale * size[1])


def test_norm_none_has_no_batchnorm():
    generator = SRGANGenerator(width=4, blocks=2, norm="none")
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in generator.modules())


@pytest.mark.parametrize(
    "config",
    [{"scale": 3}, {"scale": 4.0}, {"scale": True}, {"width": 0}, {"width": 1.5}, {"blocks": 0}, {"norm": "instance"},
     {"growth": 32}, {"growth": -1}, {"growth": 1.0}],
)
def test_wrong_argument_is_refused_with_what_came(config):
    (name, value), = config.items()
    with pytest.raises(ValueError, match=name) as caught:
        SRGANGenerator(**config)
    assert repr(value) in str(caught.value)


def test_receptive_field_reaches_39_and_a_half_pixels():
    """The upper left of the four sub-pixels of a pixel sees 40 LR pixels up and left and no further than 39 down and right."""
    generator = SRGANGenerator(width=2, blocks=16).eval()
    for parameter in generator.parameters():
        parameter.data.abs_().add_(0.01)  # nothing cancels
    lr = torch.rand(1, 3, 1, 101, requires_grad=True)
    generator(lr)[..., 200:204].sum().backward()  # the four columns that belong to LR pixel 50
    reach = (lr.grad.abs().sum((0, 1, 2)).nonzero().flatten() - 50).abs().max()
    assert reach == 40  # 39.5, in whole pixels
    assert generator.reach == 39.5


def test_growth_makes_the_trunk_of_esrgan():
    generator = SRGANGenerator(blocks=23, norm="none", growth=32)
    trunk = sum(p.numel() for p in generator.body.parameters())
    assert trunk == 23 * 3 * (9 * 32 * (64 + 96 + 128 + 160) + 4 * 32 + 9 * 64 * 192 + 64) + 9 * 64 * 64 + 64


@pytest.mark.parametrize("config", [{"scale": 2}, {"scale": 8}, {"blocks": 3}, {}, {"norm": "none", "growth": 2}])
def test_reach_is_told_for_every_network(config):
    generator = SRGANGenerator(**{"width": 2, "blocks": 1, **config}).eval()
    for parameter in generator.parameters():
        parameter.data.abs_().add_(0.01)
    lr = torch.rand(1, 3, 1, 61, requires_grad=True)
    s = generator.scale
    generator(lr)[..., 30 * s : 31 * s].sum().backward()
    reach = (lr.grad.abs().sum((0, 1, 2)).nonzero().flatten() - 30).abs().max().item()
    assert reach == math.ceil(generator.reach)
