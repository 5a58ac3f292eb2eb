"""Keep colors. Mean color: no loss holds that of a GAN's results to a grey level, and averaged weights drift off by one."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_hub.imaging.resize import shrunk
from srgan_hub.models.srresnet.network import SRGANGenerator

SAMPLES = 32  # photos are enough for a mean
SIDE, BORDER = 256, 8  # central HR pixels of a photo that are used; LR pixels ignored at its edge, where zeros are padded


def centre_colour(generator: SRGANGenerator, photos: list[np.ndarray]) -> SRGANGenerator:
    """A copy whose results have the same mean color as the photos, (H, W, 3) uint8, that they are made from. Only the bias of
    the last convolution is changed. Photos that are too small are skipped."""
    result, scale = copy.deepcopy(generator).eval(), generator.scale
    device = result.tail.bias.device
    shifts = []
    for photo in photos:
        y, x = ((side - min(side, SIDE)) // 2 for side in photo.shape[:2])
        lr, hr = (np.asarray(image) for image in shrunk(photo[y : y + SIDE, x : x + SIDE], scale))
        if min(lr.shape[:2]) <= 2 * BORDER:
            continue
        with torch.inference_mode():
            sr = result(torch.tensor(lr, device=device).permute(2, 0, 1)[None].float() / 255)[0].clamp(0, 1)
        inside = slice(scale * BORDER, -scale * BORDER)
        shifts.append(sr[:, inside, inside].mean((1, 2)).cpu() - torch.tensor(hr[inside, inside].mean((0, 1)) / 255))
    if shifts:
        with torch.no_grad():
            result.tail.bias -= torch.stack(shifts).mean(0).to(result.tail.bias)
    return result


# Constant colors: a generator's result for a surface of one color, computed without an image. Photos contain few such surfaces; a
# network that has hardly seen them changes the color of a logo or the sky, and leaves the grid of its sub-pixel convolutions on
# it.


COLOURS = 256  # per update: together they cost less than one patch


def random_colours(rng: np.random.Generator, device: torch.device | str = "cpu") -> Tensor:
    """(256, 3) in [0, 1]: half are anywhere, half nearly pure (0 or 1 in some channels), where networks err most."""
    colours = rng.random((COLOURS, 3), dtype=np.float32)
    colours[::2] = np.sin(np.pi / 2 * colours[::2]) ** 8
    flip = rng.random((COLOURS, 3)) < 0.5
    return torch.from_numpy(np.where(flip, 1 - colours, colours)).to(device)


def constant_color_response(generator: SRGANGenerator, colours: Tensor) -> Tensor:
    """(N, 3) RGB in [0, 1] -> (N, 3, scale, scale): the result for an LR pixel deep inside a surface of that color, in float32.

    A surface repeats with every pixel, so it is one LR pixel whose neighbors are itself. BatchNorm uses its running statistics,
    as in inference. Gradients reach every weight."""
    act = lambda layer, x: F.prelu(x, layer.weight)  # noqa: E731
    shallow = act(generator.head[1], _periodic(generator.head[0], colours.float()[:, :, None, None]))
    image = shallow + _trunk(generator.body, shallow)
    for conv, _, slope in generator.upsample:
        image = act(slope, F.pixel_shuffle(_periodic(conv, image), 2))
    return _periodic(generator.tail, image)


def constant_color_loss(generator: SRGANGenerator, colours: Tensor) -> Tensor:
    """Squared error on [-1, 1] of the results for surfaces of these colors, (N, 3) in [0, 1]. Ours."""
    with torch.autocast(colours.device.type, enabled=False):  # bf16 has steps of a gray level
        error = 2 * (constant_color_response(generator, colours) - colours[:, :, None, None])
    return error.square().mean()


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
