"""Upscaler: any PIL image in, the same picture `scale` times larger out."""

from __future__ import annotations

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
from srgan_hub.imaging.project import back_project
from srgan_hub.imaging.target import Target, shrink
from srgan_hub.imaging.tiles import tiled

# LR pixels of reflection around the picture, so that the zero padding of the convolutions stays outside of it. Measured
# on the bundled checkpoints (benchmarks/reflection.py): 8 change a pixel by up to .4 grey levels, 12 by .02, 16 by .00.
REFLECTION = 16
TILE = 256    # LR pixels a side
# LR pixels around each tile. The receptive field reaches 40, but what is further away than 16 changes no pixel of any benchmark
# image by more than 1 grey level (benchmarks/overlap.py, docs/engines.md).
OVERLAP = 16


class Upscaler:
    """Enlarge PIL images with a generator: `upscaler(image) -> image`, exactly `scale` times as wide and high, or as asked.

    generator: an SRGANGenerator, whose weights are taken as they are now; tile: LR pixels a side above which a picture is
    enlarged in pieces; overlap: LR pixels of surroundings that each piece sees (the default keeps within 1 grey level of the
    whole; from `generator.reach` on, 39.5 for the paper's, tiled and whole results are the same); faithful: change the result
    as little as it takes to give the picture back when it is shrunk again (back_project); engine, precision, device: what
    computes, and where (engine.choose); `str(upscaler.engine)` says it in words.
    """

    def __init__(
        self,
        generator: SRGANGenerator,
        *,
        tile: int = TILE,
        overlap: int = OVERLAP,
        faithful: bool = False,
        engine: str = "auto",
        precision: str = "auto",
        device: str | torch.device | None = None,
    ):
        if tile < 1 or overlap < 0:
            raise ValueError(f"tile must be at least 1 and the overlap at least 0, got {tile} and {overlap}")
        self.engine = open_engine(generator, engine, precision, device)
        self.scale, self.tile, self.overlap, self.faithful = generator.scale, tile, overlap, faithful

    @classmethod
    def from_pretrained(
        cls, name_or_id: str | Path, *, tile: int = TILE, overlap: int = OVERLAP, faithful: bool = False, engine: str = "auto",
        precision: str = "auto", device: str | torch.device | None = None, **hub,
    ) -> Upscaler:  # fmt: skip
        """An Upscaler with a bundled checkpoint, one in a folder, or one on the Hub; `hub` as for SRGANGenerator."""
        generator = SRGANGenerator.from_pretrained(name_or_id, **hub)
        compute = dict(engine=engine, precision=precision, device=device)
        return cls(generator, tile=tile, overlap=overlap, faithful=faithful, **compute)

    @torch.inference_mode()
    def __call__(
        self,
        image: Image.Image,
        progress: Callable[[int, int], None] | None = None,
        *,
        scale: float | None = None,
        longest: int | None = None,
    ) -> Image.Image:
        """The picture enlarged, EXIF orientation applied, ICC profile kept; its mode as imaging.convert says.

        scale, longest: another factor than the network's, from 1 up to that, or the pixels of the longer side; the network's
        result is shrunk. progress(done, total) is told of every finished tile. Raises ValueError for a picture without
        pixels, and for a size that cannot be had.
        """
        if 0 in image.size:
            raise ValueError(f"the picture has no pixels: {image.width}x{image.height}")
        source = normalise(image)
        size = Target(scale, longest).size(*source.size, self.scale)
        colour, alpha = to_tensors(source)
        if alpha is not None:
            colour = torch.cat([fill_hidden(colour, alpha), alpha], dim=1)
        height, width = colour.shape[-2:]

        extended = reflect(colour, REFLECTION)
        pixels = tiled(lambda piece: self._enlarge(piece, source.mode), extended, self.tile, self.overlap, progress)
        edge = self.scale * REFLECTION
        result = shrink(to_image(pixels[..., edge : edge + self.scale * height, edge : edge + self.scale * width]), size)
        if "icc_profile" in image.info and same_colours(image, result.mode):
            result.info["icc_profile"] = image.info["icc_profile"]
        return result

    def _enlarge(self, piece: Tensor, mode: str) -> Tensor:
        """(1, 3 or 4, H, W) in [0, 1] -> (1, C, sH, sW) uint8 of `mode`; a fourth channel is alpha."""
        colour, alpha = piece[:, :3], piece[:, 3:]
        sr = self.engine(colour)
        if self.faithful:
            sr = back_project(sr, colour, self.scale)
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
