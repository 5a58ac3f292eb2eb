"""Keep colors. Mean color: no loss holds that of a GAN's results to a gray level, and averaged weights drift off by one."""

from __future__ import annotations

import copy

import numpy as np
import torch

from srgan_hub.imaging.resize import shrunk
from srgan_hub.models.generator import Generator

SAMPLES = 32  # photos are enough for a mean
SIDE, BORDER = 256, 8  # central HR pixels of a photo that are used; LR pixels ignored at its edge, where zeros are padded


def center_color(generator: Generator, photos: list[np.ndarray]) -> Generator:
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
