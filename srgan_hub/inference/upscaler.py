"""Upscaler: any image in, the same image `scale` times larger out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from srgan_hub.hub.load import HUB
from srgan_hub.imaging.color import bound, fill_hidden, normalize, profile_of, to_image, to_pixels, to_tensors
from srgan_hub.imaging.io import format_of, read_picture, write_whole
from srgan_hub.imaging.resize import Target, back_projection, shrunk_rows
from srgan_hub.imaging.tiles import Progress, bands
from srgan_hub.inference.backends import Engine, OpenVINOEngine, open_engine
from srgan_hub.inference.quantization import Quantization, find
from srgan_hub.models.interpolation import with_texture
from srgan_hub.models.registry import is_network_file, load_network

# LR pixels added around the image, so that the zero padding of the convolutions stays outside. They are mirrored in the way
# that bicubic downsampling mirrored the HR image; without repeating the outermost pixel, the border is 1.4 dB worse
# (benchmarks/border.py). The second value is for networks that reach further than FAR.
EXTENSION = "symmetric"
BORDER, FAR_BORDER = 8, 24
TILE = 256    # LR pixels a side
# LR pixels around each tile. The receptive field reaches 40 (24 blocks: 56), but pixels more than 16 away change no pixel of
# the benchmark sets by more than 1 gray level (benchmarks/overlap.py, docs/engines.md).
OVERLAP, FAR_OVERLAP = 16, 32
FAR = 64      # LR pixels


class Upscaler:
    """Enlarge images with a generator: `upscaler(image) -> image`, exactly `scale` times as wide and high, or as requested.

    It can be copied and pickled; the copy opens its engine anew, on first use.

    generator: an SRGANGenerator, or any module with its `scale`, `reach` and `forward`; its weights are copied.
    tile: LR pixels a side above which an image is enlarged in tiles.
    overlap: LR pixels around each tile that the network sees too. The default, 16, or 32 for networks that reach further than 64,
    stays within 1 or 2 gray levels of the untiled result. From `generator.reach` up, 39.5 for the paper's, the two are the same.
    faithful: change the result as little as needed so that shrinking it gives the input again (back_projection).
    engine, precision, device: what computes, and where (backends.choose); `str(upscaler.engine)` names it. With precision "auto",
    grayscale of more than 8 bits is computed in fp32. int8: ranges for that precision, if any.
    """

    def __init__(
        self, generator: nn.Module, *, tile: int = TILE, overlap: int | None = None, faithful: bool = False,
        engine: str = "auto", precision: str = "auto", device: str | torch.device | None = None,
        int8: Quantization | None = None,
    ):  # fmt: skip
        far = generator.reach > FAR
        if overlap is None:
            overlap = FAR_OVERLAP if far else OVERLAP
        if tile < 1 or overlap < 0:
            raise ValueError(f"tile must be at least 1 and the overlap at least 0, got {tile} and {overlap}")
        self.generator, self.name = deepcopy(generator).eval(), type(generator).__name__
        self._engines: dict[tuple[int, bool], Engine] = {}  # by process, and whether for more than 8 bits
        self._compute_by = dict(engine=engine, precision=precision, device=device, int8=int8)
        self.engine_for(deep=False)  # raises EngineError now, not at the first image
        self.scale, self.tile, self.overlap, self.faithful = generator.scale, tile, overlap, faithful
        self.border = FAR_BORDER if far else BORDER

    @classmethod
    def from_pretrained(cls, name_or_id: str | Path, *, texture: float = 1.0, **options) -> Upscaler:
        """An Upscaler with a bundled checkpoint, one in a folder, or one on the Hub.

        Other networks are loaded from files (.safetensors, .pth) with spandrel; most community models work. texture: 1 for the
        checkpoint as it is, 0 for its partner, which its training started from, or a blend of the two. options: those of
        SRGANGenerator.from_pretrained about the Hub, such as revision and token; all others as for Upscaler."""
        hub = {name: options.pop(name) for name in HUB if name in options}
        generator = with_texture(load_network(str(name_or_id), **hub), texture)
        own = texture == 1 and not is_network_file(str(name_or_id))  # the 8-bit ranges are for the checkpoint's own weights
        upscaler = cls(generator, int8=find(name_or_id, **hub) if own else None, **options)
        upscaler.name = str(name_or_id)
        return upscaler

    @staticmethod
    def save(image: Image.Image, path: str | Path) -> None:
        """Write a result as PNG, TIFF, WebP (both lossless) or JPEG, as the name says, with its color profile and depth.

        Pillow's own `save` drops the profile of JPEG and WebP. Raises ImageError if the file cannot be written, and TypeError
        for anything but a PIL image."""
        if not isinstance(image, Image.Image):
            raise TypeError(f"save writes PIL images, not {type(image).__name__}; turn an array into one with Image.fromarray")
        write_whole(image, Path(path), format_of(Path(path)))

    def __repr__(self) -> str:
        return f"Upscaler({self.name!r}, scale {self.scale}, {self.engine})"

    def __getstate__(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "_engines"}

    def __setstate__(self, state: dict) -> None:
        vars(self).update(state, _engines={})

    @property
    def engine(self) -> Engine:
        return self.engine_for(deep=False)

    def engine_for(self, deep: bool) -> Engine:
        """The engine of this process, since a forked one cannot use its parent's; deep: for an image of more than 8 bits.

        bf16 and int8 preserve little more than 8 bits, so deeper images are computed in float32, unless these were asked for."""
        fine = deep and self._compute_by["precision"] == "auto"
        if (key := (os.getpid(), fine)) not in self._engines:
            compute = self._compute_by | (dict(precision="fp32", int8=None) if fine else {})
            self._engines.setdefault(key, open_engine(self.generator, **compute))
        return self._engines[key]

    def __call__(
        self, image: Image.Image | str | Path | np.ndarray, progress: Progress | None = None, *, scale: float | None = None,
        longest: int | None = None,
    ) -> Image.Image | np.ndarray:  # fmt: skip
        """The image enlarged, with EXIF orientation applied and ICC profile kept; its mode is as described in imaging.color.

        image: a PIL image or the path of one, or an array, (H, W) or (H, W, C): uint8 with 1 to 4 channels (gray or RGB, then
        alpha), uint16 or float in [0, 1] with 1 or 3. The result of an array is an array of its type.
        scale, longest: a factor from 1 up to the network's, or the pixels of the longer side; the network's result is shrunk
        to that. progress(done, total) is called for every finished tile. Raises TypeError for anything else, and ValueError for
        an image without pixels and an impossible size.
        """
        if isinstance(image, np.ndarray):
            pixels, mode = checked(image)
        else:
            if isinstance(image, str | Path):
                image = read_picture(Path(image))
            if not isinstance(image, Image.Image):
                raise TypeError(f"an image must be a PIL image, a path or a numpy array, got {type(image).__name__}")
            source = normalize(image)
            pixels, mode = np.atleast_3d(np.asarray(source)), source.mode
        size = Target(scale, longest).size(*pixels.shape[1::-1], self.scale)
        enlarged, row = np.empty((*size[::-1], pixels.shape[2]), pixels.dtype), 0
        for band in self._sized(pixels, mode, progress, size):
            enlarged[row : row + len(band)] = band
            row += len(band)
        if isinstance(image, np.ndarray):
            return (enlarged if image.ndim == 3 else enlarged[..., 0]).astype(image.dtype, copy=False)
        result = to_image(enlarged)
        if profile := profile_of(image, result.mode):
            result.info["icc_profile"] = profile
        return result

    def bands(
        self, source: Image.Image, progress: Progress | None = None, size: tuple[int, int] | None = None
    ) -> Iterator[np.ndarray]:
        """The enlarged image from top to bottom, in parts (h, width, C); source: what `normalize` returns.

        size: (width, height) of the result, shrunk from the network's; None: the network's own. Memory never holds more than
        the source, a band and what the engine needs for a tile."""
        yield from self._sized(np.atleast_3d(np.asarray(source)), source.mode, progress, size)

    def _sized(self, pixels: np.ndarray, mode: str, progress: Progress | None, size: tuple | None) -> Iterator[np.ndarray]:
        whole = self.scale * pixels.shape[1], self.scale * pixels.shape[0]
        yield from shrunk_rows(self._enlarged(pixels, mode, progress), whole, size or whole)

    def _enlarged(self, pixels: np.ndarray, mode: str, progress: Progress | None) -> Iterator[np.ndarray]:
        """Parts (h, scale W, C), one for each row of tiles; pixels: (H, W, C)."""
        height, width, channels = pixels.shape
        opaque = channels in (2, 4) and pixels[..., -1].min() == 255
        if opaque:
            pixels, mode = pixels[..., :-1], mode[:-1]  # computed like an image without alpha
        elif channels in (2, 4):
            pixels = fill_hidden(pixels)
        rows, columns = (np.pad(np.arange(side), self.border, EXTENSION) for side in (height, width))

        def cut(y: slice, x: slice) -> np.ndarray:
            y, x = (slice(part.start + self.border, part.stop + self.border) for part in (y, x))
            there = rows[y, None], columns[x]
            return pixels[there]

        enlarge = partial(self._enlarge, mode=mode)
        for band in bands(enlarge, cut, (height, width), self.tile, self.overlap, self.border, progress):
            yield np.pad(band, [(0, 0), (0, 0), (0, 1)], constant_values=255) if opaque else band

    @torch.inference_mode()
    def _enlarge(self, piece: np.ndarray, rows: slice, columns: slice, mode: str) -> np.ndarray:
        """Enlarge these rows and columns of a piece (H, W, C) of `mode`: (s h, s w, C)."""
        engine = self.engine_for(piece.dtype != np.uint8)
        if mode == "RGB" and piece.dtype == np.uint8 and not self.faithful and isinstance(engine, OpenVINOEngine):
            return engine.picture(piece, rows, columns)
        color, alpha = to_tensors(piece)
        sr = engine(color)
        if self.faithful:
            sr = back_projection(sr, color, self.scale)
        if alpha is not None and alpha.amin() == alpha.amax():  # usually fully opaque
            alpha = alpha.amax().expand(1, 1, *sr.shape[-2:])
        elif alpha is not None:
            alpha = bound(engine(alpha.expand(-1, 3, -1, -1)).mean(1, keepdim=True), alpha, self.scale)
        y, x = (slice(self.scale * part.start, self.scale * part.stop) for part in (rows, columns))
        return to_pixels(sr, alpha, mode, piece.dtype)[0, :, y, x].permute(1, 2, 0).numpy()


def checked(pixels: np.ndarray) -> tuple[np.ndarray, str]:
    """(H, W, C) uint8, uint16 or float32, and a mode that names its channels. Raises TypeError or ValueError for other arrays."""
    deep = pixels.dtype == np.uint16 or pixels.dtype.kind == "f"
    channels = pixels.shape[-1] if pixels.ndim == 3 else 1
    if pixels.ndim not in (2, 3) or channels not in ((1, 3) if deep else (1, 2, 3, 4)) or not (deep or pixels.dtype == np.uint8):
        raise TypeError(
            "an array must be (H, W) or (H, W, C): uint8 with 1 to 4 channels, or uint16 or float with 1 or 3, got "
            f"{pixels.dtype} of shape {pixels.shape}"
        )
    if 0 in pixels.shape:
        raise ValueError(f"the array has no pixels: its shape is {pixels.shape}")
    if pixels.dtype.kind == "f" and not (pixels.min() >= 0 and pixels.max() <= 1):  # written this way, NaN fails too
        raise ValueError(f"the values of a float array must be 0 to 1, got {pixels.min():g} to {pixels.max():g}")
    pixels = np.atleast_3d(pixels).astype(np.float32 if pixels.dtype.kind == "f" else pixels.dtype, copy=False)
    return pixels, ("L", "LA", "RGB", "RGBA")[channels - 1]
