import pytest
import torch
import torch.nn.functional as F

from srgan_hub import SRGANGenerator
from srgan_hub.models.srresnet.initialization import pass_through


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("scale", [2, 4, 8])
def test_first_result_is_bilinear_enlargement(norm, mode, scale):
    generator = SRGANGenerator(scale=scale, width=8, blocks=2, norm=norm)
    pass_through(generator)
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
    pass_through(generator)
    assert all(torch.equal(a, b) for a, b in zip(before, generator.parameters(), strict=True))
