import copy
import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from srgan_hub import SRGANGenerator
from srgan_hub.training.optimizers import Muon, learning_rate, orthogonal


@pytest.mark.parametrize("shape", [(64, 576), (256, 64), (8, 8)])
def test_singular_values_become_alike(shape):
    matrices = torch.randn(2, *shape) * torch.tensor([1e-6, 1e3]).view(2, 1, 1)
    matrices[:, 0] *= 5
    turned = orthogonal(matrices)
    assert turned.shape == matrices.shape and turned.dtype == matrices.dtype
    values = torch.linalg.svdvals(turned.double())
    assert values.max() < 1.3 and values.median() > 0.6
    left, _, right = torch.linalg.svd(matrices.double(), full_matrices=False)
    nearest = left @ right
    cosine = (turned * nearest).sum((1, 2)) / turned.norm(dim=(1, 2)) / nearest.norm(dim=(1, 2))
    assert cosine.min() > 0.95


def networks(optimizer, updates: int = 3):
    """A small generator after some updates; every update's gradients are the same for whatever optimizer."""
    torch.manual_seed(1)
    generator = SRGANGenerator(width=8, blocks=1)
    before = copy.deepcopy(generator)
    optimizer = optimizer(generator)
    for _ in range(updates):
        for parameter in generator.parameters():
            parameter.grad = torch.randn_like(parameter)
        optimizer.step()
    return before, generator, optimizer


def test_all_but_inner_kernels_learn_by_adam():
    adam = dict(lr=1e-3, betas=(0.9, 0.99), fused=True)
    _, usual, _ = networks(lambda g: torch.optim.Adam(g.parameters(), **adam))
    _, ours, _ = networks(lambda g: Muon(g, **adam))
    inner = {"body.0.conv1.weight", "body.0.conv2.weight", "body.1.weight", "upsample.0.0.weight", "upsample.1.0.weight"}
    for (name, one), other in zip(usual.named_parameters(), ours.parameters(), strict=True):
        assert torch.equal(one, other) == (name not in inner), name


def test_an_inner_kernel_goes_a_given_length_along_its_momentum():
    before, after, _ = networks(lambda g: Muon(g, lr=1e-3, times=5, betas=(0.9, 0.99)), updates=1)
    torch.manual_seed(1)
    SRGANGenerator(width=8, blocks=1)  # draws what the generator drew
    gradients = {name: torch.randn_like(parameter) for name, parameter in before.named_parameters()}
    for name in ("body.0.conv1.weight", "upsample.0.0.weight"):
        moved = (after.get_parameter(name) - before.get_parameter(name)).detach().flatten(1)
        ahead = gradients[name].flatten(1)  # of the first update, the momentum lies along the gradient
        assert torch.allclose(moved, -5e-3 * orthogonal(ahead[None])[0], atol=1e-4)


def test_a_tall_kernel_goes_further():
    layer = nn.Conv2d(4, 64, 1, bias=False)
    before = layer.weight.detach().clone()
    optimizer = Muon(layer, lr=1e-3)
    layer.weight.grad = torch.randn_like(layer.weight)
    optimizer.step()
    values = torch.linalg.svdvals((layer.weight.detach() - before).flatten(1))
    assert values.median() == pytest.approx(5e-3 * (64 / 4) ** 0.5, rel=0.35)


def test_state_goes_into_a_file_and_back(tmp_path):
    _, generator, optimizer = networks(lambda g: Muon(g, lr=1e-3, fused=True))
    torch.save(optimizer.state_dict(), tmp_path / "state")
    copied = copy.deepcopy(generator)
    other = Muon(copied, lr=1.0, fused=True)
    other.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    for network, its in ((generator, optimizer), (copied, other)):
        torch.manual_seed(2)
        for parameter in network.parameters():
            parameter.grad = torch.randn_like(parameter)
        its.step()
    assert all(map(torch.equal, generator.parameters(), copied.parameters()))


def test_rises_then_falls_to_the_floor():
    rates = [learning_rate(step, peak=1e-3, total=1000) for step in range(1001)]
    assert math.isclose(rates[0], 1e-5)
    assert math.isclose(max(rates), 1e-3)
    assert rates.index(max(rates)) in (99, 100)
    assert all(a < b for a, b in pairwise(rates[:100]))
    assert all(a > b for a, b in pairwise(rates[100:]))
    assert math.isclose(rates[-1], 1e-6)
    assert math.isclose(rates[550], (1e-3 + 1e-6) / 2)


def test_run_shorter_than_the_warm_up_is_defined():
    assert math.isclose(learning_rate(9, peak=1e-3, total=10), 1e-4)
