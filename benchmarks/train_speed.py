"""Training speed on this machine: an update as the trainer runs it beside the same update as other projects run it.

    python -m benchmarks.train_speed

Others: float32, NCHW, PyTorch's defaults; "with data", every patch is decoded from a pre-cut PNG by two worker processes. Ours:
train_accelerate.py's own steps, bf16 autocast, channels_last; "with data", patches come from the decoded cache. Networks, batch
and threads are the same, in the same run; two processes take turns, and medians are compared, since machines are noisy. VGG19 has
random weights, which do not change its speed."""

from __future__ import annotations

import multiprocessing
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.models import vgg19

from benchmarks.data_speed import SubImages, make_cache, make_sub_images
from srgan_hub import SRGANDiscriminator, SRGANGenerator, VGGFeatures
from srgan_hub.data.patches import Degraded, Loader, Patches
from srgan_hub.imaging.degradations import bicubic
from srgan_hub.losses import VARIANTS, pixel_loss
from srgan_hub.training.launch import cores, keep_memory, speed_up
from train_accelerate import d_step, g_step, random_roll

ROUNDS, TURN = 3, 4  # turns of each process, updates per turn; the first of a turn has cold caches and threads
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
    generator.initialize()
    generator = generator.to(memory_format=torch.channels_last)
    speed_up(generator)
    optimizer = torch.optim.Adam(generator.parameters(), lr=1e-4, fused=True)
    generator, optimizer = accelerator.prepare(generator, optimizer)
    vgg = discriminator = d_optimizer = None
    if vgg_file:
        vgg = VGGFeatures("vgg54", vgg_file).to(memory_format=torch.channels_last).stored_as(torch.bfloat16)
        discriminator = SRGANDiscriminator(crop=CROP).to(memory_format=torch.channels_last)
        d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-4, fused=True)
        discriminator, d_optimizer = accelerator.prepare(discriminator, d_optimizer)
    count = 0

    def update(lr: Tensor, hr: Tensor) -> None:
        nonlocal count
        count += 1
        lr, hr = (image.to(memory_format=torch.channels_last).float() / 255 for image in (lr, hr))
        with accelerator.accumulate(generator), accelerator.autocast():
            sr, hr = random_roll((generator(lr), hr), 0, count)
            if discriminator is not None:
                d_step(discriminator, d_optimizer, sr, hr, weights, accelerator, 0.0)
            g_step(sr, hr, weights, vgg, generator, discriminator, optimizer, accelerator, 0.0)

    return update


def others(vgg_file: Path | None) -> Update:
    generator = SRGANGenerator()
    generator.initialize()
    optimizer = torch.optim.Adam(generator.parameters(), lr=1e-4)
    if vgg_file:
        vgg = VGGFeatures("vgg54", vgg_file)
        discriminator = SRGANDiscriminator(crop=CROP)
        d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-4)

    def update(lr: Tensor, hr: Tensor) -> None:
        lr, hr = (image.contiguous().float() / 255 for image in (lr, hr))
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
    """The same batch forever: no data to load."""
    lr, hr = (torch.randint(256, (BATCH, 3, side, side), dtype=torch.uint8) for side in (CROP // 4, CROP))
    while True:
        yield lr, hr


def from_cache(folder: Path) -> Iterator[tuple[Tensor, Tensor]]:
    cache = make_cache(folder)
    patches = Patches(cache, range(len(cache)), crop=CROP, margin=8, batch_size=BATCH)
    return ((batch.lr, batch.hr) for batch in Loader(Degraded(patches, bicubic, 4)).batches(0, 10**6))


def from_files(folder: Path) -> Iterator[tuple[Tensor, Tensor]]:
    files = make_sub_images(folder, 64)
    while True:
        yield from DataLoader(SubImages(files * 16, CROP), batch_size=BATCH, shuffle=True, num_workers=2)


def worker(network: str, way: str, folder: Path, pipe) -> None:
    """A process that trains one network one way: for each kind of data it is sent, it runs a turn of updates and sends back their
    seconds."""
    torch.set_num_threads(cores())
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    vgg_file = random_vgg(folder / "vgg19.safetensors")
    if way == "ours":
        keep_memory()  # this is set for a whole process, hence a process for each way
    update = (others if way == "others" else ours)(vgg_file if network == "SRGAN" else None)
    if way == "others":
        batches = {"same batch": fixed(), "with data": from_files(folder / "files")}
    else:
        batches = {"same batch": fixed(), "with data": from_cache(folder / "cache")}
    pipe.send("ready")
    while (data := pipe.recv()) is not None:
        seconds = []
        for _ in range(TURN):
            start = time.perf_counter()
            update(*next(batches[data]))
            seconds.append(time.perf_counter() - start)
        pipe.send(seconds)


def main() -> None:
    tasks = [(network, data) for network in ("SRResNet", "SRGAN") for data in ("same batch", "with data")]
    seconds = {(way, *task): [] for task in tasks for way in ("others", "ours")}
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for network in ("SRResNet", "SRGAN"):
            processes, pipes = [], {}
            for way in ("others", "ours"):
                pipes[way], end = spawn.Pipe()
                processes.append(spawn.Process(target=worker, args=(network, way, folder / way / network, end)))
                processes[-1].start()
                pipes[way].recv()
            for _ in range(ROUNDS + 1):
                for way, _, data in (key for key in seconds if key[1] == network):
                    pipes[way].send(data)
                    seconds[way, network, data] += pipes[way].recv()[1:]
            for pipe, process in zip(pipes.values(), processes, strict=True):
                pipe.send(None)
                process.join()
    medians = {key: statistics.median(times[TURN - 1 :]) for key, times in seconds.items()}
    print(f"batch {BATCH} of {CROP}x{CROP}; torch {torch.__version__}, {cores()} threads, {platform.machine()}\n")
    print("| network | data | others, s an update | ours | others, images/s | ours | ratio |\n|" + " --- |" * 7)
    for network, data in tasks:
        theirs, mine = (medians[way, network, data] for way in ("others", "ours"))
        cells = [f"{theirs:.3f}", f"{mine:.3f}", f"{BATCH / theirs:.1f}", f"{BATCH / mine:.1f}", f"{theirs / mine:.2f}"]
        print("| " + " | ".join([network, data, *cells]) + " |")


if __name__ == "__main__":
    main()
