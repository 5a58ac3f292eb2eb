import pytest
import torch

from srgan_hub import SRGANDiscriminator


def test_is_the_papers_network():
    discriminator = SRGANDiscriminator()
    convolutions = [m for m in discriminator.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(c.out_channels, c.stride[0]) for c in convolutions] == [
        (64, 1), (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2)
    ]  # fmt: skip
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in discriminator.modules()) == 7
    dense = [m for m in discriminator.modules() if isinstance(m, torch.nn.Linear)]
    assert [(d.in_features, d.out_features) for d in dense] == [(512 * 6 * 6, 1024), (1024, 1)]


def test_gives_one_logit_an_image():
    logits = SRGANDiscriminator(crop=32, width=4)(torch.rand(3, 3, 32, 32))
    assert logits.shape == (3,)


def test_several_batches_are_normalised_apart():
    discriminator = SRGANDiscriminator(crop=32, width=4)
    hr, sr = torch.rand(3, 3, 32, 32), torch.rand(2, 3, 32, 32) / 2
    apart = torch.cat([discriminator(hr), discriminator(sr)])
    assert torch.allclose(discriminator(hr, sr), apart, atol=1e-6)
    assert not torch.allclose(discriminator(torch.cat([hr, sr])), apart, atol=1e-3)


def test_crop_survives_saving(tmp_path):
    discriminator = SRGANDiscriminator(crop=48, width=4).eval()
    discriminator.save_pretrained(tmp_path)
    again = SRGANDiscriminator.from_pretrained(tmp_path)
    crop = torch.rand(2, 3, 48, 48)
    assert again.crop == 48
    assert torch.equal(again(crop), discriminator(crop))


def test_another_size_is_refused():
    with pytest.raises(ValueError, match="96x96"):
        SRGANDiscriminator(width=4)(torch.rand(1, 3, 64, 64))


@pytest.mark.parametrize("config", [{"crop": 90}, {"crop": 0}, {"width": 0}])
def test_wrong_argument_is_refused(config):
    with pytest.raises(ValueError, match=next(iter(config))):
        SRGANDiscriminator(**config)
