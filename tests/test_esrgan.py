import pytest
import torch

from benchmarks import smaller_esrgan as of
from benchmarks.smaller_esrgan import (
    fit_enlargement,
    is_esrgan,
    kept,
    narrowed,
    of_esrgan,
    residual,
)
from srgan_hub import SRGANGenerator
from srgan_hub.models.registry import load_network
from srgan_hub.models.rrdb import DenseBlock

LR = torch.rand(1, 3, 14, 11)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(of, "UPDATES", 2)


@pytest.fixture
def network(esrgan):
    return load_network(esrgan).network


def test_all_groups_have_the_maps_of_the_network_and_enlarge_as_it_does(network):
    generator = of_esrgan(network, [0, 1, 2], [torch.rand(1, 3, 16, 16)])
    assert generator.shape == {"scale": 4, "width": 8, "blocks": 3, "norm": "none", "growth": 32}
    with torch.inference_mode():
        assert torch.allclose(generator.maps(LR), network.model[:2](LR), atol=1e-5)
        assert torch.allclose(generator.upsample(generator.maps(LR)), network.model[:8](LR), atol=1e-2)  # trained a little


def test_the_enlargement_comes_nearer_to_the_networks(network, monkeypatch):
    monkeypatch.setattr(of, "UPDATES", 0)
    generator = of_esrgan(network, [0, 1, 2], [LR])
    maps = [network.model[:2](torch.rand(1, 3, 24, 24)).detach() for _ in range(2)]

    def distance():
        with torch.inference_mode():
            return sum((generator.enlarged(one) - network.model[2:](one)).square().mean().item() for one in maps)

    generator.tail.bias.data.add_(0.05)
    before = distance()
    monkeypatch.setattr(of, "UPDATES", 30)
    fit_enlargement(generator, network.model[2:], maps)
    assert distance() < 0.5 * before


def test_a_copy_of_some_groups(network):
    generator = of_esrgan(network, [0, 1, 2], [LR])
    two = kept(generator, [0, 2])
    assert two.blocks == 2 and torch.equal(two.body[1].blocks[0].convs[0].weight, generator.body[2].blocks[0].convs[0].weight)
    with pytest.raises(ValueError, match="the network has groups 0 to 2"):
        kept(generator, [3])


def test_channels_that_are_nothing_are_the_ones_left_out(network):
    """Narrowed to the channels that its blocks use, a generator computes the same."""
    generator = of_esrgan(network, [0, 1], [LR])
    for block in (module for module in generator.modules() if isinstance(module, DenseBlock)):
        for number in range(4):
            for later in block.convs[number + 1 :]:
                later.weight.data[:, 8 + 32 * number + 5 : 8 + 32 * (number + 1)] = 0
    narrow = narrowed(generator, 5, [LR])
    assert narrow.shape == {**generator.shape, "growth": 5}
    with torch.inference_mode():
        assert torch.allclose(narrow(LR), generator(LR), atol=1e-5)
    for growth in (0, 33):
        with pytest.raises(ValueError, match="add 32 channels; keep 1 to that many"):
            narrowed(generator, growth, [LR])


@pytest.mark.parametrize("keep", [[], [3], [-1], [1, 0], [0, 0]])
def test_a_group_that_is_not_there_is_a_sentence(network, keep):
    with pytest.raises(ValueError, match="the network has groups 0 to 2; list some of them in order"):
        of_esrgan(network, keep, [LR])


def test_another_network_is_a_sentence():
    other = SRGANGenerator(width=4, blocks=1)
    assert not is_esrgan(other)
    with pytest.raises(ValueError, match="only ESRGAN networks that enlarge four times"):
        of_esrgan(other, [0], [LR])


def test_residual_blocks_take_the_places_of_groups(network):
    generator = of_esrgan(network, [0, 1], [LR])
    found = residual(generator)
    assert found.shape == {**generator.shape, "growth": 0}
    shallow = generator.head(LR)
    assert torch.equal(found.head(LR), shallow)
    change = (found.body[0](shallow) - shallow).square().mean()
    assert 0 < change < 0.01 * shallow.square().mean()
    with pytest.raises(ValueError, match="already residual"):
        residual(found)


def test_the_commands_of_the_docs_write_checkpoints(esrgan, photo_folder, tmp_path, monkeypatch):
    def run(source, name, *options):
        command = ["smaller_esrgan", str(source), *options, "--photos", str(photo_folder), "-o", str(tmp_path / name)]
        monkeypatch.setattr("sys.argv", command)
        of.main()
        return SRGANGenerator.from_pretrained(tmp_path / name)

    assert run(esrgan, "made", "--keep", "0,2").blocks == 2
    assert run(tmp_path / "made", "narrow", "--growth", "4").growth == 4
    assert run(tmp_path / "made", "residual", "--growth", "0").growth == 0
    assert run(tmp_path / "made", "one", "--keep", "1").blocks == 1
