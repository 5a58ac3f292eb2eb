"""Make generators from ESRGAN networks (Wang et al. 2018, arXiv:1809.00219), such as Real-ESRGAN x4plus.

    python -m benchmarks.smaller_esrgan realesrgan_x4plus.safetensors --keep 0,1,2,21,22 --photos PHOTOS -o runs/wide
    python -m benchmarks.smaller_esrgan runs/wide --growth 16 --photos PHOTOS -o runs/narrow

A network of 23 groups of dense blocks becomes an SRGANGenerator with some of them, whose results still resemble its own. That
becomes a smaller one, whose blocks are then trained to match the large ones (docs/training.md)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_hub.data.cache import lr_pictures
from srgan_hub.inference.backends import fast_precision
from srgan_hub.losses import pixel_loss, relative_content_loss
from srgan_hub.models.features import STAGES, LiteFeatures
from srgan_hub.models.registry import is_network_file, load_network
from srgan_hub.models.rrdb import DenseBlock
from srgan_hub.models.srresnet.network import SRGANGenerator
from srgan_hub.training.optimizers import learning_rate

PHOTOS = 48    # photos that the enlargement is fitted to
STEP = 5       # pixels between the places of an image to which the last convolution is fitted: odd, for all phases of a grid of 4
UPDATES = 200  # of the enlargement, on FIT places of FIT_SIDE LR pixels per side, without FIT_EDGE SR pixels on each side
FIT, FIT_SIDE, FIT_EDGE = 4, 24, 8
SMALL = 0.1    # share of the initial weights that is kept in a new residual block's second convolution
INNER = 0.3    # weight of a channel's use within a dense block, relative to its use for the block's result


def is_esrgan(network: nn.Module) -> bool:
    """Whether this is a network of dense blocks that enlarges four times, as spandrel builds it."""
    return type(network).__name__ == "RRDBNet" and len(network.model) == 11 and network.model[0].in_channels == 3


@torch.no_grad()
def of_esrgan(network: nn.Module, keep: Sequence[int], pictures: Sequence[Tensor]) -> SRGANGenerator:
    """The generator made of these groups of an ESRGAN network, numbered from 0. If all groups are kept, its maps equal the
    network's. Its enlargement is trained to match the network's. pictures: a few dozen LR images, (1, 3, H, W) in [0, 1].

    Raises ValueError for another kind of network, and for a group that it does not have."""
    if not is_esrgan(network):
        raise ValueError("only ESRGAN networks that enlarge four times can be converted")
    first, (*groups, last), _, up1, _, _, up2, *_ = (getattr(layer, "sub", layer) for layer in network.model)
    _check(keep, len(groups))
    width, growth = first.out_channels, groups[0].RDB1.conv1[0].out_channels
    generator = SRGANGenerator(width=width, blocks=len(keep), norm="none", growth=growth).eval()
    head, slope = generator.head
    head.weight.zero_()
    head.weight[..., 3:6, 3:6] = first.weight
    head.bias.copy_(first.bias)
    slope.weight.fill_(1)  # ESRGAN has no activation there
    for group, number in zip(generator.body, keep, strict=False):
        old = groups[number]
        for block, dense in zip(group.blocks, (old.RDB1, old.RDB2, old.RDB3), strict=True):
            for conv, layer in zip(block.convs, (dense.conv1, dense.conv2, dense.conv3, dense.conv4, dense.conv5), strict=True):
                conv.load_state_dict(layer[0].state_dict())
    generator.body[-2].load_state_dict(last.state_dict())
    for (conv, _, slope), old in zip(generator.upsample, (up1, up2), strict=True):
        conv.weight.copy_(before_enlargement(old.weight))
        conv.bias.copy_(old.bias.repeat_interleave(4))
        slope.weight.fill_(0.2)
    maps = [generator.maps(picture) for picture in pictures]
    found = [generator.upsample(one) for one in maps]
    weight, bias = least_squares(found, [network.model[8:](one) for one in found], generator.tail.kernel_size[0])
    generator.tail.weight.copy_(weight)
    generator.tail.bias.copy_(bias)
    fit_enlargement(generator, network.model[2:], maps)
    return generator


@torch.enable_grad()
def fit_enlargement(generator: SRGANGenerator, wanted: nn.Module, maps: Sequence[Tensor]) -> None:
    """Train the generator's enlargement for UPDATES updates to match the result of `wanted` for the same maps. The
    least-squares fit is softer: one convolution replaces two, so the two before it must help. Feature maps say how a result
    looks."""
    chance, features = np.random.default_rng(0), LiteFeatures(STAGES[:4])
    parameters = [*generator.upsample.parameters(), *generator.tail.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=3e-4, betas=(0.9, 0.99))
    for step in range(UPDATES):
        optimizer.param_groups[0]["lr"] = learning_rate(step, peak=3e-4, total=UPDATES)
        parts = []
        for number in chance.integers(len(maps), size=FIT):
            y, x = (int(chance.integers(max(1, side - FIT_SIDE + 1))) for side in maps[number].shape[-2:])
            parts.append(maps[number][..., y : y + FIT_SIDE, x : x + FIT_SIDE])
        given = torch.cat(parts).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=fast_precision("cpu") == "bf16"):
            with torch.no_grad():
                hr = wanted(given)
                hr_maps = features(hr)
            sr = generator.enlarged(given)
            inner = (slice(FIT_EDGE, -FIT_EDGE),) * 2
            loss = pixel_loss(sr[..., *inner], hr[..., *inner])
            loss = loss + 0.01 * sum(relative_content_loss(one, hr_maps[name]) for name, one in features(sr).items())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@torch.no_grad()
def kept(generator: SRGANGenerator, keep: Sequence[int]) -> SRGANGenerator:
    """A copy with only these groups of dense blocks, numbered from 0. Raises ValueError for groups that it lacks."""
    _check(keep, generator.blocks)
    found = with_other_blocks(generator, blocks=len(keep))
    for group, number in zip(found.body[:-2], keep, strict=True):
        group.load_state_dict(generator.body[number].state_dict())
    return found


def with_other_blocks(generator: SRGANGenerator, **shape: int) -> SRGANGenerator:
    """A generator with new blocks, and everything else as in this one."""
    found = SRGANGenerator(**{**generator.shape, **shape}).eval()
    for name in ("head", "upsample", "tail"):
        getattr(found, name).load_state_dict(getattr(generator, name).state_dict())
    found.body[-2].load_state_dict(generator.body[-2].state_dict())
    return found


@torch.no_grad()
def residual(generator: SRGANGenerator) -> SRGANGenerator:
    """A copy in which a new residual block, which changes little at first, replaces each group of dense blocks. For
    `losses.blocks_loss`. Raises ValueError if there are no such groups."""
    if not generator.growth:
        raise ValueError("its blocks are already residual blocks")
    torch.manual_seed(0)
    found = with_other_blocks(generator, growth=0)
    for block in found.body[:-2]:
        block.conv2.weight.mul_(SMALL)
        block.conv2.bias.zero_()
    return found


def _check(keep: Sequence[int], groups: int) -> None:
    if not keep or sorted(set(keep)) != list(keep) or not 0 <= keep[0] <= keep[-1] < groups:
        raise ValueError(f"the network has groups 0 to {groups - 1}; list some of them in order")


@torch.no_grad()
def narrowed(generator: SRGANGenerator, growth: int, pictures: Sequence[Tensor]) -> SRGANGenerator:
    """A copy that keeps only `growth` channels of each of a dense block's first four convolutions: those that matter most to
    the convolutions after them, judging by their variance on the pictures, LR images (1, 3, H, W) in [0, 1]. For
    `losses.blocks_loss`.

    Raises ValueError if there are not that many."""
    if not 0 < growth <= generator.growth:
        raise ValueError(f"the dense blocks' convolutions add {generator.growth} channels; keep 1 to that many")
    found = with_other_blocks(generator, growth=growth)
    spread = {}  # per convolution: the variance of every channel, summed over the images
    hooks = []
    for group in generator.body[:-2]:
        for conv in (conv for block in group.blocks for conv in block.convs[:4]):
            def add(module: nn.Module, _, result: Tensor) -> None:
                spread[module] = spread.get(module, 0) + F.leaky_relu(result, DenseBlock.SLOPE).var((0, 2, 3))
            hooks.append(conv.register_forward_hook(add))
    for picture in pictures:
        generator.maps(picture)
    for hook in hooks:
        hook.remove()
    own, wide = dict(found.named_modules()), generator.growth
    for name, block in generator.named_modules():
        if not isinstance(block, DenseBlock):
            continue
        seen = list(range(generator.width))
        for number, conv in enumerate(block.convs):
            rows = list(range(conv.out_channels))
            if number < 4:
                first = generator.width + number * wide
                uses = [later.weight[:, first : first + wide].square().sum((0, 2, 3)) for later in block.convs[number + 1 :]]
                shares = [INNER] * (len(uses) - 1) + [1.0]
                worth = spread[conv] * sum(share * use for share, use in zip(shares, uses, strict=True))
                rows = worth.topk(growth).indices.sort().values.tolist()
            own[name].convs[number].weight.copy_(conv.weight[rows][:, seen])
            own[name].convs[number].bias.copy_(conv.bias[rows])
            if number < 4:
                seen += [first + row for row in rows]
    return found


def before_enlargement(kernel: Tensor) -> Tensor:
    """(O, I, 3, 3) of a convolution after pixels are doubled -> (4 O, I, 3, 3) of an equivalent one before that, followed by a
    PixelShuffle(2). Two of three taps fall on the same pixel."""
    out, channels = kernel.shape[:2]
    cells = kernel.new_zeros(out, 2, 2, channels, 3, 3)
    for row in range(2):
        for column in range(2):
            for y in range(3):
                for x in range(3):
                    cells[:, row, column, :, (row + y + 1) // 2, (column + x + 1) // 2] += kernel[:, :, y, x]
    return cells.reshape(4 * out, channels, 3, 3)


def least_squares(inputs: Sequence[Tensor], results: Sequence[Tensor], side: int) -> tuple[Tensor, Tensor]:
    """Weight and bias of the side x side convolution that best maps (1, I, H, W) to (1, O, H, W)."""
    edge, gram, moment = side // 2, 0, 0
    for number, (x, y) in enumerate(zip(inputs, results, strict=True)):
        first = number % STEP                                              # every pixel of the enlarged LR pixels gets its turn
        columns = F.unfold(x[..., first:, first:], side, stride=STEP)[0]   # (I * side * side, places)
        columns = F.pad(columns, (0, 0, 0, 1), value=1.0)                  # the bias is the weight of a constant 1
        wanted = y[0, :, edge + first : -edge : STEP, edge + first : -edge : STEP].flatten(1)
        gram, moment = gram + columns @ columns.T, moment + columns @ wanted.T
    gram += 1e-4 * gram.diagonal().mean() * torch.eye(len(gram))
    found = torch.linalg.solve(gram, moment)
    return found[:-1].T.reshape(-1, inputs[0].shape[1], side, side), found[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="file that spandrel can load, or a checkpoint made from one")
    parser.add_argument("--keep", help="groups of dense blocks to keep, such as 0,1,2,21,22; of a checkpoint by default all")
    parser.add_argument("--growth", type=int, help="channels that a convolution keeps; 0: a residual block instead of each group")
    parser.add_argument("--photos", required=True, help="photos to fit the enlargement and choose channels by")
    parser.add_argument("-o", "--output", required=True, type=Path)
    options = parser.parse_args()
    keep = [int(number) for number in (options.keep or "").split(",") if number]
    pictures = lr_pictures(options.photos, 4, PHOTOS)
    if is_network_file(options.source):
        generator = of_esrgan(load_network(options.source).network.eval(), keep, pictures)
    else:
        generator = SRGANGenerator.from_pretrained(options.source).eval()
        generator = kept(generator, keep) if keep else generator
    if options.growth is not None:
        generator = narrowed(generator, options.growth, pictures) if options.growth else residual(generator)
    generator.save_pretrained(options.output)


if __name__ == "__main__":
    main()
