"""Degradations: how LR images for training are made from HR ones.

`bicubic` is the standard of the literature. `realistic` imitates the photos that people upload. Most were shrunk and saved once,
some were sent by a messenger, and some were blurred, noisy and saved more than once: two rounds as in Real-ESRGAN (Wang et al.
2021, arXiv:2107.10833), in random order as in BSRGAN (Zhang et al. 2021, arXiv:2103.14006), but milder, so that the network does
not learn to smooth good photos."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from srgan_hub.imaging.resize import checked_sides, downsample

# Low-pass filters: Gaussian kernels for lens and motion blur, sinc kernels for the halos of sharpening and resizing.


def gaussian_kernels(size: int, along: Tensor, across: Tensor, angle: Tensor) -> Tensor:
    """Rotated Gaussian kernels, (N, size, size), each with sum 1; size is odd.

    along, across: (N,) standard deviations in pixels along an axis and across it. angle: (N,) angle of that axis in radians,
    from the x axis (right) toward the y axis (down). Above a deviation of size / 6, the kernel is visibly truncated."""
    x, y = _grid(size, angle)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    u = (cos * x + sin * y) / along[:, None, None]
    v = (cos * y - sin * x) / across[:, None, None]
    return _sum_one((-(u.square() + v.square()) / 2).exp())


def sinc_kernels(size: int, cutoff: Tensor) -> Tensor:
    """Circular low-pass kernels, (N, size, size), each with sum 1; size is odd.

    cutoff: (N,) radians per pixel, in (0, pi]. The ideal filter is cutoff / (2 pi r) J1(cutoff r); its limit at r = 0 is
    cutoff² / (4 pi)."""
    x, y = _grid(size, cutoff)
    r = x.hypot(y)
    cutoff = cutoff[:, None, None]
    rings = cutoff * torch.special.bessel_j1(cutoff * r) / (2 * math.pi * r.clamp(min=1))  # r is below 1 only at 0
    return _sum_one(torch.where(r == 0, cutoff.square() / (4 * math.pi), rings))


def blur(images: Tensor, kernels: Tensor) -> Tensor:
    """Filter each image with its own kernel; images are reflected at their borders.

    images: (N, C, H, W) float; kernels: (N, k, k), k odd and k // 2 smaller than H and W. Returns (N, C, H, W)."""
    count, channels = images.shape[:2]
    padded = F.pad(images, [kernels.shape[-1] // 2] * 4, mode="reflect").flatten(0, 1)  # (N * C, H + k - 1, W + k - 1)
    weights = kernels.repeat_interleave(channels, 0)[:, None]                           # (N * C, 1, k, k)
    return F.conv2d(padded[None], weights, groups=count * channels).view_as(images)


def _grid(size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    offsets = torch.arange(size, dtype=like.dtype, device=like.device) - size // 2
    return offsets[None, None, :], offsets[None, :, None]  # x, y


def _sum_one(kernels: Tensor) -> Tensor:
    return kernels / kernels.sum((1, 2), keepdim=True)


# (HR images (N, 3, H, W) uint8, scale, randomness) -> LR images (N, 3, H / scale, W / scale) uint8 on the same device
Degradation = Callable[[Tensor, int, np.random.Generator], Tensor]

# Values marked * are Real-ESRGAN's.
ANISOTROPIC = 0.3      # share of Gaussians that are longer in one direction, as in motion blur *
SLIMNESS = (0.3, 1.0)  # width / length of those
GRAY = 0.4             # share of noise that is the same in all channels *
WHOLE_CHROMA = 0.2     # share of JPEG files that are 4:4:4 (screenshots, editors); phones and most sites halve the chroma
ENDS_AS_JPEG = 0.5     # otherwise resized after the last JPEG *

# What happened to a sample, and how often; these shares are ours
SHARES = {"clean": 0.15, "saved": 0.4, "messenger": 0.2, "worn": 0.25}
AS_WEBP = 0.15         # share of saved images that are WebP; the others are JPEG
SENT_AT_FULL_SIZE = 0.5  # share of messages left as the messenger shrank them; the recipient's app enlarges the others

MCU = 16                         # pixels; side of the squares of JPEG's grid if chroma is halved
RADIUS = 10                      # pixels; kernels have up to 21x21 *
CUTOFF = (math.pi / 2, math.pi)  # radians per pixel, for sinc; Real-ESRGAN's pi / 5 and pi / 3 leave a blur
SIGMAS = 3                       # standard deviations of a Gaussian that fit into the radius
LOUDEST = 25.0                   # levels; clamping stronger noise at black and white would shift colors
AREA = 0.5                       # new / old side up to which area is used; above, torch's windows (whole pixels) are uneven


@dataclass(frozen=True)
class Job:
    """What all steps of one call share: the source of randomness and the final size."""

    rng: np.random.Generator
    scale: int
    lr_size: tuple[int, int]  # height, width

    def uniform(self, low: float, high: float, count: int) -> Tensor:
        return torch.from_numpy(self.rng.uniform(low, high, count)).float()

    def mild(self, low: float, high: float, count: int) -> Tensor:
        """Half of the draws are in the lowest quarter of the range, because the images that people keep are seldom bad."""
        return low + (high - low) * self.uniform(0, 1, count).square()

    def happens(self, probability: float, count: int) -> Tensor:
        return torch.from_numpy(self.rng.random(count) < probability)

    def pixel(self, images: Tensor) -> float:
        """Side of an LR pixel, in pixels of these images."""
        return images.shape[-1] / self.lr_size[1]


class Step(NamedTuple):
    """Calls `apply` on each sample with this probability, at a strength from low to high.

    If `together`, it is called on all samples or none."""

    apply: Callable[[Tensor, float, float, Job], Tensor]
    probability: float
    low: float
    high: float
    together: bool = False

    def __call__(self, images: Tensor, job: Job) -> Tensor:
        """images and result: (N, 3, H, W) float in [0, 255]."""
        chosen = job.happens(self.probability, 1 if self.together else len(images)).expand(len(images))
        chosen = chosen.nonzero()[:, 0].to(images.device)
        if not len(chosen):
            return images
        changed = self.apply(images[chosen], self.low, self.high, job).clamp(0, 255)
        return changed if self.together else images.index_copy(0, chosen, changed)


def _blur(images: Tensor, low: float, high: float, job: Job) -> Tensor:
    """Gaussian with a standard deviation of low to high LR pixels; mild ones are more frequent."""
    count, radius = len(images), _radius(images)
    along = (job.mild(low, high, count) * job.pixel(images)).clamp(max=max(radius, 1) / SIGMAS)
    slimness = torch.where(job.happens(ANISOTROPIC, count), job.uniform(*SLIMNESS, count), 1.0)
    kernels = gaussian_kernels(2 * radius + 1, along, along * slimness, job.uniform(0, math.pi, count))
    return blur(images, kernels.to(images.device))


def _ring(images: Tensor, low: float, high: float, job: Job) -> Tensor:
    """Sinc with a cutoff from low to high radians per pixel."""
    kernels = sinc_kernels(2 * _radius(images) + 1, job.uniform(low, high, len(images)))
    return blur(images, kernels.to(images.device))


def _radius(images: Tensor) -> int:
    return min(RADIUS, *(side - 1 for side in images.shape[-2:]))  # reflection cannot reach farther


def _resize(images: Tensor, low: float, high: float, job: Job) -> Tensor:
    """Resize to scale**low to scale**high times the LR size: scale**0 is LR, scale**1 is HR."""
    factor = job.scale ** job.rng.uniform(low, high)
    return _resize_to(tuple(max(1, round(side * factor)) for side in job.lr_size), images, job)


def _resize_to(size: tuple[int, int], images: Tensor, job: Job) -> Tensor:
    modes = ("bilinear", "bicubic", "area")
    mode = modes[job.rng.integers(3 if size[1] <= AREA * images.shape[-1] else 2)]
    return F.interpolate(images, size=size, mode=mode, antialias=mode != "area").clamp(0, 255)


def _noise(images: Tensor, low: float, high: float, job: Job, *, poisson: bool) -> Tensor:
    """Noise with a standard deviation of low to high levels, as it is after averaging over the pixels of each LR pixel.

    Gaussian noise is the same at all levels. Poisson noise is as strong as that at white, and sqrt(x / 255) times at level x."""
    std = (job.uniform(low, high, len(images)) * job.pixel(images)).clamp(max=LOUDEST).to(images.device)[:, None, None, None]
    generator = torch.Generator(images.device).manual_seed(int(job.rng.integers(2**63)))
    gray = job.happens(GRAY, len(images)).to(images.device)[:, None, None, None]
    if poisson:
        photons = 255 / std.square()  # per level; a count of P photons has standard deviation sqrt(P)
        light = torch.where(gray, images.mean(1, keepdim=True), images)
        noise = torch.poisson(light * photons, generator=generator) / photons - light
    else:
        noise = std * torch.randn(images.shape, generator=generator, device=images.device)
    return images + torch.where(gray, noise[:, :1], noise)


def _jpeg(images: Tensor, low: float, high: float, job: Job) -> Tensor:
    """JPEG of quality low to high. Its grid of blocks starts anywhere, as in a crop of a larger image."""
    y, x = (int(n) for n in job.rng.integers(MCU, size=2))
    moved = F.pad(images, (x, 0, y, 0), mode="replicate")
    subsampling = "4:2:0" if job.rng.random() >= WHOLE_CHROMA else "4:4:4"
    return _saved_as("jpeg", moved, low, high, job, subsampling=subsampling)[..., y:, x:]


def _webp(images: Tensor, low: float, high: float, job: Job) -> Tensor:
    return _saved_as("webp", images, low, high, job)


def _saved_as(form: str, images: Tensor, low: float, high: float, job: Job, **options) -> Tensor:
    """Each image written by Pillow at a quality from low to high, and read again."""
    saved = []
    for image, quality in zip(images, job.rng.integers(low, high, len(images), endpoint=True).tolist(), strict=True):
        file = io.BytesIO()
        Image.fromarray(image.round().byte().permute(1, 2, 0).cpu().numpy()).save(file, form, quality=quality, **options)
        saved.append(torch.from_numpy(np.array(Image.open(file).convert("RGB"))).permute(2, 0, 1))
    return torch.stack(saved).to(images)


_gaussian, _poisson = partial(_noise, poisson=False), partial(_noise, poisson=True)

# Strengths: LR pixels, powers of the scale, levels, libjpeg quality. In parentheses: what Real-ESRGAN does at scale 4.
FIRST = (
    Step(_blur, 0.6, 0.05, 0.9),                    # lens and motion (always; 0.05 to 0.75, uniform)
    Step(_resize, 0.6, -0.1, 1.1, together=True),   # 0.87 to 4.6 LR sides at scale 4 (0.9; 0.6 to 6)
    Step(_gaussian, 0.3, 0.3, 8),                   # sensor (0.5; 0.25 to 7.5)
    Step(_poisson, 0.3, 0.3, 8),                    # light (0.5)
    Step(_jpeg, 0.5, 30, 95),                       # camera (always; 30 to 95)
)
SECOND = (
    Step(_blur, 0.3, 0.05, 0.9),                    # smoothing to reduce noise (0.8; 0.2 to 1.5)
    Step(_resize, 0.5, -0.2, 0.4, together=True),   # messenger; 0.76 to 1.7 LR sides at scale 4 (always; 0.3 to 1.2)
    Step(_gaussian, 0.2, 0.3, 8),                   # (0.5; 1 to 25)
    Step(_poisson, 0.2, 0.3, 8),                    # (0.5)
    Step(_jpeg, 0.3, 40, 95),                       # messenger (no JPEG before the last)
)
LAST_SINC = Step(_ring, 0.25, *CUTOFF)              # halos of sharpening (0.8)
LAST_JPEG = Step(_jpeg, 0.9, 30, 95)                # site (always; 30 to 95)
CLEAN_JPEG = Step(_jpeg, 0.4, 90, 98)               # camera or careful site, nothing else
SAVED = Step(_jpeg, 1, 30, 95)                      # the most common: shrunk for the web and saved
WEBP = Step(_webp, 1, 30, 95)
SENT = Step(_jpeg, 1, 60, 95)                       # before the messenger shrinks it
RECEIVED = Step(_jpeg, 1, 45, 85)                   # after that
MESSENGER_SHRINKS = (0.5, 0.9)                      # new / old side


def bicubic(hr: Tensor, scale: int, rng: np.random.Generator) -> Tensor:
    """MATLAB's bicubic downsampling, with no randomness; shapes and errors are those of `downsample`."""
    return downsample(hr, scale)


def realistic(hr: Tensor, scale: int, rng: np.random.Generator) -> Tensor:
    """(N, 3, H, W) uint8 RGB -> (N, 3, H / scale, W / scale) uint8, as from phones and the web (docs/degradation.md).

    The steps and their strengths differ from sample to sample; the order and the sizes are drawn once for the batch. The same
    state of `rng` gives the same bytes on the same machine; torch's global generators are not touched. Raises ValueError for
    any other shape or dtype, or if H or W is not a multiple of the scale."""
    if hr.dtype != torch.uint8 or hr.ndim != 4 or hr.shape[1] != 3:
        raise ValueError(f"realistic takes uint8 images (N, 3, H, W), got {hr.dtype} {tuple(hr.shape)}")
    height, width = checked_sides(hr, scale)
    job = Job(rng, scale, (height // scale, width // scale))
    kinds = torch.from_numpy(rng.choice(len(SHARES), len(hr), p=list(SHARES.values()))).to(hr.device)
    lr = torch.empty(len(hr), 3, *job.lr_size, dtype=torch.uint8, device=hr.device)
    for kind, recipe in enumerate((_clean, _saved, _messenger, _worn)):
        if (of_kind := kinds == kind).any():
            lr[of_kind] = recipe(hr[of_kind], job).round().byte()
    return lr


# Each of these maps (N, 3, H, W) uint8 HR images to (N, 3, *job.lr_size) float in [0, 255].


def _clean(hr: Tensor, job: Job) -> Tensor:
    return CLEAN_JPEG(downsample(hr, job.scale).float(), job)


def _saved(hr: Tensor, job: Job) -> Tensor:
    lr, webp = _resize_to(job.lr_size, hr.float(), job), job.happens(AS_WEBP, len(hr)).to(hr.device)
    for chosen, step in ((webp, WEBP), (~webp, SAVED)):
        if chosen.any():
            lr[chosen] = step(lr[chosen], job)
    return lr


def _messenger(hr: Tensor, job: Job) -> Tensor:
    """Saved, shrunk and saved again.

    Either the received image has the LR size, or the sent one has, and the received one is enlarged back to it."""
    shrink, whole = job.rng.uniform(*MESSENGER_SHRINKS), job.rng.random() < SENT_AT_FULL_SIZE
    factors = (1 / shrink, 1) if whole else (1, shrink)
    image = hr.float()
    for factor, step in zip(factors, (SENT, RECEIVED), strict=True):
        image = step(_resize_to(tuple(max(1, round(side * factor)) for side in job.lr_size), image, job), job)
    return image if whole else _resize_to(job.lr_size, image, job)


def _worn(hr: Tensor, job: Job) -> Tensor:
    images = hr.float()
    for steps in (FIRST, SECOND):
        for number in job.rng.permutation(len(steps)):
            images = steps[number](images, job)
    to_lr = partial(_resize_to, job.lr_size)
    last = (to_lr, LAST_SINC, LAST_JPEG) if job.rng.random() < ENDS_AS_JPEG else (LAST_JPEG, to_lr, LAST_SINC)
    for step in last:
        images = step(images, job)
    return images


DEGRADATIONS: dict[str, Degradation] = {"bicubic": bicubic, "realistic": realistic}
