from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from accelerate.state import AcceleratorState, GradientState
from PIL import Image
from pyarrow import parquet
from safetensors.torch import load_file, save, save_file

import warm_start
from loopback_hub import LoopbackHub
from srgan_hub import SRGANGenerator
from srgan_hub.data.cache import PhotoCache, open_cache
from srgan_hub.training import checkpoint

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
BENCHMARKS = Path(os.environ.get("SRGAN_HUB_BENCHMARKS") or SHARED / "benchmarks")
PHOTOS = Path(os.environ.get("SRGAN_HUB_PHOTOS") or SHARED / "datasets" / "photos-hr")
NEEDS_THE_HUB = [  # of the README's commands; test_publish.py, test_push.py and test_space.py run them on loopback
    "srgan-hub dataset push photos user/photos",
    "srgan-hub push runs/mine user/mine",
    "srgan-hub space push user/enlarge --model user/mine",
]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Decoded photographs are kept apart from those of whoever runs the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def report(request):
    """`report(pictures=3, ...)`: the figures of a soak, kept in the JSON file that SRGAN_HUB_SOAK names, by test."""

    def write(**figures):
        if path := os.environ.get("SRGAN_HUB_SOAK"):
            kept = json.loads(Path(path).read_text()) if Path(path).exists() else {}
            kept[request.node.name] = {"date": f"{date.today()}"} | figures
            Path(path).write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")

    return write


@pytest.fixture(autouse=True)
def threads_as_before():
    """The trainer sets PyTorch's threads; the tests after it, several at a time, would have more of them than there are cores."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def one_thread():
    """For many products of small tensors."""
    torch.set_num_threads(1)


@pytest.fixture
def shared():
    """The folder of benchmark images and training photographs, where this machine has it."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the benchmark images and photographs in {SHARED.name}/ beside the project")
    return SHARED


@pytest.fixture
def benchmark_sets():
    """The folder of Set5, Set14 and BSD100, where this machine has it."""
    if not BENCHMARKS.is_dir():
        pytest.skip("needs the benchmark images; name their folder in SRGAN_HUB_BENCHMARKS")
    return BENCHMARKS


@pytest.fixture
def photos():
    """The photographs that the bundled checkpoints were trained on, where this machine has them."""
    if not PHOTOS.is_dir():
        pytest.skip("needs the training photographs; name their folder in SRGAN_HUB_PHOTOS")
    return PHOTOS


@pytest.fixture
def tiny_generator():
    """Width 4, one block; a generator that enlarges bilinearly, as training starts from."""
    generator = SRGANGenerator(width=4, blocks=1)
    generator.initialize()
    return generator.eval()


@pytest.fixture
def random_generator():
    """Width 4, one block, random weights and BatchNorm statistics: every layer shows in the result."""
    return random_batchnorm(SRGANGenerator(width=4, blocks=1))


@pytest.fixture(scope="session")
def esrgan(tmp_path_factory):
    """A small random network of another architecture, in a file as the community shares them."""
    network = pytest.importorskip("spandrel", reason="spandrel is not installed").architectures.ESRGAN.ESRGAN
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("teacher") / "esrgan.safetensors"
    save_file(network(num_filters=8, num_blocks=3).state_dict(), path)
    return str(path)


def random_batchnorm(generator: SRGANGenerator) -> SRGANGenerator:
    for module in generator.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.normal_(1, 0.2)
            module.bias.data.normal_(0, 0.1)
    return generator.eval()


def read(path) -> Image.Image:
    """The decoded picture, its file closed."""
    with Image.open(path) as image:
        image.load()
    return image


def untrained_vgg(build, path, std: float) -> torch.nn.Module:
    """A VGG trunk with random weights, written to `path` in torchvision's layout; its classifier is never made."""
    with torch.device("meta"):
        trunk = build().features
    trunk = trunk.to_empty(device="cpu")
    torch.manual_seed(0)
    for parameter in trunk.parameters():
        torch.nn.init.normal_(parameter, 0, std)
    save_file({f"features.{name}": tensor for name, tensor in trunk.state_dict().items()}, path)
    return trunk


def smooth_photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture with large shapes, edges and some grain, made from nothing."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    channels = []
    for _ in range(3):
        fy, fx, phase = rng.uniform(0.02, 0.2, 3)
        wave = 128 + 60 * np.sin(fx * x + 6 * phase) * np.cos(fy * y)
        disc = 50 * ((x - width * rng.uniform(0.3, 0.7)) ** 2 + (y - height / 2) ** 2 < (min(width, height) / 4) ** 2)
        channels.append(wave + disc + rng.normal(0, 3, (height, width)))
    return Image.fromarray(np.stack(channels, -1).clip(0, 255).round().astype(np.uint8))


def flat(value: int, width: int = 24, height: int = 20) -> bytes:
    """A PNG all of whose pixels are that grey: the value tells which picture it is."""
    return encoded(Image.new("RGB", (width, height), (value, value, value)))


def encoded(picture: Image.Image, form: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def write_shard(path: Path, images: list[bytes | None], column: str = "image", bare: bool = False, **columns) -> Path:
    """A parquet file, two rows a group: a column of {"bytes", "path"}, or of the bare bytes, and whatever other columns."""
    kind = pa.binary() if bare else pa.struct({"bytes": pa.binary(), "path": pa.string()})
    rows = [data if bare or data is None else {"bytes": data, "path": None} for data in images]
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table({column: pa.array(rows, kind), **columns}), path, row_group_size=2)
    return path


class Listed(list):
    """Encoded images as a source of photographs has them."""

    fingerprint = "one"


def cached(photos: list, folder: Path) -> PhotoCache:
    """The cache of these pictures, or arrays (H, W, 3)."""
    pictures = [Image.fromarray(photo) if isinstance(photo, np.ndarray) else photo for photo in photos]
    return open_cache(Listed(map(encoded, pictures)), folder)


@pytest.fixture
def datasets_cache(tmp_path, monkeypatch):
    """What the package datasets keeps goes to the test's own folder."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    monkeypatch.setattr("datasets.config.HF_UPDATE_DOWNLOAD_COUNTS", False)  # it would tell the Hub what was loaded


@pytest.fixture
def photo():
    return smooth_photo(40, 28)


@pytest.fixture
def photo_folder(tmp_path):
    """Six photographs of 64x48 in a folder's train split, two in its validation split."""
    for split, count in (("train", 6), ("validation", 2)):
        folder = tmp_path / "photos" / split
        folder.mkdir(parents=True)
        for number in range(count):
            smooth_photo(64, 48, seed=number + 10 * count).save(folder / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture
def hub(tmp_path_factory):
    """An empty Hub on 127.0.0.1. Clients are subprocesses with `env=hub.environment`: where the Hub is, is read at import.

    A test fails whose clients sent what no client should; one that wants them to asks for `hub.take_strays()`."""
    with LoopbackHub(tmp_path_factory.mktemp("hub")) as hub:
        yield hub
    assert not hub.strays


def client(hub: LoopbackHub, *arguments: str, cwd: Path = ROOT, cold=False, **environment: str) -> subprocess.CompletedProcess:
    """`python *arguments` with that Hub, its output captured as text; extra variables go on top of the environment.

    cold: as from a shell, with a hash seed of its own."""
    words, variables = list(map(str, arguments)), hub.environment | environment
    if cold:
        return subprocess.run([sys.executable, *words], env=variables, cwd=cwd, capture_output=True, text=True, timeout=120)
    return warm_start.run(words, variables, cwd, timeout=120)


def train(config):
    """A run as in a process of its own, for Accelerate's state outlives an Accelerator; on one thread if it does not say."""
    import train_accelerate  # late: few tests train

    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    return train_accelerate.train(replace(config, threads=config.threads or 1))


def state_of(run):
    """Every tensor of the run's last checkpoint: both networks, both optimizers, the average."""
    folder = checkpoint.find(run / "checkpoints", "latest")
    state = {"step": folder.name}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".safetensors":
            state[path.name] = load_file(path)
        elif path.suffix == ".bin" or path.name == "custom_checkpoint_0.pkl":
            state[path.name] = torch.load(path, weights_only=True)
    return state


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


def checkpoint_files(**config) -> dict[str, bytes]:
    """A small generator as a repository holds it, its config.json without a format."""
    generator = SRGANGenerator(**{"width": 4, "blocks": 1, **config})
    return {"config.json": json.dumps(generator._hub_mixin_config).encode(), "model.safetensors": save(generator.state_dict())}


LOAD = """
import json, sys, time
time.sleep = lambda seconds: None  # between the client's tries, which stay as many
from srgan_hub import CheckpointError, SRGANGenerator

def width(source, **hub):
    try:
        return SRGANGenerator.from_pretrained(source, **hub).width
    except CheckpointError as error:
        return str(error)
"""


SHOW = """
import logging, sys
from srgan_hub.data.cache import decode
from srgan_hub.data.sources import fetch, open_splits, open_stream

def show(dataset, **options):
    try:
        for name, images in open_splits(dataset, **options).items():
            photos = [decode(images[i]) for i in range(len(images))]
            stream = [decode(fetch(image)) for (image,) in map(dict.values, open_stream(dataset, name, **options))]
            assert len(photos) == len(stream) and all((a == b).all() for a, b in zip(photos, stream))
            print(dataset, name, *(photo.max() for photo in photos))
    except ValueError as error:
        print(error)
"""


def show_datasets(hub: LoopbackHub, code: str) -> subprocess.CompletedProcess:
    """A process in which `show(ID, ...)` prints each split's name and its flat images' greys, or the error; streamed alike."""
    done = client(hub, "-c", SHOW + code)
    assert done.returncode == 0, done.stderr
    return done
