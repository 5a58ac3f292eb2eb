import copy

import pytest
import torch

from srgan_hub import SRGANGenerator
from srgan_hub.training.launch import CPUPReLU, speed_up


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_function_and_gradients_are_those_of_prelu(layout):
    usual, cheaper = torch.nn.PReLU(init=0.3), CPUPReLU(init=0.3)
    x = torch.randn(3, 8, 5, 7).contiguous(memory_format=layout)
    gradient = torch.randn(3, 8, 5, 7).contiguous(memory_format=layout)
    results = []
    for layer in (usual, cheaper):
        inputs = x.clone().requires_grad_()
        out = layer(inputs)
        out.backward(gradient)
        results.append((out, inputs.grad, layer.weight.grad))
    for one, other in zip(*results, strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert torch.autograd.gradcheck(cheaper.double(), x.double().requires_grad_())


def test_bf16_gradient_is_as_near_to_the_true_one_as_prelus_own():
    x, gradient = (torch.randn(4, 64, 24, 24).bfloat16() for _ in range(2))
    true = (gradient.double() * x.double().clamp_max(0)).sum()
    errors = []
    for layer in (torch.nn.PReLU(), CPUPReLU()):
        with torch.autocast("cpu", torch.bfloat16):
            out = layer(x)
        out.backward(gradient)
        errors.append(abs(layer.weight.grad.double() - true).item())
    assert errors[1] <= errors[0] + 0.002 * abs(true)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_generator_keeps_its_weights_and_what_it_computes(scale):
    usual = SRGANGenerator(scale=scale, width=4, blocks=1, norm="none")
    faster = copy.deepcopy(usual)
    speed_up(faster)
    speed_up(faster)  # twice is once
    copied = copy.deepcopy(faster)
    assert faster.state_dict().keys() == usual.state_dict().keys()
    lr = torch.rand(2, 3, 6, 7)
    results = []
    for generator in (usual, faster, copied):
        sr = generator(lr)
        sr.square().sum().backward()
        results.append([sr, *(parameter.grad for parameter in generator.parameters())])
    for one, *others in zip(*results, strict=True):
        assert all(torch.allclose(one, other, rtol=1e-4, atol=1e-5) for other in others)


def test_saved_generator_is_an_ordinary_one(tmp_path):
    generator = SRGANGenerator(width=4, blocks=1).eval()
    before = generator(torch.ones(1, 3, 5, 5))
    speed_up(generator)
    generator.save_pretrained(tmp_path)
    loaded = SRGANGenerator.from_pretrained(tmp_path)
    assert type(loaded.tail) is torch.nn.Conv2d
    assert torch.allclose(loaded(torch.ones(1, 3, 5, 5)), before, atol=1e-6)
