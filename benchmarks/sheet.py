"""A sheet of images: one row per scene, one column per method, the middle of each image."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

LABEL, GAP = 22, 4  # pixels: height of the names, gap between the parts


def draw_sheet(names: Sequence[str], rows: Sequence[Sequence[Image.Image]], width: int, height: int) -> Image.Image:
    """The `width` x `height` pixels in the middle of each image; all images in a row have the same size."""
    sheet = Image.new("RGB", (len(names) * (width + GAP) - GAP, LABEL + len(rows) * (height + GAP) - GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for column, name in enumerate(names):
        draw.text((column * (width + GAP), 2), name, fill="black", font=ImageFont.load_default(15))
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            x, y = (picture.width - width) // 2, (picture.height - height) // 2
            sheet.paste(picture.crop((x, y, x + width, y + height)), (column * (width + GAP), LABEL + row * (height + GAP)))
    return sheet
