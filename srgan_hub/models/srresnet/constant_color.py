"""The generator's result for a surface of one color, computed without an image: for 256 colors, cheaper than one patch."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_hub.models.srresnet.network import SRGANGenerator


def constant_color_response(generator: SRGANGenerator, colors: Tensor) -> Tensor:
    """(N, 3) RGB in [0, 1] -> (N, 3, scale, scale): the result for an LR pixel deep inside a surface of that color, in float32.

    A surface repeats with every pixel, so it is one LR pixel whose neighbors are itself. BatchNorm uses its running statistics,
    as in inference. Gradients reach every weight."""
    act = lambda layer, x: F.prelu(x, layer.weight)  # noqa: E731
    shallow = act(generator.head[1], _periodic(generator.head[0], colors.float()[:, :, None, None]))
    image = shallow + _trunk(generator.body, shallow)
    for conv, _, slope in generator.upsample:
        image = act(slope, F.pixel_shuffle(_periodic(conv, image), 2))
    return _periodic(generator.tail, image)


def _periodic(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """The convolution of an image that repeats periodically, however small it is."""
    reach = conv.kernel_size[0] // 2
    rows, columns = (torch.arange(-reach, side + reach, device=x.device) % side for side in x.shape[-2:])
    return F.conv2d(x[..., rows, :][..., columns], conv.weight, conv.bias)


def _trunk(body: nn.Module, x: Tensor) -> Tensor:
    """The blocks' result for an image that repeats periodically."""
    convolutions, training = [module for module in body.modules() if isinstance(module, nn.Conv2d)], body.training
    for conv in convolutions:
        conv.forward = partial(_periodic, conv)
    try:
        return body.eval()(x)
    finally:
        body.train(training)
        for conv in convolutions:
            del conv.forward
