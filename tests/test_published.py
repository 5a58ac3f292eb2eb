"""LPIPS and DISTS on networks with random weights: the package's arithmetic beside ours, and files that are not the published."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torchmetrics.functional.image import lpips as package
from torchvision.models import alexnet, vgg16

from conftest import smooth_photo
from srgan_hub.evaluation import report
from srgan_hub.evaluation.benchmark import open_methods
from srgan_hub.evaluation.report import all_measures, new_report

SR, HR = (np.asarray(smooth_photo(96, 64, seed=seed)) for seed in (1, 2))


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    """The folder where torch keeps what it downloads, empty."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def plant(name: str, monkeypatch) -> torch.nn.Sequential:
    """An untrained network where torchvision's is looked for, taken for the published one; returns its layers."""
    torch.manual_seed(3)
    with torch.device("meta"):
        network = {"lpips": alexnet, "dists": vgg16}[name]()
    state = {}
    for key, tensor in network.state_dict().items():  # of the classifier, which nothing reads, one zero is seen many times
        random = torch.randn(tensor.shape) * (2 / max(1, tensor[0].numel())) ** 0.5 if key.startswith("features") else None
        state[key] = torch.zeros(1).expand(tensor.shape) if random is None else random
    path = report.backbone(name)
    torch.save(state, path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(report.BACKBONES, name, (path.name, sha256[:8]))
    layers = network.features.to_empty(device="cpu")
    layers.load_state_dict({key.removeprefix("features."): value for key, value in state.items() if key.startswith("features")})
    for layer in layers:
        layer.inplace = False
    return layers


def learned(name: str) -> dict:
    return torch.load(Path(package.__file__).parent / report.LEARNED[name][0], weights_only=True, map_location="cpu")


def tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image / 255.0).float().permute(2, 0, 1)[None]


def maps(layers, x, after: tuple[int, ...]) -> list[torch.Tensor]:
    found = []
    for number, layer in enumerate(layers):
        x = layer(x)
        if number in after:
            found.append(x)
    return found


@torch.no_grad()
def test_lpips_is_equation_1_of_its_paper(downloads, monkeypatch):
    layers, weights = plant("lpips", monkeypatch), list(learned("lpips").values())
    shift, spread = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    expected = 0.0
    inputs = [(2 * tensor(image) - 1 - shift.view(3, 1, 1)) / spread.view(3, 1, 1) for image in (SR, HR)]
    features = [maps(layers, x, (1, 4, 7, 9, 11)) for x in inputs]
    for x, y, w in zip(*features, weights, strict=True):
        difference = F.normalize(x, dim=1) - F.normalize(y, dim=1)
        expected += (w.view(-1, 1, 1) * difference[0] ** 2).sum(0).mean().item()
    distance = report.published("lpips")
    assert distance(SR, HR) == pytest.approx(expected, rel=1e-3) and expected > 0.01
    assert distance(HR, HR) == 0


@torch.no_grad()
def test_dists_compares_means_and_correlations(downloads, monkeypatch):
    layers, weights = plant("dists", monkeypatch), learned("dists")
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    window = torch.tensor([0.25, 0.5, 0.25])  # of Hann, in place of every maximum

    def pool(x):
        windows = (window[:, None] * window).repeat(x.shape[1], 1, 1, 1)
        blurred = F.conv2d(x.square(), windows, stride=2, padding=1, groups=x.shape[1])
        return (blurred + 1e-12).sqrt()

    def stages(image):
        found, x = [tensor(image)], (tensor(image) - mean) / std
        for layer in layers:
            if isinstance(layer, torch.nn.MaxPool2d):
                found.append(x)
                x = pool(x)
            else:
                x = layer(x)
        return found

    flat = [[stage[0].flatten(1) for stage in stages(image)] for image in (SR, HR)]
    x, y = (torch.cat([stage.mean(1) for stage in one]) for one in flat)
    var_x, var_y = (torch.cat([stage.var(1, correction=0) for stage in one]) for one in flat)
    cov = torch.cat([(a * b).mean(1) for a, b in zip(*flat, strict=True)]) - x * y
    alpha, beta = (weights[key].flatten() for key in ("alpha", "beta"))
    alike = alpha * (2 * x * y + 1e-6) / (x**2 + y**2 + 1e-6) + beta * (2 * cov + 1e-6) / (var_x + var_y + 1e-6)
    expected = 1 - (alike.sum() / (alpha + beta).sum()).item()
    distance = report.published("dists")
    assert distance(SR, HR) == pytest.approx(expected, rel=1e-3) and expected > 0.01
    assert distance(HR, HR) == pytest.approx(0, abs=1e-5)


def test_a_small_picture_has_none(downloads, monkeypatch):
    plant("lpips", monkeypatch)
    distance = report.published("lpips")
    assert np.isnan(distance(SR[:31], HR[:31])) and distance(SR[:32, :32], HR[:32, :32]) > 0


def test_they_stand_in_the_report_where_the_weights_are(downloads, monkeypatch):
    plant("lpips", monkeypatch)
    measures = all_measures()
    assert "lpips" in measures and "dists" not in measures
    words = new_report(open_methods(["bicubic"])[0], 4, measures)["protocol"]["words"]
    assert "; LPIPS: version 0.1, AlexNet" in words and "DISTS" not in words


@pytest.mark.parametrize("name", ["lpips", "dists"])
def test_without_the_weights_there_is_a_sentence_and_no_download(downloads, name):
    assert not report.has_backbone(name)
    with pytest.raises(ValueError, match=rf"^{name.upper()} needs torchvision's .*\.pth in {downloads}$"):
        report.published(name)
    assert not list(downloads.iterdir())


@pytest.mark.parametrize("name", ["lpips", "dists"])
def test_another_file_in_its_place_is_refused(downloads, name):
    report.backbone(name).write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"is not the published file: its sha256 begins f41f\w+, not"):
        report.published(name)


def test_other_learned_weights_are_refused(downloads, monkeypatch):
    plant("lpips", monkeypatch)
    monkeypatch.setitem(report.LEARNED, "lpips", ("lpips_models/vgg.pth", report.LEARNED["lpips"][1]))
    with pytest.raises(ValueError, match=r"vgg\.pth is not the published file"):
        report.published("lpips")


def test_without_the_package_there_is_a_sentence(downloads, monkeypatch):
    plant("lpips", monkeypatch)
    monkeypatch.setattr(report, "find_spec", lambda name: None)
    assert not report.has_backbone("lpips")
    with pytest.raises(ValueError, match=r"^LPIPS needs another package: pip install 'srgan-hub\[lpips\]'$"):
        report.published("lpips")
