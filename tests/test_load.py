import io
import json
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from conftest import LOAD, checkpoint_files, client
from srgan_hub import CheckpointError, SRGANGenerator
from srgan_hub.hub.load import BUNDLED, bundled
from srgan_hub.inference.quantization import find
from srgan_hub.models.discriminator import SRGANDiscriminator


@pytest.fixture
def saved(tmp_path):
    generator = SRGANGenerator(width=4, blocks=2, norm="none", scale=2)
    generator.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def edit(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_round_trip_keeps_configuration_and_result(tmp_path):
    generator = SRGANGenerator(scale=2, width=5, blocks=3, norm="none").eval()
    generator.save_pretrained(tmp_path)
    again = SRGANGenerator.from_pretrained(f"{tmp_path}/")
    lr = torch.rand(1, 3, 6, 7)
    assert not again.training
    assert torch.equal(again(lr), generator(lr))


def test_half_precision_weights_load_as_float32(saved):
    edit(saved, lambda tensors: tensors.update({name: t.bfloat16() for name, t in tensors.items()}))
    assert {p.dtype for p in SRGANGenerator.from_pretrained(saved).parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t: t.pop("tail.bias"), "tail.bias is missing"),
        (lambda t: t.update(spare=torch.zeros(2)), "spare is .*, expected none"),
        (lambda t: t.update({"tail.bias": torch.tensor([0, 1, 2])}), "tail.bias holds torch.int64"),
        (lambda t: t.update({"tail.bias": torch.full((3,), torch.nan)}), "tail.bias holds numbers that are not finite"),
        (lambda t: t.update({"tail.bias": torch.zeros(5)}), r"tail.bias is \(5,\), expected \(3,\)"),
    ],
)
def test_wrong_tensor_is_named(saved, change, named):
    edit(saved, change)
    with pytest.raises(CheckpointError, match=named):
        SRGANGenerator.from_pretrained(saved)


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def saved_by_torch(content, zip: bool) -> bytes:
    torch.save(content, file := io.BytesIO(), _use_new_zipfile_serialization=zip)
    return file.getvalue()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "RRDB_x4.pth", "last.ckpt"])
def test_pickle_is_never_opened(saved, tmp_path, name):
    (saved / name).write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    (saved / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"holds no model\.safetensors"):
        SRGANGenerator.from_pretrained(saved)
    with pytest.raises(CheckpointError, match=f"{name}.*neither a folder"):
        SRGANGenerator.from_pretrained(saved / name)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "content",
    [
        lambda bomb: pickle.dumps(bomb),
        lambda bomb: saved_by_torch(bomb, zip=False),
        lambda bomb: saved_by_torch(bomb, zip=True),
        lambda bomb: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        lambda bomb: b"",
    ],
)
def test_another_file_under_the_name_of_the_weights_is_told(saved, tmp_path, content):
    (saved / "model.safetensors").write_bytes(content(Bomb(tmp_path / "exploded")))
    with pytest.raises(CheckpointError, match="is not a complete safetensors file") as caught:
        SRGANGenerator.from_pretrained(saved)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "exploded").exists()


def lying(head: dict | bytes, content: int = 8, length: int | None = None) -> bytes:
    """A safetensors file of that header, which may say what is not so, and as many bytes of content."""
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + bytes(content)


TENSOR = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "content",
    [
        lying({"a": TENSOR | {"shape": [10**9]}}),
        lying({"a": TENSOR | {"shape": [10**9], "data_offsets": [0, 4 * 10**9]}}),
        lying({"a": TENSOR | {"shape": [2**32, 2**32]}}),
        lying({"a": TENSOR | {"shape": [-2]}}),
        lying({"a": TENSOR | {"data_offsets": [8, 0]}}),
        lying({"a": TENSOR | {"data_offsets": [-8, 0]}}),
        lying({"a": TENSOR, "b": TENSOR}),                          # both at the same place
        lying({"a": TENSOR | {"dtype": "F99"}}),
        lying({"a": TENSOR}, content=800),                          # more than it says
        lying({"a": TENSOR, "__metadata__": {"a": 1}}),
        lying({"a": TENSOR}, length=2**63),
        lying({"a": TENSOR}, length=5),
        lying(b"{" * 1000),
        lying(b'{"a":' + b"[" * 50_000),
        lying(b"\xff\xfe{}"),
    ],
)  # fmt: skip
def test_a_header_that_lies_is_refused(saved, content):
    (saved / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="not a complete safetensors file") as caught:
        SRGANGenerator.from_pretrained(saved)
    assert str(caught.value).isprintable()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(BUNDLED / "srgan-x4-lite" / name, saved)
    (saved / "int8.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"cannot be used .* delete it"):
        find(saved)


def test_names_in_a_file_cannot_write_to_the_terminal(saved):
    edit(saved, lambda tensors: tensors.update({"\x1b[2J\n" + 5000 * "long": torch.zeros(1)}))
    with pytest.raises(CheckpointError, match="does not fit") as caught:
        SRGANGenerator.from_pretrained(saved)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1100


def test_a_config_that_is_too_large_is_not_read(saved):
    with (saved / "config.json").open("w") as file:
        file.truncate(10**10)  # sparse
    with pytest.raises(CheckpointError, match=r"config.json has more than .* too much"):
        SRGANGenerator.from_pretrained(saved)


@pytest.mark.parametrize("network", [SRGANGenerator(width=4, blocks=1), SRGANDiscriminator(width=4, crop=16)])
def test_config_says_its_format(tmp_path, network):
    def load(**changes):
        (tmp_path / "config.json").write_text(json.dumps(config | changes))
        return type(network).from_pretrained(tmp_path)

    network.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config.pop("format") == 1
    load()  # as it was written before there was a format
    load(format=1).save_pretrained(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "config.json").read_text()) == config | {"format": 1}
    for wrong in ("1", 0, True, None, 2):
        with pytest.raises(CheckpointError, match=r"has format .*: update srgan_hub"):
            load(format=wrong, activation="gelu")


@pytest.mark.parametrize("name", bundled())
def test_bundled_config_is_as_saved(tmp_path, name):
    SRGANGenerator.from_pretrained(name).save_pretrained(tmp_path)
    assert (tmp_path / "config.json").read_bytes() == (BUNDLED / name / "config.json").read_bytes()


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (json.dumps({"scale": 3}), "saved: scale must be 2, 4 or 8, got 3"),
        (json.dumps({"scale": 2, "activation": "relu"}), "unknown keys: activation"),
        (json.dumps({"width": 1024}), "does not fit"),  # and takes no memory to find out
        (json.dumps({"blocks": 10**9}), "from 1 to 1024"),
        (json.dumps({f"key{n}": n for n in range(20)}), "unknown keys: key0, key1, "),
        ("[1, 2]", "must hold an object, got list"),
        ("[" * 100_000, "config.json is not JSON"),
        ("scale: 4", "config.json is not JSON"),
        (b"\xff\xfe", "config.json is not JSON"),
    ],
)
def test_config_of_another_network_is_refused(saved, config, sentence):
    (saved / "config.json").write_bytes(config if isinstance(config, bytes) else config.encode())
    with pytest.raises(CheckpointError, match=sentence):
        SRGANGenerator.from_pretrained(saved)


def test_wrong_name_lists_the_bundled_ones():
    with pytest.raises(CheckpointError) as caught:
        SRGANGenerator.from_pretrained("srgan-x5")
    assert bundled()
    assert all(name in str(caught.value) for name in bundled())


@pytest.mark.parametrize("name", ["", "./nowhere", "a/b/c", "/nowhere/at/all"])
def test_missing_folder_is_refused_without_the_network(name):
    with pytest.raises(CheckpointError, match="neither a folder"):
        SRGANGenerator.from_pretrained(name)


def test_hub_id_loads_with_revision_token_and_cache_and_offline_thereafter(hub, tmp_path):
    first = hub.seed("model", "user/net", checkpoint_files(width=5))
    hub.seed("model", "user/net", checkpoint_files(width=6), "try")
    hub.seed("model", "user/net", checkpoint_files(width=7))
    hub.seed("model", "user/secret", checkpoint_files(width=8), private=True)
    other = str(tmp_path / "cache")
    script = f"""
print(json.dumps([
    width("user/net"), width("user/net", revision="try"), width("user/net", revision={first!r}),
    width("user/secret", token="hf_test"), width("user/net", cache_dir={other!r}),
    width("user/net", local_files_only=True), width("user/net", force_download=True),
]))"""
    done = client(hub, "-c", LOAD + script, HF_TOKEN="")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [7, 6, 5, 8, 7, 7, 7]
    weights = f"GET /user/net/resolve/{hub.repos['models', 'user/net'].at('main').sha}/model.safetensors"
    assert hub.requests.count(weights) == 3  # the first time, for the other cache, and by force
    hub.requests.clear()
    script = f"""
told = [width("user/net"), width("user/net", revision="try"), width("user/net", revision={first!r}), width("user/secret")]
print(json.dumps(told + [width("user/net", cache_dir={other!r}), width("user/none"), width("user/net", revision="gone")]))"""
    done = client(hub, "-c", LOAD + script, HF_TOKEN="", HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    *widths, none, gone = json.loads(done.stdout)
    assert widths == [7, 6, 5, 8, 7]
    for sentence in (none, gone):
        assert "it is not in the cache; the Hub cannot be reached while HF_HUB_OFFLINE is set" in sentence
    assert not hub.requests


def test_repository_of_another_library_is_told_and_its_pickles_stay_there(hub, tmp_path):
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))
    ours = checkpoint_files()
    hub.seed("model", "user/bin", {"pytorch_model.bin": bomb})
    hub.seed("model", "user/pth", {"config.json": ours["config.json"], "weights/net_g.pth": bomb, "README.md": b"# net"})
    hub.seed("model", "user/renamed", ours | {"model.safetensors": bomb})
    hub.seed("model", "user/half", ours | {"model.safetensors": ours["model.safetensors"][:-100]})
    hub.seed("model", "user/swin", {"config.json": b'{"model_type": "swin2sr"}', "model.safetensors": b"x"})
    script = "print(json.dumps([width('user/' + name) for name in ('bin', 'pth', 'renamed', 'half', 'swin')]))"
    done = client(hub, "-c", LOAD + script)
    assert done.returncode == 0, done.stderr
    for told, sentence in zip(json.loads(done.stdout), [
        "user/bin, config.json: there is no such file; a checkpoint is config.json and model.safetensors (safetensors only)",
        "user/pth, model.safetensors: there is no such file",
        "user/renamed: model.safetensors is not a complete safetensors file",
        "user/half: model.safetensors is not a complete safetensors file",
        "user/swin is not a SRGANGenerator: its config.json has unknown keys: model_type",
    ], strict=True):  # fmt: skip
        assert told.startswith(sentence)
        assert "\n" not in told
    assert not [line for line in hub.requests if line.endswith((".bin", ".pth"))]
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("name", ["srresnet-x4", "srgan-x4"])
def test_bundled_checkpoint_is_the_papers_network(name):
    assert sum(p.numel() for p in SRGANGenerator.from_pretrained(name).parameters()) == 1_549_462


