import pytest
import skimage.data
import torch
from safetensors.torch import save_file
from torchvision.models import vgg16, vgg19

from conftest import untrained_vgg
from srgan_hub import VGGFeatures
from srgan_hub.models.features import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    MEAN,
    STAGES,
    STD,
    LiteFeatures,
    classifier,
    stages,
)


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


def test_wrong_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not a readable safetensors file"):
        VGGFeatures("vgg54", tmp_path / "missing.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="not in torchvision's vgg19 or vgg16 layout"):
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


ESPRESSO = 967  # ImageNet class


@pytest.fixture(scope="module", params=["lite0", "lite2"])
def network(request):
    return classifier(request.param)


def test_network_recognises_espresso(network):
    """The weights fit the architecture, and the pixels are scaled as in training."""
    pixels = torch.from_numpy(skimage.data.coffee()).float().permute(2, 0, 1)[None]
    assert network((pixels - MEAN) / STD).argmax() == ESPRESSO


@pytest.mark.parametrize("size", [(64, 96), (65, 33)])
def test_stages_are_what_the_strided_convolutions_read(network, size):
    x = torch.rand(1, 3, *size) * 2 - 1
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d) and tuple(m.stride) == (2, 2)]
    read = []
    hooks = [c.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0])) for c in convolutions]
    last = network.extract_features(x)
    for hook in hooks:
        hook.remove()
    found = list(stages(network, x))
    assert [tuple(level.shape[2:]) for level in found] == [tuple(-(-s // 2**k) for s in size) for k in range(1, 6)]
    assert all(torch.equal(a, b) for a, b in zip(found, [*read[1:], last], strict=True))  # the first reads the image


def test_maps_are_the_named_stages_of_lite2():
    image = torch.rand(2, 3, 32, 48, requires_grad=True)
    features = LiteFeatures(("stage4", "stage2"))
    maps = features(image)
    expected = dict(zip(STAGES, stages(classifier("lite2"), (image * 255 - MEAN) / STD), strict=True))
    assert maps.keys() == {"stage2", "stage4"}
    assert all(torch.equal(found, expected[stage]) for stage, found in maps.items())
    maps["stage4"].sum().backward()
    assert image.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in features.parameters())
    assert not features.training


def test_unknown_stage_is_refused():
    with pytest.raises(ValueError, match="must be one of stage1, stage2, stage3, stage4, stage5, got 'vgg22'"):
        LiteFeatures(("stage1", "vgg22"))
