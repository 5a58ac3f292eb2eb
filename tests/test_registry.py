"""Networks of other projects, small and random, in the files that their users share."""

import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from conftest import smooth_photo
from srgan_hub import CheckpointError, SRGANGenerator, Upscaler
from srgan_hub.cli import main
from srgan_hub.inference.backends import ConvertedEngine, EngineError, PyTorchEngine
from srgan_hub.models.registry import load_network
from srgan_hub.ui import models

pytest.importorskip("spandrel", reason="spandrel is not installed")


@pytest.fixture(scope="module")
def file(request, tmp_path_factory):
    if request.param == "esrgan":
        return request.getfixturevalue("esrgan")
    torch.manual_seed(0)
    from spandrel.architectures import Compact, SwinIR

    with warnings.catch_warnings(action="ignore"):
        network = (
            Compact.Compact(num_feat=8, num_conv=2, upscale=2) if request.param == "compact" else
            SwinIR.SwinIR(img_size=16, window_size=8, embed_dim=12, depths=[2], num_heads=[2], upscale=3,
                          upsampler="pixelshuffledirect")
        )  # fmt: skip
    path = tmp_path_factory.mktemp("community") / f"{request.param}.pth"
    torch.save({"params_ema": network.state_dict()}, path)
    return str(path)


@pytest.mark.parametrize("file", ["esrgan", "swinir"], indirect=True)
def test_any_network_enlarges_any_image(file):
    upscaler, network = Upscaler.from_pretrained(file, precision="fp32"), load_network(file)
    photo = smooth_photo(37, 21)
    lr = np.pad(np.asarray(photo), [(24, 24), (24, 24), (0, 0)], "symmetric")
    with torch.inference_mode():
        sr = network(torch.from_numpy(lr).permute(2, 0, 1)[None] / 255)[0].permute(1, 2, 0).clamp(0, 1) * 255
    inside = slice(24 * network.scale, -24 * network.scale)
    result = np.asarray(upscaler(photo))
    assert result.shape == (network.scale * 21, network.scale * 37, 3)
    assert np.abs(result - sr[inside, inside].numpy()).max() <= 1
    assert upscaler(photo.convert("LA")).mode == "LA"


@pytest.mark.parametrize("file", ["compact", "swinir"], indirect=True)
def test_openvino_computes_what_it_can_convert_for_every_size(file):
    engine = Upscaler.from_pretrained(file, device="cpu").engine
    assert isinstance(engine, PyTorchEngine if "swinir" in file else ConvertedEngine)
    if "swinir" in file:
        with pytest.raises(EngineError, match="use the engine pytorch"):
            Upscaler.from_pretrained(file, engine="openvino")


@pytest.mark.parametrize(("compute", "words"), [(dict(precision="mixed"), "mixed|ranges"),
                                                (dict(texture=0.5), "no partner")])  # fmt: skip
def test_what_only_our_networks_can_do_is_a_sentence(esrgan, compute, words):
    with pytest.raises(ValueError, match=words):
        Upscaler.from_pretrained(esrgan, **compute)


def test_files_that_are_no_network_are_a_sentence(tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no file .*nowhere\.pth"):
        load_network(str(tmp_path / "nowhere.pth"))
    for name, content in (("torn.safetensors", b"torn"), ("torn.pth", b"torn"), ("empty.pth", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=f"{name} cannot be loaded by spandrel"):
            load_network(str(tmp_path / name))
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match=r"other\.safetensors contains no network that spandrel supports"):
        load_network(str(tmp_path / "other.safetensors"))


def test_a_pickle_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    torch.save({"params": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match="cannot be loaded by spandrel"):
        load_network(str(tmp_path / "evil.pth"))
    assert not (tmp_path / "ran").exists()
    torch.jit.script(torch.nn.Conv2d(3, 3, 1)).save(tmp_path / "script.pth")
    with pytest.raises(CheckpointError, match="cannot be loaded by spandrel"):
        load_network(str(tmp_path / "script.pth"))


def test_part_of_a_checkpoint_is_no_other_network(tmp_path):
    SRGANGenerator(width=4, blocks=1).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=f"give its folder, {tmp_path}"):
        load_network(str(tmp_path / "model.safetensors"))


@pytest.mark.parametrize("file", ["compact"], indirect=True)
def test_command_line_and_page_take_files(file, tmp_path, monkeypatch, capsys):
    smooth_photo(20, 14).save(tmp_path / "a.png")
    scale = load_network(file).scale
    assert main(["upscale", str(tmp_path / "a.png"), "-o", str(tmp_path), "--model", file]) == 0
    assert (tmp_path / f"a_x{scale}.png").is_file() and f"x{scale}" in capsys.readouterr().out
    monkeypatch.setenv("SRGAN_MODELS", f"srgan-x4-lite,{file}")
    about = models.about(file)
    assert about.scale == scale and about.partner is None and about.cost > 0
    assert models.open_upscaler(file)(smooth_photo(8, 8)).size == (8 * scale, 8 * scale)
