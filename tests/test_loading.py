import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from srgan_hub import CheckpointError, SRGANGenerator
from srgan_hub.loading import bundled


@pytest.fixture
def saved(tmp_path):
    generator = SRGANGenerator(width=4, blocks=2, norm="none", scale=2)
    generator.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def edit(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize("config", [{"scale": 2}, {"width": 5}, {"blocks": 3}, {"norm": "none"}])
def test_round_trip_keeps_configuration_and_result(tmp_path, config):
    generator = SRGANGenerator(**{"width": 4, "blocks": 1, **config}).eval()
    generator.save_pretrained(tmp_path)
    again = SRGANGenerator.from_pretrained(tmp_path)
    lr = torch.rand(1, 3, 6, 7)
    assert not again.training
    assert torch.equal(again(lr), generator(lr))


def test_half_precision_weights_load_as_float32(saved):
    edit(saved, lambda tensors: tensors.update({name: t.bfloat16() for name, t in tensors.items()}))
    assert {p.dtype for p in SRGANGenerator.from_pretrained(saved).parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t: t.pop("tail.bias"), "missing tail.bias"),
        (lambda t: t.update(spare=torch.zeros(2)), "extra spare"),
        (lambda t: t.update({"tail.bias": torch.tensor([0, 1, 2])}), "tail.bias holds torch.int64"),
        (lambda t: t.update({"tail.bias": torch.full((3,), torch.nan)}), "tail.bias holds numbers that are not finite"),
        (lambda t: t.update({"tail.bias": torch.zeros(5)}), r"tail.bias is \(5,\), wanted \(3,\)"),
    ],
)
def test_wrong_tensor_is_named(saved, change, named):
    edit(saved, change)
    with pytest.raises(CheckpointError, match=named):
        SRGANGenerator.from_pretrained(saved)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_missing_file_is_named(saved, name):
    (saved / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        SRGANGenerator.from_pretrained(saved)


def test_pickle_is_never_opened(saved):
    state = SRGANGenerator(width=4, blocks=2, norm="none", scale=2).state_dict()
    torch.save(state, saved / "pytorch_model.bin")
    (saved / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="safetensors only"):
        SRGANGenerator.from_pretrained(saved)


def test_truncated_weights_are_refused(saved):
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        SRGANGenerator.from_pretrained(saved)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (json.dumps({"scale": 3}), "saved: scale must be 2, 4 or 8, got 3"),
        (json.dumps({"scale": 2, "activation": "relu"}), "unknown keys: activation"),
        (json.dumps({"width": 100_000}), "does not fit"),  # and takes no memory to find out
        ("[1, 2]", "must hold an object, got list"),
        ("scale: 4", "config.json is not JSON"),
        (b"\xff\xfe", "config.json is not JSON"),
    ],
)
def test_config_of_another_network_is_refused(saved, config, sentence):
    (saved / "config.json").write_bytes(config if isinstance(config, bytes) else config.encode())
    with pytest.raises(CheckpointError, match=sentence):
        SRGANGenerator.from_pretrained(saved)


def test_trailing_slash_is_no_matter(saved):
    SRGANGenerator.from_pretrained(f"{saved}/")
    SRGANGenerator.from_pretrained("srresnet-x4/")


def test_wrong_name_lists_the_bundled_ones():
    with pytest.raises(CheckpointError) as caught:
        SRGANGenerator.from_pretrained("srgan-x5")
    assert bundled()
    assert all(name in str(caught.value) for name in bundled())


@pytest.mark.parametrize("name", ["", "./nowhere", "a/b/c", "/nowhere/at/all"])
def test_missing_folder_is_refused_without_the_network(name):
    with pytest.raises(CheckpointError, match="neither a folder"):
        SRGANGenerator.from_pretrained(name)


def test_hub_id_is_downloaded_with_its_revision(saved, monkeypatch):
    asked = []

    def download(repo_id, filename, **options):
        asked.append((repo_id, filename, options.get("revision")))
        return str(saved / filename)

    monkeypatch.setattr("srgan_hub.loading.hf_hub_download", download)
    monkeypatch.setattr("huggingface_hub.hub_mixin.hf_hub_download", download)
    generator = SRGANGenerator.from_pretrained("someone/srgan", revision="v1")
    assert generator.scale == 2
    assert set(asked) == {("someone/srgan", name, "v1") for name in ("config.json", "model.safetensors")}


def test_unreachable_hub_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="not in the cache"):
        SRGANGenerator.from_pretrained("someone/srgan", cache_dir=tmp_path)


@pytest.mark.parametrize("name", ["srresnet-x4", "srgan-x4"])
def test_bundled_checkpoint_is_the_papers_network(name):
    assert sum(p.numel() for p in SRGANGenerator.from_pretrained(name).parameters()) == 1_549_462


def test_map_location_may_be_a_device(saved):
    generator = SRGANGenerator.from_pretrained(saved, map_location=torch.device("cpu"))
    assert generator.tail.bias.device.type == "cpu"
