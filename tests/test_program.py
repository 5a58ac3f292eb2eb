import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from srgan_hub import SRGANGenerator
from srgan_hub.models.srresnet.graph import before_shuffle, fold_norm, inference_graph, picture_apart, reach, run, trunk
from srgan_hub.models.srresnet.initialization import pass_through
from srgan_hub.training.launch import speed_up


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


@pytest.mark.parametrize(("scale", "far"), [(2, 3), (4, 3), (8, 3)])
def test_enlargement_begins_at_the_trunk_and_reaches_a_few_pixels(scale, far):
    generator = lively(scale=scale, width=6, blocks=2)
    pass_through(generator)
    steps = inference_graph(generator)
    assert steps[trunk(steps)].kind == "conv" and steps[trunk(steps) + 1].kind == "prelu"
    assert reach(steps, trunk(steps)) == far == reach(picture_apart(steps), trunk(steps))
    assert reach(steps, 0) == math.ceil(generator.reach)


def test_the_trunk_and_the_reach_of_dense_blocks_are_found():
    generator = lively(width=6, blocks=2, norm="none", growth=3)
    steps, lr = inference_graph(generator), torch.rand(1, 3, 6, 5)
    assert steps[trunk(steps)].kind == "conv" and steps[trunk(steps) + 1].kind == "prelu"
    assert reach(steps, trunk(steps)) == 3 and reach(steps, 0) == math.ceil(generator.reach)
    with torch.inference_mode():
        assert torch.allclose(run(steps[: trunk(steps)], lr), generator.maps(lr), atol=1e-5)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_the_picture_apart_is_the_same_function(scale):
    generator = lively(scale=scale, width=6, blocks=2)
    pass_through(generator)
    steps = inference_graph(generator)
    apart = picture_apart(steps)
    assert [step.kind for step in apart[-5:]] == ["conv", "prelu", "conv", "add", "shuffle"]
    assert apart[-3].weight.abs().max() < steps[-2].weight.abs().max() / 2
    lr = torch.rand(2, 3, 7, 5)
    assert torch.allclose(run(apart, lr), run(steps, lr), rtol=1e-4, atol=1e-5)


def test_a_picture_that_does_not_stand_out_stays_where_it_is():
    steps = inference_graph(lively(width=6, blocks=2))
    assert picture_apart(steps) is steps


def test_program_of_a_generator_that_training_has_sped_up_is_the_same():
    generator = lively(width=4, blocks=1)
    lr = torch.rand(1, 3, 6, 7)
    before = run(inference_graph(generator), lr)
    speed_up(generator)
    assert torch.equal(run(inference_graph(generator), lr), before)


def test_program_keeps_weights_of_its_own():
    generator = lively(width=4, blocks=1)
    steps, lr = inference_graph(generator), torch.rand(1, 3, 5, 5)
    before = run(steps, lr)
    for parameter in generator.parameters():
        parameter.data.zero_()
    assert torch.equal(run(steps, lr), before) and before.any()


def test_only_what_is_still_needed_is_held():
    """Of a deep generator, few maps are alive at a time."""
    alive, most = set(), 0

    class Counted(torch.Tensor):
        def __del__(self):
            alive.discard(id(self))

        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            nonlocal most
            result = super().__torch_function__(function, types, args, kwargs or {})
            if isinstance(result, Counted) and function in (F.conv2d, F.prelu, F.pixel_shuffle, torch.Tensor.add):
                alive.add(id(result))
                most = max(most, len(alive))
            return result

    run(inference_graph(SRGANGenerator(width=4, blocks=16)), torch.rand(1, 3, 4, 4).as_subclass(Counted))
    assert 3 <= most <= 5


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
