import copy

import pytest
import torch

from srgan_hub import SRGANGenerator
from srgan_hub.training.prelu import CPUPReLU, cheaper_prelu


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


def test_generator_keeps_its_weights_and_what_it_computes():
    generator = SRGANGenerator(width=4, blocks=1).eval()
    cheaper = copy.deepcopy(generator)
    cheaper_prelu(cheaper)
    assert sum(isinstance(module, CPUPReLU) for module in cheaper.modules()) == 4
    assert cheaper.state_dict().keys() == generator.state_dict().keys()
    lr = torch.rand(1, 3, 6, 7)
    assert torch.allclose(cheaper(lr), generator(lr), atol=1e-6)
