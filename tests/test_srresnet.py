import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from srgan_hub import SRGANGenerator
from srgan_hub.models.srresnet.graph import before_shuffle, fold_norm, inference_graph, picture_apart, run, trunk


def test_default_is_the_papers_network():
    generator = SRGANGenerator()
    assert sum(p.numel() for p in generator.parameters()) == 1_549_462 and generator.reach == 39.5
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


def test_growth_makes_the_trunk_of_esrgan():
    generator = SRGANGenerator(blocks=23, norm="none", growth=32)
    trunk = sum(p.numel() for p in generator.body.parameters())
    assert trunk == 23 * 3 * (9 * 32 * (64 + 96 + 128 + 160) + 4 * 32 + 9 * 64 * 192 + 64) + 9 * 64 * 64 + 64


@pytest.mark.parametrize(
    "config", [{"scale": 2}, {"scale": 8}, {"blocks": 16}, {"norm": "none", "growth": 2}]
)
def test_reach_is_told_for_every_network(config):
    generator = SRGANGenerator(**{"width": 2, "blocks": 1, **config}).eval()
    for parameter in generator.parameters():
        parameter.data.abs_().add_(0.01)
    lr = torch.rand(1, 3, 1, 101, requires_grad=True)
    s = generator.scale
    generator(lr)[..., 50 * s : 51 * s].sum().backward()
    reach = (lr.grad.abs().sum((0, 1, 2)).nonzero().flatten() - 50).abs().max().item()
    assert reach == math.ceil(generator.reach)


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("scale", [2, 4, 8])
def test_first_result_is_bilinear_enlargement(norm, mode, scale):
    generator = SRGANGenerator(scale=scale, width=8, blocks=2, norm=norm)
    generator.initialize()
    generator.train(mode == "train")
    lr = torch.rand(2, 3, 24, 20)
    expected = lr
    for _ in range(scale.bit_length() - 1):
        expected = F.interpolate(expected, scale_factor=2, mode="bilinear", align_corners=False)
    inside = (..., slice(6 * scale, -6 * scale), slice(6 * scale, -6 * scale))  # zero padding shows at the border
    other = generator.tail.weight.abs()[:, 3:].sum() > 0
    with torch.no_grad():
        generator.tail.weight[:, 3:] = 0  # the other channels keep their draw, made small
        assert torch.allclose(generator(lr)[inside], expected[inside], atol=1e-6)
    assert other


def test_too_narrow_a_generator_is_left_as_it_is():
    generator = SRGANGenerator(width=2, blocks=1)
    before = [p.clone() for p in generator.parameters()]
    generator.initialize()
    assert all(torch.equal(a, b) for a, b in zip(before, generator.parameters(), strict=True))


def lively(**options) -> SRGANGenerator:
    """Random BatchNorm statistics and slopes, so that every fold shows."""
    generator = SRGANGenerator(**options)
    for module in generator.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, (low, high) in ((module.running_mean, (-1, 1)), (module.running_var, (0.2, 3)),
                                        (module.weight.data, (0.5, 2)), (module.bias.data, (-1, 1))):  # fmt: skip
                tensor.uniform_(low, high)
        if isinstance(module, nn.PReLU):
            module.weight.data.uniform_(-0.5, 1.5)
    return generator.eval()


@pytest.mark.parametrize("config", [{"norm": "batch"}, {"norm": "none"}, {"norm": "none", "growth": 3}], ids=str)
@pytest.mark.parametrize("scale", [2, 4, 8])
def test_program_computes_the_generator(scale, config):
    generator = lively(scale=scale, width=6, blocks=2, **config)
    steps = inference_graph(generator)
    for size in ((1, 3, 1, 1), (2, 3, 9, 4)):
        lr = torch.rand(size)
        with torch.inference_mode():
            assert torch.allclose(run(steps, lr), generator(lr), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("growth", [0, 3])
def test_enlargement_begins_at_the_trunk(growth):
    generator = lively(width=6, blocks=2, norm="none", growth=growth)
    steps, lr = inference_graph(generator), torch.rand(1, 3, 6, 5)
    with torch.inference_mode():
        assert torch.allclose(run(steps[: trunk(steps)], lr), generator.maps(lr), atol=1e-5)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_the_picture_apart_is_the_same_function(scale):
    generator = lively(scale=scale, width=6, blocks=2)
    generator.initialize()
    steps = inference_graph(generator)
    apart = picture_apart(steps)
    assert [step.kind for step in apart[-5:]] == ["conv", "prelu", "conv", "add", "shuffle"]
    assert apart[-3].weight.abs().max() < steps[-2].weight.abs().max() / 2
    lr = torch.rand(2, 3, 7, 5)
    assert torch.allclose(run(apart, lr), run(steps, lr), rtol=1e-4, atol=1e-5)


def test_a_picture_that_does_not_stand_out_stays_where_it_is():
    steps = inference_graph(lively(width=6, blocks=2))
    assert picture_apart(steps) is steps


def test_program_keeps_weights_of_its_own():
    generator = lively(width=4, blocks=1)
    steps, lr = inference_graph(generator), torch.rand(1, 3, 5, 5)
    before = run(steps, lr)
    for parameter in generator.parameters():
        parameter.data.zero_()
    assert torch.equal(run(steps, lr), before) and before.any()


def test_batchnorm_folds_into_the_convolution_before_it():
    convolution, norm = nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)
    for tensor in (norm.running_mean, norm.weight.data, norm.bias.data):
        tensor.normal_()
    norm.running_var.uniform_(0.1, 4)
    x = torch.randn(2, 3, 8, 8)
    assert torch.allclose(F.conv2d(x, *fold_norm(convolution, norm)), norm.eval()(convolution(x)), atol=1e-5)
    assert fold_norm(convolution, nn.Identity()) == (convolution.weight, convolution.bias)


def test_a_kernel_moves_before_the_shuffle():
    kernel, x = torch.randn(3, 4, 9, 9), torch.randn(2, 16, 6, 5)
    after = F.conv2d(F.pixel_shuffle(x, 2), kernel, padding=4)
    assert torch.allclose(F.pixel_shuffle(F.conv2d(x, before_shuffle(kernel), padding=2), 2), after, atol=1e-4)
