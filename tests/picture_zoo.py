"""Pictures and files of every kind, sound and broken, made from nothing: what `srgan-hub upscale` may be given."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tifffile
import torch
from PIL import Image, ImageCms, ImageOps

from conftest import encoded, smooth_photo
from srgan_hub import SRGANGenerator

MODES = ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "I", "I;16", "F"]
RESULT = {"1": "L", "L": "L", "La": "LA", "LA": "LA", "PA": "RGBA", "RGBa": "RGBA", "RGBA": "RGBA", "I": "I;16", "I;16": "I;16",
          "F": "I;16"}  # of every other mode RGB  # fmt: skip
FORMATS = ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "TGA", "ICO", "JPEG2000", "AVIF", "PCX", "SGI", "IM", "DIB",
           "MSP", "XBM", "DDS", "QOI", "MPO"]  # fmt: skip


def nearest_generator() -> SRGANGenerator:
    """Repeats each pixel 4 x 4 times, exactly."""
    generator = SRGANGenerator(width=4, blocks=1, norm="none").eval()
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.zero_()
        for conv, times in ((generator.head[0], 1), *((step[0], 4) for step in generator.upsample), (generator.tail, 1)):
            middle = conv.kernel_size[0] // 2
            for out in range(min(conv.out_channels, 3 * times)):
                conv.weight[out, out // times, middle, middle] = 1
        for act in (generator.head[1], *(step[2] for step in generator.upsample)):
            act.weight.fill_(1)
    return generator


def in_mode(mode: str, width: int = 13, height: int = 9) -> Image.Image:
    """A picture with other values in every channel, in the range that means something."""
    photo = smooth_photo(width, height)
    grey = np.asarray(photo.convert("L"))
    alpha = Image.fromarray(np.linspace(0, 255, width * height).reshape(height, width).round().astype(np.uint8))
    if mode == "I;16":
        return Image.fromarray(grey.astype(np.uint16) * 251 + 3)
    if mode == "I":
        return Image.fromarray(grey.astype(np.int32) * 251 + 3)
    if mode == "F":
        return Image.fromarray(grey.astype(np.float32) / 255)
    if mode == "LAB":
        lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        return ImageCms.applyTransform(photo, lab)
    if mode in ("LA", "La", "RGBA", "RGBa"):
        straight = photo.convert("L" if mode[0] == "L" else "RGB")
        straight.putalpha(alpha)
        return straight if mode[-1] == "A" else straight.convert(mode)
    if mode == "PA":
        return photo.quantize(32).convert("PA")
    return photo.quantize(32) if mode == "P" else photo.convert(mode)


def expected(image: Image.Image) -> np.ndarray:
    """What nearest_generator makes of a decoded picture, by Pillow alone: its orientation, conversion and NEAREST."""
    try:
        image = ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF
        image = image.copy()
    clear = image.info.get("transparency")
    if image.mode in ("I;16", "I;16L", "I;16B", "I;16N", "I"):
        values = np.asarray(image).astype(np.uint16)
        if clear is not None:
            return enlarged(np.stack([(values / 257).round(), 255 * (values != clear)], -1))
        return enlarged(values[..., None])
    if image.mode == "F":
        return enlarged((65535 * np.asarray(image)[..., None]).round())
    if image.mode == "CMYK" and "icc_profile" in image.info:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
            image = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except Exception:
            image = image.convert("RGB")
    mode = {"1": "L", "L": "L", "LA": "LA", "La": "LA", "PA": "RGBA", "RGBA": "RGBA", "RGBa": "RGBA"}.get(image.mode, "RGB")
    if clear is not None and image.mode in ("1", "L", "RGB", "P"):
        mode = {"L": "LA", "RGB": "RGBA"}[mode]
    pixels = np.atleast_3d(np.asarray(image.convert(mode)))
    if image.mode == "P" and pixels.shape[2] == 4 and pixels[..., 3].min() == 255:
        pixels = pixels[..., :3]
    return enlarged(pixels)


def enlarged(pixels: np.ndarray) -> np.ndarray:
    return pixels.repeat(4, 0).repeat(4, 1)


def difference(result: Image.Image, wanted: np.ndarray) -> float:
    """The largest in grey levels of 255; inf for another size or number of channels. Hidden colours do not count."""
    found = np.atleast_3d(np.asarray(result)).astype(np.float64)
    if found.shape != wanted.shape:
        return float("inf")
    apart = np.abs(found - wanted) / (257 if result.mode == "I;16" else 1)
    if found.shape[2] in (2, 4):
        apart[..., :-1] *= wanted[..., -1:] > 8
    return apart.max()


def with_orientation(turn: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turn
    return encoded(smooth_photo(13, 9), "PNG", exif=exif)


def cmyk_profile() -> bytes:
    """An ICC profile by which black alone counts: L* falls from 100 to 0 with K, and a* and b* are 0."""
    grid = np.zeros((2, 2, 2, 2, 3), np.uint8)
    grid[..., 1:] = 128
    grid[..., 0, 0] = 255
    ramp = bytes(range(256))
    identity = struct.pack(">9i", *(65536 * (n % 4 == 0) for n in range(9)))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + 4 * ramp + grid.tobytes() + 3 * ramp
    size = 128 + 4 + 12 + len(table)
    head = struct.pack(">I4sI", size, b"none", 0x02200000) + b"prtrCMYKLab " + bytes(12) + b"acsp" + bytes(28)
    head += struct.pack(">3i", 63190, 65536, 54061)  # D50
    return head.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table


def frames(count: int = 3) -> list[Image.Image]:
    return [smooth_photo(13, 9, seed) for seed in range(count)]


def png_with(change: Callable[[bytearray], None]) -> bytes:
    """A PNG whose head (IHDR's 13 bytes) was changed, its checksum right."""
    data = bytearray(encoded(smooth_photo(13, 9)))
    head = data[16:29]
    change(head)
    data[16:29] = head
    data[29:33] = struct.pack(">I", zlib.crc32(b"IHDR" + bytes(head)))
    return bytes(data)


def bomb() -> bytes:
    """60 KB that say they are 60000 x 60000 pixels."""
    return png_with(lambda head: head.__setitem__(slice(0, 8), struct.pack(">II", 60000, 60000))) + bytes(60_000)


def kept_by(form: str, mode: str) -> bytes | None:
    """A picture of that mode in that format, where Pillow writes it and reads what it has written."""
    try:
        content = encoded(in_mode(mode), form)
        Image.open(io.BytesIO(content)).load()
        return content
    except Exception:  # each format has its own way to say that it does not hold this
        return None


def sound() -> Iterator[tuple[str, bytes]]:
    """Names and contents of files that must each become a right picture."""
    for form in FORMATS:
        suffix = next((suffix for suffix, name in Image.registered_extensions().items() if name == form), ".x")
        for mode in MODES:
            if form in Image.OPEN and (content := kept_by(form, mode)):
                yield f"{form}-{mode.replace(';', '')}{suffix}", content
    yield "SPIDER-F.spi", encoded(in_mode("F"), "SPIDER")
    for width, height in ((1, 1), (1, 500), (500, 1), (2, 3)):
        yield f"size-{width}x{height}.png", encoded(smooth_photo(width, height))
    for turn in range(1, 9):
        yield f"turned-{turn}.png", with_orientation(turn)
    for turn in (0, 9, 65535):
        yield f"turned-wrong-{turn}.png", with_orientation(turn)
    photo = smooth_photo(13, 9)
    yield "exif-broken.jpg", encoded(photo, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\xff" + bytes(range(60)))
    first, *others = frames()
    for form in ("GIF", "WEBP", "PNG", "TIFF"):
        lossless = {"lossless": True} if form == "WEBP" else {}
        yield f"frames.{form.lower()}", encoded(first, form, save_all=True, append_images=others, **lossless)
    yield "progressive.jpg", encoded(photo, "JPEG", progressive=True)
    yield "interlaced.gif", encoded(photo.quantize(16), "GIF", interlace=True)
    yield "interlaced.png", interlaced(np.asarray(photo))
    for mode, clear in (("L", 100), ("RGB", (100, 100, 100)), ("P", 3), ("I;16", 3), ("1", 255)):
        yield f"transparent-{mode.replace(';', '')}.png", encoded(in_mode(mode), "PNG", transparency=clear)
    yield "transparent-palette.png", encoded(photo.quantize(8), "PNG", transparency=bytes(range(0, 256, 32)))
    yield "transparent.gif", encoded(photo.quantize(8), "GIF", transparency=2)
    for bits in (1, 2, 4):
        yield f"palette-{bits}.png", encoded(photo.quantize(2**bits), "PNG", bits=bits)
    for name in ("sRGB", "XYZ"):
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()
        yield f"icc-{name}.png", encoded(photo, icc_profile=profile)
    yield "icc-cmyk.tif", encoded(photo.convert("CMYK"), "TIFF", icc_profile=cmyk_profile())
    wide = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB", 9000)).tobytes())
    yield "icc-wide.jpg", encoded(photo, "JPEG", icc_profile=bytes(wide))
    for name, profile in (("broken", bytes(wide[:90])), ("noise", bytes(range(200))), ("grey", b"x")):
        yield f"icc-{name}.png", encoded(photo, icc_profile=profile)
        yield f"icc-{name}.tif", encoded(photo.convert("CMYK"), "TIFF", icc_profile=profile)
    deep = np.asarray(photo).astype(np.uint16) * 257
    yield "deep-rgb.tif", tiff(deep, photometric="rgb")
    yield "deep-rgb.ppm", b"P6 13 9 65535\n" + deep.astype(">u2").tobytes()
    yield "deep-planar.tif", tiff(np.moveaxis(np.asarray(photo), 2, 0), photometric="rgb", planarconfig="separate")
    yield "named-otherwise.jpg", encoded(photo)
    yield "no-suffix", encoded(photo)
    yield "名前 und 'Zeichen' %s\n.png", encoded(photo)


def broken(seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Names and contents of files that no picture can be right for, or that luck decides about: cut short, flipped, lying."""
    rng = np.random.default_rng(seed)
    photo = smooth_photo(40, 30, seed)
    whole = {form: encoded(photo, form) for form in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000")}
    whole["LZW"] = encoded(photo, "TIFF", compression="tiff_lzw")
    whole["CMYK"] = encoded(photo.convert("CMYK"), "TIFF", compression="jpeg")
    for form, content in whole.items():
        for part in range(20):
            yield f"cut-{form}-{part}.png", content[: len(content) * part // 20]
        flipped = bytearray(content)
        for place in rng.integers(0, len(content), 1 + int(rng.integers(0, 12))):
            flipped[place] ^= int(rng.integers(1, 256))
        yield f"flipped-{form}.png", bytes(flipped)
        head = bytearray(content)
        for place in rng.integers(0, min(64, len(content)), 3):
            head[place] ^= int(rng.integers(1, 256))
        yield f"flipped-head-{form}.png", bytes(head)
    yield "empty.png", b""
    yield "text.jpg", b"not a picture\n" * 50
    yield "zeros.tif", bytes(5000)
    yield "bomb.png", bomb()
    for name, size in (("wider", (3000, 9)), ("higher", (13, 3000)), ("large", (11000, 11000)), ("none", (0, 9)),
                       ("negative", (2**31 + 13, 9))):  # fmt: skip
        yield f"lies-{name}.png", png_with(lambda head, size=size: head.__setitem__(slice(0, 8), struct.pack(">II", *size)))
    yield "lies-mode.png", png_with(lambda head: head.__setitem__(9, 5))
    yield "lies.gif", b"GIF89a" + struct.pack("<HH", 65535, 65535) + whole["GIF"][10:]
    yield "lies.bmp", whole["BMP"][:18] + struct.pack("<ii", 9000, 9000) + whole["BMP"][26:]
    yield "circle.tif", circle(whole["TIFF"])
    for name, values in (("below", np.int32([[-1, 5]])), ("above", np.int32([[0, 65536]])), ("float", np.float32([[0, 1.5]])),
                         ("nan", np.float32([[0, np.nan]])), ("negative", np.float32([[-0.1, 0.5]]))):  # fmt: skip
        yield f"values-{name}.tif", encoded(Image.fromarray(values), "TIFF")


def circle(content: bytes) -> bytes:
    """A little-endian TIFF whose first directory names itself as the next."""
    (first,) = struct.unpack("<I", content[4:8])
    (entries,) = struct.unpack("<H", content[first : first + 2])
    end = first + 2 + 12 * entries
    return content[:end] + struct.pack("<I", first) + content[end + 4 :]


def interlaced(pixels: np.ndarray) -> bytes:
    """(H, W, 3) uint8 as an Adam7 PNG, which Pillow reads and does not write."""
    height, width, _ = pixels.shape
    rows = []
    for y, x, down, right in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)):
        part = pixels[y::down, x::right]
        rows += [b"\0" + row.tobytes() for row in part if row.size]

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")


def tiff(pixels: np.ndarray, **options) -> bytes:
    tifffile.imwrite(buffer := io.BytesIO(), pixels, **options)
    return buffer.getvalue()


def odd_places(folder: Path) -> list[Path]:
    """Paths in the folder that are no files: a directory without pictures, a FIFO, a circle of links, one to nothing, a name
    that is too long, one whose result's would be."""
    (folder / "directory.png").mkdir()
    os.mkfifo(folder / "fifo.png")
    (folder / "circle.png").symlink_to("circle.png")
    (folder / "nothing.png").symlink_to("not there")
    (folder / ("long" * 62 + "er.png")).write_bytes(encoded(smooth_photo(3, 2)))
    names = ["directory.png", "fifo.png", "circle.png", "nothing.png", "x" * 300 + ".png", "y/" * 3000 + "y.png",
             "long" * 62 + "er.png"]  # fmt: skip
    return [folder / name for name in names]


def write(folder: Path, files: Iterator[tuple[str, bytes]]) -> list[Path]:
    """The files in folders of their own: many would have the same result."""
    paths = []
    for number, (name, content) in enumerate(files):
        path = folder / f"{number:04d}-{name}"
        path.write_bytes(content)
        paths.append(path)
    return paths
