import logging

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import vgg16, vgg19

from conftest import untrained_vgg
from srgan_hub import VGGFeatures
from srgan_hub.models.features import IMAGENET_MEAN, IMAGENET_STD


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Untrained VGG trunks in torchvision's layout, as files."""
    folder = tmp_path_factory.mktemp("vgg")
    made = {}
    for name, build in (("vgg16", vgg16), ("vgg19", vgg19)):
        path = folder / f"{name}.safetensors"
        made[name] = (path, untrained_vgg(build, path, std=0.05))
    return made


@pytest.mark.parametrize(
    ("name", "layer", "index"),
    [("vgg19", "vgg22", 8), ("vgg19", "vgg34", 17), ("vgg19", "vgg54", 35), ("vgg16", "vgg22", 8), ("vgg16", "vgg54", 29)],
)
def test_features_are_those_after_the_named_relu(networks, name, layer, index):
    path, trunk = networks[name]
    image = torch.rand(1, 3, 32, 32)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    with torch.no_grad():
        expected = trunk[: index + 1]((image - mean) / std)
    assert torch.equal(VGGFeatures(layer, path)(image)[layer], expected)


def test_several_layers_are_those_taken_one_by_one(networks):
    path, image = networks["vgg19"][0], torch.rand(1, 3, 32, 32)
    together = VGGFeatures(("vgg22", "vgg44"), path)(image)
    assert list(together) == ["vgg22", "vgg44"]
    assert all(torch.equal(together[layer], VGGFeatures(layer, path)(image)[layer]) for layer in together)


def test_weights_stored_as_bf16_give_what_autocast_gives(networks):
    usual, stored = (VGGFeatures("vgg22", networks["vgg19"][0]) for _ in range(2))
    stored.stored_as(torch.bfloat16)
    image = torch.rand(1, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(stored(image)["vgg22"], usual(image)["vgg22"])


def test_network_is_frozen_but_passes_gradients(networks):
    vgg = VGGFeatures("vgg22", networks["vgg16"][0])
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    vgg(image)["vgg22"].sum().backward()
    assert image.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in vgg.parameters())
    assert not vgg.training


def test_vgg16_says_once_that_it_stands_in(networks, caplog):
    with caplog.at_level(logging.WARNING):
        VGGFeatures("vgg54", networks["vgg16"][0])
        VGGFeatures("vgg54", networks["vgg19"][0])
    assert len(caplog.records) == 1
    assert "5,3 stands for" in caplog.text


def test_wrong_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not a readable safetensors file"):
        VGGFeatures("vgg54", tmp_path / "missing.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="neither torchvision's vgg19 nor"):
        VGGFeatures("vgg54", tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="layer must be one of"):
        VGGFeatures("vgg99", tmp_path / "other.safetensors")


def test_no_network_names_the_way_out(monkeypatch):
    from urllib.error import URLError

    import torchvision

    def refuse(*args, **kwargs):
        raise URLError("no network")

    monkeypatch.setattr(torchvision.models._api, "load_state_dict_from_url", refuse)
    with pytest.raises(ValueError, match="--vgg_weights"):
        VGGFeatures("vgg54")


def test_shared_stand_in_loads(shared):
    features = VGGFeatures("vgg54", shared / "perceptual" / "vgg16_features_fp16.safetensors")(torch.rand(1, 3, 96, 96))["vgg54"]
    assert features.shape == (1, 512, 6, 6)
