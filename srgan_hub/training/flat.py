"""What a generator makes of a surface of one colour, without a picture of it: photographs hold few, and a network that has hardly
seen them gives a flat logo or sky back in another colour, with the pattern of its sub-pixel convolutions on it."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_hub.generator import SRGANGenerator

COLOURS = 256  # of an update: together they cost less than one patch


def random_colours(rng: np.random.Generator, device: torch.device | str = "cpu") -> Tensor:
    """(256, 3) in [0, 1]: half of them anywhere, half nearly pure (0 or 1 in some channels), where networks are most wrong."""
    colours = rng.random((COLOURS, 3), dtype=np.float32)
    colours[::2] = np.sin(np.pi / 2 * colours[::2]) ** 8
    flip = rng.random((COLOURS, 3)) < 0.5
    return torch.from_numpy(np.where(flip, 1 - colours, colours)).to(device)


def flat_response(generator: SRGANGenerator, colours: Tensor) -> Tensor:
    """(N, 3) RGB in [0, 1] -> (N, 3, scale, scale): each LR pixel's result far inside of a surface of that colour, in float32.

    A surface repeats with every pixel, so it is one LR pixel whose neighbours are itself. BatchNorm uses its running statistics,
    as a generator that is used does. Gradients reach every weight."""
    act = lambda layer, x: F.prelu(x, layer.weight)  # noqa: E731
    shallow = act(generator.head[1], _periodic(generator.head[0], colours.float()[:, :, None, None]))
    image = shallow + _trunk(generator.body, shallow)
    for conv, _, slope in generator.upsample:
        image = act(slope, F.pixel_shuffle(_periodic(conv, image), 2))
    return _periodic(generator.tail, image)


def flat_loss(generator: SRGANGenerator, colours: Tensor) -> Tensor:
    """Squared error on [-1, 1] of what surfaces of these colours, (N, 3) in [0, 1], become. Ours."""
    with torch.autocast(colours.device.type, enabled=False):  # bf16 has steps of a grey level
        error = 2 * (flat_response(generator, colours) - colours[:, :, None, None])
    return error.square().mean()


def _periodic(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """The convolution of an image that goes on beside itself, however small it is."""
    reach = conv.kernel_size[0] // 2
    rows, columns = (torch.arange(-reach, side + reach, device=x.device) % side for side in x.shape[-2:])
    return F.conv2d(x[..., rows, :][..., columns], conv.weight, conv.bias)


def _trunk(body: nn.Module, x: Tensor) -> Tensor:
    """What the blocks make of an image that goes on beside itself."""
    convolutions, training = [module for module in body.modules() if isinstance(module, nn.Conv2d)], body.training
    for conv in convolutions:
        conv.forward = partial(_periodic, conv)
    try:
        return body.eval()(x)
    finally:
        body.train(training)
        for conv in convolutions:
            del conv.forward
