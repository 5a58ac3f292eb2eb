"""Upscaler: any PIL image in, the same picture `scale` times larger out."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from srgan_hub.engine import open_engine
from srgan_hub.generator import SRGANGenerator
from srgan_hub.imaging.alpha import bound, fill_hidden
from srgan_hub.imaging.convert import normalise, same_colours, to_bytes, to_image, to_tensors
from srgan_hub.imaging.tiles import tiled

# LR pixels of reflection around the picture, so that the zero padding of the convolutions stays outside of it. Measured
# on the bundled checkpoints (benchmarks/reflection.py): 8 change a pixel by up to .4 grey levels, 12 by .02, 16 by .00.
REFLECTION = 16
# LR pixels a side; with its overlap such a tile takes about 1.2 GB.
TILE = 256


class Upscaler:
    """Enlarge PIL images with a generator: `upscaler(image) -> image`, exactly `scale` times as wide and high.

    generator: an SRGANGenerator; tile: LR pixels a side above which a picture is enlarged in pieces; overlap: LR pixels
    of surroundings that each piece sees (default: as far as the generator reaches, 40 for the paper's, which makes
    tiled and whole results the same); engine, precision, device: what computes, and where (engine.choose). The weights are
    taken as they are now; `upscaler.engine` says in words what computes.
    """

    def __init__(
        self,
        generator: SRGANGenerator,
        *,
        tile: int = TILE,
        overlap: int | None = None,
        engine: str = "auto",
        precision: str = "auto",
        device: str | torch.device | None = None,
    ):
        overlap = math.ceil(generator.reach) if overlap is None else overlap
        if tile < 1 or overlap < 0:
            raise ValueError(f"tile must be at least 1 and the overlap at least 0, got {tile} and {overlap}")
        self.engine = open_engine(generator, engine, precision, device)
        self.scale, self.tile, self.overlap = generator.scale, tile, overlap

    @classmethod
    def from_pretrained(
        cls, name_or_id: str | Path, *, tile: int = TILE, overlap: int | None = None, engine: str = "auto",
        precision: str = "auto", device: str | torch.device | None = None, **hub,
    ) -> Upscaler:  # fmt: skip
        """An Upscaler with a bundled checkpoint, one in a folder, or one on the Hub; `hub` as for SRGANGenerator."""
        generator = SRGANGenerator.from_pretrained(name_or_id, **hub)
        return cls(generator, tile=tile, overlap=overlap, engine=engine, precision=precision, device=device)

    @torch.inference_mode()
    def __call__(self, image: Image.Image, progress: Callable[[int, int], None] | None = None) -> Image.Image:
        """The picture `scale` times larger, EXIF orientation applied, ICC profile kept; its mode as imaging.convert says.

        progress(done, total) is told of every finished tile. Raises ValueError for a picture without pixels.
        """
        if 0 in image.size:
            raise ValueError(f"the picture has no pixels: {image.width}x{image.height}")
        source = normalise(image)
        colour, alpha = to_tensors(source)
        if alpha is not None:
            colour = torch.cat([fill_hidden(colour, alpha), alpha], dim=1)
        height, width = colour.shape[-2:]

        extended = reflect(colour, REFLECTION)
        pixels = tiled(lambda piece: self._enlarge(piece, source.mode), extended, self.tile, self.overlap, progress)
        edge = self.scale * REFLECTION
        result = to_image(pixels[..., edge : edge + self.scale * height, edge : edge + self.scale * width])
        if "icc_profile" in image.info and same_colours(image, result.mode):
            result.info["icc_profile"] = image.info["icc_profile"]
        return result

    def _enlarge(self, piece: Tensor, mode: str) -> Tensor:
        """(1, 3 or 4, H, W) in [0, 1] -> (1, C, sH, sW) uint8 of `mode`; a fourth channel is alpha."""
        colour, alpha = piece[:, :3], piece[:, 3:]
        sr = self.engine(colour)
        if not alpha.numel():
            return to_bytes(sr, None, mode)
        if alpha.amin() == alpha.amax():  # wholly opaque, most often
            return to_bytes(sr, alpha.amax().expand(1, 1, *sr.shape[-2:]), mode)
        mask = self.engine(alpha.expand(-1, 3, -1, -1)).mean(1, keepdim=True)
        return to_bytes(sr, bound(mask, alpha, self.scale), mode)


def reflect(image: Tensor, margin: int) -> Tensor:
    """(N, C, H, W) extended by reflection on all sides, as often as it takes for a picture smaller than the margin."""
    rows, columns = (torch.from_numpy(np.pad(np.arange(n), margin, mode="reflect")) for n in image.shape[-2:])
    return image[..., rows[:, None], columns]
