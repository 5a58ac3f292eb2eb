"""The losses of SRGAN as functions of tensors (Ledig et al. 2017, section 2.2), and the variants that combine them.

Every loss returns a scalar. Images are (N, 3, H, W) in [0, 1]; features are maps of VGGFeatures; logits come from
SRGANDiscriminator. What is not in the paper is marked "Ours"."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from srgan_hub.models.features import LiteFeatures
from srgan_hub.models.generator import Generator
from srgan_hub.models.srresnet.network import SRGANGenerator

COLORS = 256  # surfaces per update
VGG_SCALE = 1 / 12.75  # section 3.2: rescaling the features brings the VGG loss near the size of the MSE


def pixel_loss(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean squared error of the images on [-1, 1], as in the paper: four times its value on [0, 1]."""
    return 4 * F.mse_loss(sr.float(), hr.float())


def coarse_loss(sr: Tensor, hr: Tensor, scale: int) -> Tensor:
    """`pixel_loss` of the images averaged over scale x scale pixels: compares what LR determines, without texture. Ours."""
    return pixel_loss(F.avg_pool2d(sr.float(), scale), F.avg_pool2d(hr.float(), scale))


def grid_loss(sr: Tensor, hr: Tensor, scale: int, side: int = 8) -> Tensor:
    """Squared error on [-1, 1] of the pattern that repeats with every LR pixel. Ours.

    In each square of `side` LR pixels a side, the error is averaged over the LR pixels, and the mean of this pattern is
    subtracted. Texture has almost no such average; rows of dots consist of nothing else."""
    side = min(side, *(length // scale for length in sr.shape[-2:]))
    squares = [length // (side * scale) for length in sr.shape[-2:]]
    error = 2 * (sr.float() - hr.float())[..., : squares[0] * side * scale, : squares[1] * side * scale]
    cells = error.view(*error.shape[:2], squares[0], side, scale, squares[1], side, scale)
    pattern = cells.mean((3, 6))                                                  # (N, 3, rows, scale, columns, scale)
    return (pattern - pattern.mean((3, 5), keepdim=True)).square().mean()


def content_loss(sr_features: Tensor, hr_features: Tensor) -> Tensor:
    """Mean squared distance of VGG feature maps, with features rescaled by 1/12.75."""
    return VGG_SCALE**2 * F.mse_loss(sr_features.float(), hr_features.float())


def relative_content_loss(sr_features: Tensor, hr_features: Tensor) -> Tensor:
    """Mean absolute distance of feature maps, divided by the HR map's mean size: similar for every layer and VGG. Ours."""
    sr_features, hr_features = sr_features.float(), hr_features.float()
    return F.l1_loss(sr_features, hr_features) / hr_features.abs().mean().clamp_min(1e-6)


def blocks_loss(generator: SRGANGenerator, teacher: SRGANGenerator, lr: Tensor) -> Tensor:
    """Squared distance of a block's result from the teacher's for the same input, averaged over the blocks. Ours.

    Each channel is divided by what the teacher's block changes in it. If both networks have dense blocks, each of those is
    compared; a residual block is compared with a group of them. The input is what the generator's earlier blocks make of LR,
    without a gradient, so each block learns one function, whose result is not blurred by the errors of others."""
    distances = []

    def compare(block: nn.Module, wanted: nn.Module, x: Tensor) -> Tensor:
        with torch.no_grad():
            target = wanted(x).float()
            size = (target - x.float()).square().mean((0, 2, 3)).clamp_min(1e-8)
        found = block(x)
        distances.append(((found.float() - target).square().mean((0, 2, 3)) / size).mean())
        return found.detach()

    with torch.no_grad():
        x = generator.head(lr)
    for own, other in zip(generator.body[:-2], teacher.body[:-2], strict=True):
        if generator.growth and teacher.growth:
            inner = x
            for block, wanted in zip(own.blocks, other.blocks, strict=True):
                inner = compare(block, wanted, inner)
            x = x + own.SHARE * inner
        else:
            x = compare(own, other, x)
    return torch.stack(distances).mean()


def comparable(generator: nn.Module, teacher: nn.Module) -> bool:
    """Whether `blocks_loss` can be computed for these: SRGANGenerators with the same number of blocks and of channels."""
    both = isinstance(generator, SRGANGenerator) and isinstance(teacher, SRGANGenerator)
    return both and (generator.width, generator.blocks) == (teacher.width, teacher.blocks)


def total_variation(sr: Tensor) -> Tensor:
    """Absolute differences of neighbors, summed over an image's pixels, then averaged over the images.

    It is a sum because the weight 2e-8 would leave nothing of a mean."""
    sr = sr.float()
    return (sr.diff(dim=2).abs().sum() + sr.diff(dim=3).abs().sum()) / len(sr)


class _Periodic(TorchFunctionMode):
    """Inside, convolutions see an image that repeats in both directions instead of zeros around it, however small it is."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is not torch.conv2d:
            return function(*args, **(kwargs or {}))
        image, weight, *rest = args
        reach = weight.shape[-1] // 2
        rows, columns = (torch.arange(-reach, side + reach, device=image.device) % side for side in image.shape[-2:])
        return F.conv2d(image[..., rows, :][..., columns], weight, (kwargs or {}).get("bias", rest[0] if rest else None))


def constant_color_response(generator: nn.Module, colors: Tensor) -> Tensor:
    """(N, 3) RGB in [0, 1] -> (N, 3, scale, scale): the result for an LR pixel deep inside a surface of that color, in float32.

    A surface repeats with every pixel, so it is one LR pixel whose neighbors are itself: 256 colors cost less than a patch.
    generator: made of convolutions of stride 1. BatchNorm uses its running statistics, as in inference. Gradients reach every
    weight."""
    training = generator.training
    try:
        with _Periodic(), torch.autocast(colors.device.type, enabled=False):
            # of the class: Accelerate's own forward would compute in bf16, which has steps of a gray level
            return type(generator).forward(generator.eval(), colors.float()[:, :, None, None])
    finally:
        generator.train(training)


def constant_color_loss(generator: nn.Module, colors: Tensor) -> Tensor:
    """Squared error on [-1, 1] of the results for surfaces of these colors, (N, 3) in [0, 1]. Ours."""
    return (2 * (constant_color_response(generator, colors) - colors[:, :, None, None])).square().mean()


def random_colors(rng: np.random.Generator, device: torch.device | str = "cpu") -> Tensor:
    """(256, 3) in [0, 1]: half are anywhere, half nearly pure (0 or 1 in some channels), where networks err most."""
    colors = rng.random((COLORS, 3), dtype=np.float32)
    colors[::2] = np.sin(np.pi / 2 * colors[::2]) ** 8
    flip = rng.random((COLORS, 3)) < 0.5
    return torch.from_numpy(np.where(flip, 1 - colors, colors)).to(device)


def adversarial_loss(sr_logits: Tensor) -> Tensor:
    """-log D(G(LR)), averaged over the batch: the generator's part."""
    return F.softplus(-sr_logits.float()).mean()


def discriminator_loss(hr_logits: Tensor, sr_logits: Tensor) -> Tensor:
    """-log D(HR) - log(1 - D(G(LR))), averaged over the batch."""
    return F.softplus(-hr_logits.float()).mean() + F.softplus(sr_logits.float()).mean()


def relativistic_loss(upper_logits: Tensor, lower_logits: Tensor) -> Tensor:
    """How far the upper logits are from lying above the mean of the lower ones, and vice versa (arXiv:1807.00734, RaGAN).

    Discriminator's loss: HR as upper and SR as lower. Generator's loss: SR as upper and HR as lower. Not in the paper."""
    upper, lower = upper_logits.float(), lower_logits.float()
    return torch.stack([F.softplus(lower.mean() - upper).mean(), F.softplus(lower - upper.mean()).mean()]).mean()


# Variants: the five of the paper's Table 1, and our own.


class LossConfig(NamedTuple):
    """Weights of the terms. Unless stated otherwise, images are in [0, 1] and every term is a mean."""

    pixel: float = 0.0            # squared error on [-1, 1]
    coarse: float = 0.0           # squared error on [-1, 1] of the images shrunk by the scale
    grid: float = 0.0             # squared error on [-1, 1] of what repeats with every LR pixel
    grid_side: int = 8            # LR pixels a side of the squares in which that is measured
    flat: float = 0.0             # squared error on [-1, 1] of areas of one color
    content: float = 0.0          # distance of feature maps
    layers: tuple[str, ...] = ()  # which maps (models/features.py)
    relative: bool = False        # False: squared, features rescaled by 1/12.75; True: absolute, divided by the map's own size
    tv: float = 0.0               # total variation, a sum over the pixels of an image
    blocks: float = 0.0           # squared distance of the blocks from the teacher's, divided by what the teacher's change
    adversarial: float = 0.0      # 0: no discriminator
    gan: str = "standard"         # form of the adversarial loss: standard or relativistic
    lr: float = 1e-4              # Adam's peak learning rate
    d_lr: float | None = None     # the discriminator's learning rate; None: the same
    d_warmup: int = 0             # number of first updates that train the discriminator alone

    @property
    def images(self) -> bool:
        """Whether any term compares images."""
        return any(getattr(self, name) for name, term in TERMS.items() if term.of_images)


VARIANTS = {
    # lr 1e-3 is ten times the paper's: stable with pass-through initialization and BatchNorm, while 2e-3 learns less
    "srresnet-mse": LossConfig(pixel=1.0, lr=1e-3),
    "srresnet-vgg22": LossConfig(content=1.0, layers=("vgg22",), tv=2e-8),
    "srgan-mse": LossConfig(pixel=1.0, adversarial=1e-3),
    "srgan-vgg22": LossConfig(content=1.0, layers=("vgg22",), adversarial=1e-3),
    "srgan-vgg54": LossConfig(content=1.0, layers=("vgg54",), adversarial=1e-3),
    # docs/training-log.md: several shallow layers come nearer to HR than vgg54, by every measure and by eye. Their gradient
    # is about as large as the adversarial one. The standard form leaves twice as much grid as the relativistic one.
    "srgan-plus": LossConfig(
        pixel=1.0, content=0.05, layers=("vgg22", "vgg34", "vgg44"), relative=True,
        adversarial=5e-3, gan="relativistic", d_warmup=50,
    ),
}  # fmt: skip
D_LOSSES = {"standard": discriminator_loss, "relativistic": relativistic_loss}  # by the form of the adversarial loss


# Terms: what a run can be trained on, each with a weight of its own (LossConfig) and an option (train_accelerate.py).


class Compared(NamedTuple):
    """What the terms of an update are computed from. Images are (N, 3, H, W) in [0, 1]."""

    sr: Tensor
    hr: Tensor
    generator: Generator
    blocks: Tensor | None = None       # distance of its blocks from a teacher's, if that is trained on
    colors: Tensor | None = None       # (N, 3) in [0, 1], of surfaces of one color
    perceptual: nn.Module | None = None     # feature network
    discriminator: nn.Module | None = None
    config: LossConfig | None = None


class Term(NamedTuple):
    compute: Callable[[Compared], Tensor | dict[str, Tensor]]  # a scalar, or several by name, each with the term's weight
    words: str                # what a card says after the weight; fields in braces are those of LossConfig and of `describe`
    of_images: bool = True    # whether it compares SR with HR


def _content(compared: Compared) -> dict[str, Tensor]:
    distance = relative_content_loss if compared.config.relative else content_loss
    with torch.no_grad():
        hr_maps = compared.perceptual(compared.hr)
    return {layer: distance(sr_map, hr_maps[layer]) for layer, sr_map in compared.perceptual(compared.sr).items()}


def _adversarial(compared: Compared) -> Tensor:
    discriminator = compared.discriminator.requires_grad_(False)  # otherwise G's loss would leak into D's gradients
    if compared.config.gan == "relativistic":
        with torch.no_grad():
            hr_logits = discriminator(compared.hr)
        loss = relativistic_loss(discriminator(compared.sr), hr_logits)
    else:
        loss = adversarial_loss(discriminator(compared.sr))
    discriminator.requires_grad_(True)
    return loss


TERMS = {
    "pixel": Term(lambda c: pixel_loss(c.sr, c.hr), "pixel (mean squared error, images on [-1, 1])"),
    "coarse": Term(
        lambda c: coarse_loss(c.sr, c.hr, c.generator.scale),
        "coarse (mean squared error of the images shrunk by the scale, on [-1, 1])",
    ),
    "grid": Term(
        lambda c: grid_loss(c.sr, c.hr, c.generator.scale, c.config.grid_side),
        "grid (mean squared error, on [-1, 1], of the pattern that repeats with every LR pixel in squares of {grid_side} x "
        "{grid_side} of them)",
    ),
    "flat": Term(
        lambda c: constant_color_loss(c.generator, c.colors),
        "flat (mean squared error of surfaces of one color, on [-1, 1])",
        of_images=False,
    ),
    "content": Term(_content, "{maps} of {network} (after the ReLU, {scaling}; {form})"),
    "tv": Term(lambda c: total_variation(c.sr), "total variation (sum over an image's pixels, on [0, 1])"),
    "blocks": Term(
        lambda c: c.blocks,
        "blocks (mean squared distance from the teacher's for the same inputs, over what these change)",
        of_images=False,
    ),
    "adversarial": Term(_adversarial, "adversarial ({gan}, mean over the batch, images on [0, 1])"),
}


def describe(config: LossConfig, network: str | None) -> str:
    """Every term with its weight, for a card. network: name of the feature network, if there is one."""
    fields = config._asdict() | {
        "network": network,
        "maps": " + ".join(config.layers),
        "scaling": "images on [-1, 1]" if network == LiteFeatures.network else "images on [0, 1] in ImageNet's scaling",
        "form": "mean absolute distance over the map's mean size" if config.relative else "mean squared distance x 1/12.75^2",
    }
    weights = {name: getattr(config, name) for name in TERMS}
    return " + ".join(f"{weight:g} x {TERMS[name].words.format(**fields)}" for name, weight in weights.items() if weight)
