import pytest
import torch

from srgan_hub import SRGANGenerator
from srgan_hub.hub.load import CheckpointError, bundled
from srgan_hub.models.interpolation import interpolate, transfer, with_texture


@pytest.fixture
def two():
    return SRGANGenerator(width=4, blocks=1).eval(), SRGANGenerator(width=4, blocks=1).eval()


def test_ends_are_the_two_generators(two):
    lr = torch.rand(1, 3, 6, 7)
    for share, end in ((0, two[0]), (1, two[1])):
        assert torch.allclose(interpolate(*two, share)(lr), end(lr), atol=1e-6)


def test_every_weight_lies_between_and_the_two_stay_as_they_are(two):
    before = [{name: tensor.clone() for name, tensor in generator.state_dict().items()} for generator in two]
    mixed = interpolate(*two, 0.25).state_dict()
    for name, tensor in mixed.items():
        if tensor.is_floating_point():
            assert torch.allclose(tensor, 0.75 * before[0][name] + 0.25 * before[1][name], atol=1e-7)
    for generator, state in zip(two, before, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in generator.state_dict().items())


def test_others_are_refused(two):
    with pytest.raises(ValueError, match="same architecture"):
        interpolate(two[0], SRGANGenerator(width=5, blocks=1), 0.5)
    with pytest.raises(ValueError, match=r"from 0 to 1, got 1\.5"):
        interpolate(*two, 1.5)


def test_texture_leads_from_the_partner_to_the_checkpoint(two, tmp_path):
    two[1].save_pretrained(tmp_path / "partner")
    sharp = SRGANGenerator(width=4, blocks=1, partner=str(tmp_path / "partner")).eval()
    lr = torch.rand(1, 3, 6, 7)
    assert with_texture(sharp, 1) is sharp
    assert torch.allclose(with_texture(sharp, 0)(lr), two[1](lr), atol=1e-6)
    assert torch.allclose(with_texture(sharp, 0.25)(lr), interpolate(sharp, two[1], 0.75)(lr), atol=1e-6)


def test_texture_needs_a_partner_that_is_there(two):
    assert with_texture(two[0], 1.0) is two[0]
    with pytest.raises(ValueError, match="names no partner"):
        with_texture(two[0], 0.5)
    with pytest.raises(ValueError, match=r"from 0 to 1, got 1\.5"):
        with_texture(two[0], 1.5)
    with pytest.raises(CheckpointError, match="no checkpoint 'gone'"):
        with_texture(SRGANGenerator(width=4, blocks=1, partner="gone"), 0.5)


@pytest.mark.parametrize("name", bundled())
def test_partners_of_bundled_checkpoints_are_bundled_and_have_none_themselves(name):
    generator = SRGANGenerator.from_pretrained(name)
    if generator.partner:
        assert SRGANGenerator.from_pretrained(generator.partner).partner is None
        with_texture(generator, 0.5)
    else:
        assert name.startswith("srresnet") or name in ("srgan-x4-photo-large", "srgan-x4-photo-lite")


def test_what_was_learned_apart_adds_up(two, tmp_path):
    two[1].save_pretrained(tmp_path / "partner")
    gan = SRGANGenerator(width=4, blocks=1, partner=str(tmp_path / "partner")).eval()
    lr = torch.rand(1, 3, 6, 7)
    assert torch.allclose(transfer(two[1], gan)(lr), gan(lr), atol=1e-5)  # from where the GAN began: the GAN
    assert torch.allclose(transfer(two[0], gan, 0)(lr), two[0](lr), atol=1e-6)
    result = transfer(two[0], gan, 0.5, partner="user/base")
    learned = gan.tail.weight - two[1].tail.weight
    assert torch.allclose(result.tail.weight, two[0].tail.weight + 0.5 * learned, atol=1e-6)
    assert result.partner == "user/base"


def test_texture_that_cannot_be_transferred_is_a_sentence(two, tmp_path):
    with pytest.raises(ValueError, match="names no partner"):
        transfer(two[0], two[1])
    two[1].save_pretrained(tmp_path)
    gan = SRGANGenerator(width=4, blocks=1, partner=str(tmp_path))
    with pytest.raises(ValueError, match="same architecture"):
        transfer(SRGANGenerator(width=5, blocks=1), gan)
    with pytest.raises(ValueError, match="0 or more, got -1"):
        transfer(two[0], gan, -1)
