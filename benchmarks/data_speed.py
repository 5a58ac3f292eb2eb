"""Training patches per second on one core, LR included: from the decoded cache, compared with what others do.

    python benchmarks/data_speed.py

(a) decodes a 2K PNG for every crop, (b) a pre-cut 480x480 sub-image; both shrink the crop with Pillow's bicubic, which is fast
but not MATLAB's. Ours slices the crop from the cache, turns it, and shrinks it exactly. The images are made from the examples."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from srgan_hub.data.cache import PhotoCache, open_cache
from srgan_hub.data.patches import Degraded, Loader, Patches
from srgan_hub.data.sources import open_splits
from srgan_hub.imaging.degradations import bicubic

EXAMPLES = Path(__file__).parent.parent / "examples"
WIDTH, HEIGHT = 2040, 1356  # of a DIV2K image
SUB, CROP, SCALE = 480, 96, 4
ROUNDS = 5


def photograph(seed: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image.Image:
    """An enlarged example, with the grain that makes a photo hard to compress."""
    example = Image.open(sorted(EXAMPLES.glob("*.png"))[seed % 2]).convert("RGB")
    smooth = np.asarray(example.resize(size, Image.Resampling.BICUBIC)).astype(np.float32)
    grain = np.random.default_rng(seed).normal(0, 1, smooth.shape)
    return Image.fromarray((smooth + grain).clip(0, 255).round().astype(np.uint8))


def make_photos(folder: Path, count: int = 8) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        photograph(number).save(folder / f"{number:04d}.png")
    return sorted(folder.iterdir())


def make_sub_images(folder: Path, count: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        photograph(number, (SUB, SUB)).save(folder / f"{number:04d}.png")
    return sorted(folder.iterdir())


def make_cache(folder: Path) -> PhotoCache:
    make_photos(folder / "photos")
    return open_cache(open_splits(str(folder / "photos"))["train"], folder / "cache")


class SubImages(Dataset):
    """Item i: a random crop of file i, decoded and turned, and its LR by Pillow: what most projects do for every patch."""

    def __init__(self, files: list[Path], crop: int = CROP):
        self.files, self.crop = files, crop

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        with Image.open(self.files[i]) as image:
            x, y = (random.randrange(side - self.crop + 1) for side in image.size)
            hr = image.convert("RGB").crop((x, y, x + self.crop, y + self.crop))
        if random.random() < 0.5:
            hr = hr.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        hr = hr.rotate(90 * random.randrange(4))
        lr = hr.resize((self.crop // SCALE, self.crop // SCALE), Image.Resampling.BICUBIC)
        return tuple(torch.from_numpy(np.array(part)).permute(2, 0, 1) for part in (lr, hr))


def rate(make: Callable[[int], None], count: int) -> float:
    """Patches per second of `make(number of patches)`; the median of several rounds."""
    rates = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        make(count)
        rates.append(count / (time.perf_counter() - start))
    return statistics.median(rates)


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cache = make_cache(folder)
        patches = Patches(cache, range(len(cache)), crop=CROP, margin=2 * SCALE, batch_size=16)
        loader = Loader(Degraded(patches, bicubic, SCALE))
        wholes, subs = SubImages(sorted((folder / "photos").iterdir())), SubImages(make_sub_images(folder / "subs", 64))

        def ours(count: int) -> None:
            for k in range(count // 16):
                loader._make(k)

        def each(dataset: SubImages) -> Callable[[int], None]:
            return lambda count: [dataset[i % len(dataset)] for i in range(count)]

        rates = {
            "(a) decoding a 2040x1356 PNG for every crop": rate(each(wholes), 8),
            "(b) decoding a 480x480 PNG for every crop": rate(each(subs), 64),
            "ours, from the decoded cache": rate(ours, 1600),
        }
    a, b, _ = rates.values()
    print(f"{CROP}x{CROP} HR and {CROP // SCALE}x{CROP // SCALE} LR, one core\n")
    print("| way | patches a second | over (a) | over (b) |\n| --- | --- | --- | --- |")
    for way, speed in rates.items():
        print(f"| {way} | {speed:.0f} | {speed / a:.1f} | {speed / b:.1f} |")


if __name__ == "__main__":
    main()
