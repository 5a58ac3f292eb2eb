"""A second architecture and another scale, in every place that a user meets: trainer, checkpoints, Upscaler, commands."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import smooth_photo, train
from srgan_hub import SRGANGenerator, Upscaler
from srgan_hub.cli import main
from srgan_hub.evaluation.benchmark import open_methods
from srgan_hub.hub.download import CheckpointError
from srgan_hub.imaging.resize import shrunk
from srgan_hub.models.rrdb import STAGES, RRDBGenerator
from train_accelerate import Config

RRDB3 = dict(architecture="rrdb", scale=3, width=4, blocks=1, growth=2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The result of a GAN run of an rrdb generator that enlarges three times."""
    folder = tmp_path_factory.mktemp("rrdb")
    photos = folder / "photos"
    photos.mkdir()
    for number in range(4):
        smooth_photo(72, 66, seed=number).save(photos / f"{number}.png")
    options = dict(
        dataset=str(photos), cache_dir=str(folder / "cache"), crop=48, batch_size=2, degradation="realistic",
        variant="srgan-mse", flat_weight=1.0, coarse_weight=1.0, grid_weight=1.0, keep_checkpoints=1, report_to="none",
    )  # fmt: skip
    train(Config(**options, **RRDB3, max_train_steps=2, output_dir=str(folder / "first")))
    return train(Config(**options, pretrained=str(folder / "first"), keep=0.5, max_train_steps=3, output_dir=str(folder / "out")))


def test_the_result_is_a_checkpoint_of_that_architecture(trained):
    assert json.loads((trained / "config.json").read_text())["architecture"] == "rrdb"
    generator = RRDBGenerator.from_pretrained(trained)
    assert generator.shape == {"scale": 3, "width": 4, "blocks": 1, "growth": 2}
    assert "ESRGAN (Wang et al. 2018" in (trained / "README.md").read_text()
    with pytest.raises(CheckpointError, match="RRDBGenerator"):
        SRGANGenerator.from_pretrained(trained)
    with pytest.raises(CheckpointError, match="srresnet"):
        RRDBGenerator.from_pretrained("srgan-x4-lite")


def test_it_enlarges_in_tiles_on_every_engine(trained):
    generator, lr = RRDBGenerator.from_pretrained(trained), smooth_photo(75, 41, seed=9)
    with torch.inference_mode():
        own = generator(torch.from_numpy(np.asarray(lr)).permute(2, 0, 1)[None].float() / 255)
    inside = (slice(3 * 19, -3 * 19),) * 2  # further from the edge than the generator reaches
    expected = (255 * own[0].clamp(0, 1)).round().permute(1, 2, 0).numpy()
    for engine in ("pytorch", "openvino"):
        found = np.asarray(Upscaler.from_pretrained(trained, tile=32, engine=engine, precision="fp32")(lr), np.float32)
        assert found.shape == (123, 225, 3)
        assert abs(found - expected)[inside[0], inside[1]].max() <= 1


def test_commands_and_benchmark_take_it(trained, tmp_path):
    smooth_photo(20, 10, seed=2).save(tmp_path / "photo.png")
    main(["upscale", str(tmp_path / "photo.png"), "--model", str(trained), "-o", str(tmp_path / "large.png")])
    assert Image.open(tmp_path / "large.png").size == (60, 30)
    lr, hr = shrunk(np.asarray(smooth_photo(61, 60, seed=3)), 3)
    (method,), scale = open_methods([str(trained)])
    assert scale == 3 and method.upscale(lr).size == (hr.shape[1], hr.shape[0]) == (60, 60)


@pytest.mark.parametrize("scale", STAGES)
def test_reach_is_how_far_a_result_looks(scale):
    generator = RRDBGenerator(scale, width=4, blocks=1, growth=2).double().eval()
    for parameter in generator.parameters():
        torch.nn.init.uniform_(parameter, 0.5, 1.0)  # nothing cancels, nothing is clipped
    side = 2 * int(generator.reach) + 5
    lr = torch.zeros(1, 3, side, side, dtype=torch.float64)
    touched = lr.clone()
    touched[..., side // 2, side // 2] = 1
    changed = (generator(touched) - generator(lr)).abs().amax((0, 1, 3)).nonzero()[:, 0]
    farthest = max(scale * (side // 2) - changed.min().item(), changed.max().item() - scale * (side // 2) - scale + 1) / scale
    assert generator.reach - 1 <= farthest <= generator.reach


@pytest.mark.parametrize(
    "options", [dict(architecture="vit"), dict(architecture="rrdb", norm="batch"), dict(architecture="srresnet", scale=3),
                dict(pretrained="srresnet-x4-lite", width=64)], ids=str
)  # fmt: skip
def test_what_an_architecture_lacks_is_refused(options, tmp_path):
    with pytest.raises(ValueError, match=r"architecture|scale|width"):
        train(Config(dataset=str(tmp_path), output_dir=str(tmp_path / "out"), report_to="none", **options))
