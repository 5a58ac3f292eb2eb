import pytest
import torch

from srgan_hub import SRGANGenerator
from srgan_hub.blend import blend


@pytest.fixture
def two():
    return SRGANGenerator(width=4, blocks=1).eval(), SRGANGenerator(width=4, blocks=1).eval()


def test_ends_are_the_two_generators(two):
    lr = torch.rand(1, 3, 6, 7)
    for share, end in ((0, two[0]), (1, two[1])):
        assert torch.allclose(blend(*two, share)(lr), end(lr), atol=1e-6)


def test_every_weight_lies_between_and_the_two_stay_as_they_are(two):
    before = [{name: tensor.clone() for name, tensor in generator.state_dict().items()} for generator in two]
    mixed = blend(*two, 0.25).state_dict()
    for name, tensor in mixed.items():
        if tensor.is_floating_point():
            assert torch.allclose(tensor, 0.75 * before[0][name] + 0.25 * before[1][name], atol=1e-7)
    for generator, state in zip(two, before, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in generator.state_dict().items())


def test_others_are_refused(two):
    with pytest.raises(ValueError, match="same architecture"):
        blend(two[0], SRGANGenerator(width=5, blocks=1), 0.5)
    with pytest.raises(ValueError, match=r"from 0 to 1, got 1\.5"):
        blend(*two, 1.5)
