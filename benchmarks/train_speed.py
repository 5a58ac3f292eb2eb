"""Training speed on this machine: an update as the trainer runs it beside the same update as other projects run it.

    python benchmarks/train_speed.py

Others: float32, NCHW, PyTorch's default memory layout, every patch decoded from a pre-cut PNG by two worker processes. Ours:
train_accelerate.py's own steps, bf16 autocast, channels_last, patches from the decoded cache. Same networks, batch, threads and
run; the ways take turns, and medians are compared, since machines are noisy. VGG19 has random weights: its speed is the same."""

from __future__ import annotations

import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from data_speed import SubImages, make_cache, make_sub_images
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.models import vgg19

from srgan_hub import SRGANDiscriminator, SRGANGenerator, VGGFeatures
from srgan_hub.data.loader import Loader
from srgan_hub.data.patches import Patches
from srgan_hub.imaging.degrade import bicubic
from srgan_hub.losses import pixel_loss
from srgan_hub.training.initialization import pass_through
from srgan_hub.training.launch import cores
from srgan_hub.training.variants import VARIANTS
from train_accelerate import d_step, g_step, shifted

ROUNDS, WARM_UP = 8, 2
BATCH, CROP = 16, 96

Update = Callable[[Tensor, Tensor], None]


def random_vgg(path: Path) -> Path:
    with torch.device("meta"):
        trunk = vgg19().features
    trunk = trunk.to_empty(device="cpu")
    for parameter in trunk.parameters():
        torch.nn.init.normal_(parameter, 0, 0.02)
    save_file({f"features.{name}": tensor for name, tensor in trunk.state_dict().items()}, path)
    return path


def ours(vgg_file: Path | None) -> Update:
    accelerator = Accelerator(cpu=True, mixed_precision="bf16")
    weights = VARIANTS["srgan-vgg54" if vgg_file else "srresnet-mse"]
    generator = SRGANGenerator()
    pass_through(generator)
    generator = generator.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(generator.parameters(), lr=1e-4)
    generator, optimizer = accelerator.prepare(generator, optimizer)
    vgg = discriminator = d_optimizer = None
    if vgg_file:
        vgg = VGGFeatures("vgg54", vgg_file).to(memory_format=torch.channels_last)
        discriminator = SRGANDiscriminator(crop=CROP).to(memory_format=torch.channels_last)
        d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-4)
        discriminator, d_optimizer = accelerator.prepare(discriminator, d_optimizer)
    count = 0

    def update(lr: Tensor, hr: Tensor) -> None:
        nonlocal count
        count += 1
        lr, hr = (image.to(memory_format=torch.channels_last).float() / 255 for image in (lr, hr))
        with accelerator.accumulate(generator), accelerator.autocast():
            sr, hr = shifted((generator(lr), hr), 0, count)
            if discriminator is not None:
                d_step(discriminator, d_optimizer, sr, hr, weights, accelerator, 0.0)
            g_step(sr, hr, weights, vgg, generator, discriminator, optimizer, accelerator, 0.0)

    return update


def others(vgg_file: Path | None, memory_format: torch.memory_format = torch.contiguous_format) -> Update:
    generator = SRGANGenerator()
    pass_through(generator)
    generator = generator.to(memory_format=memory_format)
    optimizer = torch.optim.Adam(generator.parameters(), lr=1e-4)
    if vgg_file:
        vgg = VGGFeatures("vgg54", vgg_file).to(memory_format=memory_format)
        discriminator = SRGANDiscriminator(crop=CROP).to(memory_format=memory_format)
        d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-4)

    def update(lr: Tensor, hr: Tensor) -> None:
        lr, hr = (image.to(memory_format=memory_format).float() / 255 for image in (lr, hr))
        sr = generator(lr)
        if vgg_file:
            d_optimizer.zero_grad()
            loss = F.softplus(-discriminator(hr)).mean() + F.softplus(discriminator(sr.detach())).mean()
            loss.backward()
            d_optimizer.step()
            with torch.no_grad():
                hr_map = vgg(hr)["vgg54"]
            loss = F.mse_loss(vgg(sr)["vgg54"], hr_map) + 1e-3 * F.softplus(-discriminator(sr)).mean()
        else:
            loss = pixel_loss(sr, hr)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return update


def fixed() -> Iterator[tuple[Tensor, Tensor]]:
    """The same batch for ever: no data to load."""
    lr, hr = (torch.randint(256, (BATCH, 3, side, side), dtype=torch.uint8) for side in (CROP // 4, CROP))
    while True:
        yield lr, hr


def from_cache(folder: Path) -> Iterator[tuple[Tensor, Tensor]]:
    cache = make_cache(folder)
    patches = Patches(cache, range(len(cache)), crop=CROP, margin=8, batch_size=BATCH)
    return ((batch.lr, batch.hr) for batch in Loader(patches, bicubic, 4).batches(0, 10**6))


def from_files(folder: Path) -> Iterator[tuple[Tensor, Tensor]]:
    files = make_sub_images(folder, 64)
    while True:
        yield from DataLoader(SubImages(files * 16, CROP), batch_size=BATCH, shuffle=True, num_workers=2)


def main() -> None:
    torch.set_num_threads(cores())
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vgg_file = random_vgg(folder / "vgg19.safetensors")
        methods = {}
        for network, file in (("SRResNet", None), ("SRGAN", vgg_file)):
            theirs, mine, half = others(file), ours(file), others(file, torch.channels_last)
            methods |= {
                (network, "others: float32 NCHW"): (theirs, fixed()),
                (network, "float32 channels_last"): (half, fixed()),
                (network, "ours: bf16 channels_last"): (mine, fixed()),
                (network, "others, with data: PNGs, 2 workers"): (theirs, from_files(folder / "files")),
                (network, "ours, with data: decoded cache"): (mine, from_cache(folder / "cache")),
            }
        seconds = {method: [] for method in methods}
        for _ in range(ROUNDS + WARM_UP):
            for method, (update, batches) in methods.items():
                start = time.perf_counter()
                update(*next(batches))
                seconds[method].append(time.perf_counter() - start)
    medians = {method: statistics.median(times[WARM_UP:]) for method, times in seconds.items()}
    print(f"batch {BATCH} of {CROP}x{CROP}; torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.machine()}\n")
    print("| network | way | seconds an update | images a second | ratio |\n| --- | --- | --- | --- | --- |")
    for (network, way), median in medians.items():
        baseline = medians[network, "others, with data: PNGs, 2 workers" if "data" in way else "others: float32 NCHW"]
        print(f"| {network} | {way} | {median:.3f} | {BATCH / median:.1f} | {baseline / median:.2f} |")


if __name__ == "__main__":
    main()
