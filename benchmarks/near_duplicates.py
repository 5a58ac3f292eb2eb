"""Are the benchmark images in the training data, as a whole, as a crop, mirrored, or at another size?

    python -m benchmarks.near_duplicates FOLDER_OF_SETS PHOTOS

prints docs/near-duplicates.md. PHOTOS: whatever the trainer takes as --dataset; all its splits are searched.

Two searches, both on luma. Whole images: the perceptual hash by which the trainer leaves out benchmark images.
Parts: five squares of each benchmark image (four corners, the middle), at nine sizes and mirrored, are compared with every place
of every photo, both at a quarter of their size. Where a square fits, its surroundings are compared too, because a square with an
edge in it fits many edges."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from srgan_hub.data.benchmarks import BITS, SAME, benchmark_image, distance, find_sets, pairs, perceptual_hash
from srgan_hub.data.cache import open_cache
from srgan_hub.data.sources import open_splits
from srgan_hub.imaging.color import luma

SHRINK, SIDE = 4, 24                          # factor for both images; pixels of a square after shrinking
SIZES = [2 ** (k / 4) for k in range(-4, 5)]  # a benchmark image at half to twice its size
FLAT = 6.0                                    # gray levels: a square with a smaller deviation looks like any other
FITS = 0.9                                    # correlation of a square whose surroundings are worth comparing
SHIFT = 3                                     # pixels that they may be off to each side
ALIKE = 0.84                                  # correlation of their detail from which they are near; planted copies reach more


class Finding(NamedTuple):
    image: str
    photo: int            # the one with the highest correlation
    bits: int             # of the hash that differ, in the photo where the fewest do
    correlation: float

    @property
    def near(self) -> bool:
        return self.correlation >= ALIKE or self.bits <= SAME


def shrunk_luma(image: np.ndarray, factor: float) -> np.ndarray:
    """(H, W, 3) uint8 -> luma of the image shrunk by `factor`, (h, w) float32."""
    size = [max(1, round(side / factor)) for side in (image.shape[1], image.shape[0])]
    return luma(np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))).astype(np.float32)


class Part(NamedTuple):
    owner: int          # number of the image
    picture: np.ndarray # the whole image at one of the sizes, mirrored or not
    y: int              # where the square lies in it
    x: int

    @property
    def square(self) -> np.ndarray:
        return self.picture[self.y : self.y + SIDE, self.x : self.x + SIDE]


def parts_of(owner: int, image: np.ndarray) -> Iterator[Part]:
    for size in SIZES:
        small = shrunk_luma(image, SHRINK / size)
        height, width = (side - SIDE for side in small.shape)
        if min(height, width) < 0:
            continue
        for picture in (small, small[:, ::-1]):
            for y, x in sorted({(0, 0), (0, width), (height, 0), (height, width), (height // 2, width // 2)}):
                part = Part(owner, picture, y, x)
                if part.square.std() >= FLAT:
                    yield part


def normalised(part: np.ndarray) -> np.ndarray:
    """Mean 0, length 1; all 0 if it is flat."""
    part = part - part.mean()
    return part / (np.linalg.norm(part) or 1)


def around(part: Part, photo: np.ndarray, y: int, x: int) -> float:
    """How alike the square's surroundings are in both images, up to SIDE pixels to each side, if it is at (y, x) in the photo.

    The correlation of their detail, at the best of five sizes and of shifts by a few pixels; -1 if one of the images ends there.
    """
    up, left = (min(SIDE, a, b) for a, b in ((part.y, y), (part.x, x)))
    down, right = (
        min(2 * SIDE, one - a, other - b)
        for one, a, other, b in zip(part.picture.shape, (part.y, part.x), photo.shape, (y, x), strict=True)
    )
    if (up + down) * (left + right) < 1.5 * SIDE**2:
        return -1.0
    mine = detail(part.picture[part.y - up : part.y + down, part.x - left : part.x + right])
    other = detail(photo[y - up : y + down, x - left : x + right])
    best = -1.0
    for size in (0.94, 0.97, 1, 1.03, 1.06):
        resized = F.interpolate(mine, scale_factor=size, mode="bicubic", antialias=True)
        height, width = (min(a, b) - 2 * SHIFT for a, b in zip(resized.shape[2:], other.shape[2:], strict=True))
        rows, columns = ((side - inner) // 2 for side, inner in zip(resized.shape[2:], (height, width), strict=True))
        inner = resized[..., rows : rows + height, columns : columns + width]
        inner = (inner - inner.mean()) / (inner - inner.mean()).norm().clamp_min(1e-6)
        mean, square = (F.avg_pool2d(x, (height, width), 1) for x in (other, other**2))
        length = ((square - mean**2).clamp_min(1e-6) * inner.numel()).sqrt()
        best = max(best, float((F.conv2d(other, inner) / length).max()))
    return best


def detail(picture: np.ndarray) -> torch.Tensor:
    """(H, W) -> (1, 1, H, W) without the large shapes and strong edges that many images share: equal contrast everywhere."""
    picture = torch.from_numpy(np.ascontiguousarray(picture))[None, None]
    mean, square = (F.avg_pool2d(x, 9, 1, padding=4, count_include_pad=False) for x in (picture, picture**2))
    return (picture - mean) / ((square - mean**2).clamp_min(0).sqrt() + FLAT)


class Search:
    """Parts of the benchmark images as kernels; `closest(photo)` gives each image's highest correlation with the photo."""

    def __init__(self, images: dict[str, np.ndarray]):
        self.names = list(images)
        self.parts = [part for number, image in enumerate(images.values()) for part in parts_of(number, image)]
        squares = [normalised(part.square).ravel() for part in self.parts]
        self.squares = torch.from_numpy(np.stack(squares)).bfloat16() if squares else None  # six times as fast, and exact enough

    def closest(self, photo: np.ndarray) -> np.ndarray:
        """(number of images,) correlations; -1 where nothing fits."""
        best = np.full(len(self.names), -1.0)
        small = shrunk_luma(photo, SHRINK)
        if min(small.shape) < SIDE or self.squares is None:
            return best
        places = F.unfold(torch.from_numpy(small)[None, None], SIDE)[0]  # (SIDE * SIDE, places)
        places = places - places.mean(0)
        length = places.norm(dim=0)
        length[length < SIDE * FLAT] = torch.inf
        places = (places / length).bfloat16()
        for first in range(0, len(self.parts), 1024):
            top, place = (self.squares[first : first + 1024] @ places).max(1)
            for number in torch.nonzero(top >= FITS).flatten().tolist():
                part = self.parts[first + number]
                found = around(part, small, *divmod(place[number].item(), small.shape[1] - SIDE + 1))
                best[part.owner] = max(best[part.owner], found)
        return best


def search(images: dict[str, np.ndarray], photos) -> list[Finding]:
    """How near the photos, a sequence of (H, W, 3) uint8, come to each image."""
    parts = Search(images)
    hashes = [perceptual_hash(image) for image in images.values()]
    correlation, photo, bits = np.full(len(images), -1.0), np.zeros(len(images), int), np.full(len(images), BITS)
    for number, picture in enumerate(photos):
        found = parts.closest(picture)
        better = found > correlation
        correlation[better], photo[better] = found[better], number
        own = perceptual_hash(picture)
        bits = np.minimum(bits, [distance(one, own) for one in hashes])
    return [Finding(*row) for row in zip(parts.names, photo.tolist(), bits.tolist(), correlation.tolist(), strict=True)]


def main(folder: str, dataset: str) -> None:
    splits = open_splits(dataset)
    caches = {name: open_cache(images) for name, images in splits.items()}
    photos, counted, out = [], [], []
    for name, cache in caches.items():
        known = {i: image for i, image in enumerate(map(benchmark_image, cache.hashes)) if image}
        out += [f"photo {i} of {name} is {image}" for i, image in known.items()]
        photos += [cache[i] for i in range(len(cache)) if i not in known]
        counted.append(f"{len(cache) - len(known)} of {name}")
    lines = [
        "# Are benchmark images in the training data?",
        "",
        f"Every image of the benchmark sets was searched for in {Path(dataset).name} ({' and '.join(counted)}). Whole images are "
        "compared by perceptual hash. Parts (the corners and the middle of each image, with their surroundings) are compared at "
        f"{len(SIZES)} sizes from half to twice, at every position in every photo. Both searches include mirrored versions. Near "
        f"means a correlation of {ALIKE} or more, or a hash in which at most {SAME} of {BITS} bits differ.",
        "",
        f"Left out by the trainer, and here, because their hash gave them away: {'; '.join(out) or 'none'}.",
        "",
        "| set | images | near | highest correlation | image | fewest bits that differ |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    near = []
    for one in find_sets(folder):
        findings = search({name: hr for name, _, hr in pairs(one)}, photos)
        top = max(findings, key=lambda finding: finding.correlation)
        bits = min(finding.bits for finding in findings)
        here = [finding for finding in findings if finding.near]
        lines.append(f"| {one.name} | {len(findings)} | {len(here)} | {top.correlation:.3f} | {top.image} | {bits} |")
        print(*sorted(findings, key=lambda finding: -finding.correlation)[:5], sep="\n", file=sys.stderr)
        near += [f"- {one.name}, {f.image}: number {f.photo}, correlation {f.correlation:.3f}, {f.bits} bits" for f in here]
    made = "Made by `python -m benchmarks.near_duplicates FOLDER_OF_SETS PHOTOS`; its test checks that planted copies are found."
    lines += ["", *(near or ["None is near: the sets were not trained on."]), "", made]
    print("\n".join(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
