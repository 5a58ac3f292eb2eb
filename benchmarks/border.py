"""What should a generator see beyond the edges of an image, and how far?

    python -m benchmarks.border PHOTOGRAPHS [MODEL...]

For the held-out photos of a dataset (a folder or a Hub id, as for `train_accelerate.py --dataset`): PSNR on Y of the outermost 2
and 16 pixels of the result, by how the LR image was extended and by how many pixels. With 0 pixels, there is only the zero
padding of the generator's own convolutions. Also the largest deviation from flat images of six colors, in gray levels. All in
float32."""

from __future__ import annotations

import sys
from math import log10

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from srgan_hub import SRGANGenerator
from srgan_hub.data.held_out import open_photos
from srgan_hub.evaluation.benchmark import validation_pairs
from srgan_hub.imaging.color import luma
from srgan_hub.inference.backends import Engine, open_engine
from srgan_hub.inference.upscaler import BORDER, EXTENSION

MODES = {"reflect": "mirrored at the outermost pixel", "edge": "the outermost pixel again", "symmetric": "mirrored"}
WIDTHS = (2, 4, 6, 8, 16)  # LR pixels
COLORS = ("white", "black", "gray", (200, 30, 60), (20, 90, 200), (240, 230, 60))


def enlarge(engine: Engine, picture: np.ndarray, mode: str, width: int, scale: int) -> np.ndarray:
    """(H, W, 3) uint8 -> (sH, sW, 3) in [0, 255]."""
    extended = np.pad(picture, ((width, width), (width, width), (0, 0)), mode)
    sr = engine(torch.from_numpy(extended).permute(2, 0, 1)[None].float() / 255)
    cut = slice(scale * width, -scale * width or None)
    return sr[0, :, cut, cut].permute(1, 2, 0).clamp(0, 1).numpy() * 255


def main(photographs: str, *models: str) -> None:
    source = dict(split="train", validation="auto", count=16, cache_dir=None)
    held_out = open_photos(photographs, **source)[2]
    for model in models or ("srresnet-x4",):
        generator = SRGANGenerator.from_pretrained(model)
        engine = open_engine(generator, precision="fp32")
        print(f"\n{model}\n\n| beyond the edge | LR pixels | outermost 2 | outermost 16 | flat |\n|" + " --- |" * 5)
        for mode, width in [("reflect", 0), *((mode, width) for mode in MODES for width in WIDTHS)]:
            found = []
            for _, lr, hr in tqdm(validation_pairs(held_out.photos, generator.scale), disable=None, leave=False):
                sr = enlarge(engine, np.asarray(lr), mode, width, generator.scale)
                error = (luma(sr) - luma(np.asarray(hr))) ** 2
                found.append([border_psnr(error, pixels) for pixels in (2, 16)])
            flats = [np.array(Image.new("RGB", (24, 24), colour)) for colour in COLORS]
            flat = max(abs(enlarge(engine, one, mode, width, generator.scale) - one[0, 0]).max() for one in flats)
            name = MODES[mode] if width else "zero padding"
            used = " (used)" if (mode, width) == (EXTENSION, BORDER) else ""
            print(f"| {name}{used} | {width} | " + " | ".join(f"{dB:.2f}" for dB in np.mean(found, 0)) + f" | {flat:.1f} |")


def border_psnr(error: np.ndarray, pixels: int) -> float:
    outside = np.ones(error.shape, bool)
    outside[pixels:-pixels, pixels:-pixels] = False
    return 10 * log10(255**2 / error[outside].mean())


if __name__ == "__main__":
    main(*sys.argv[1:])
