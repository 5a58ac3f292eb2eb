import io

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import ROOT, read, smooth_photo
from srgan_hub.imaging.jpeg import CHROMA, LUMA, jpeg, quantization_table

FOUR_FOUR_FOUR, FOUR_TWO_ZERO = 0, 2  # Pillow's names of the subsamplings


def pictures():
    chelsea = read(ROOT / "examples" / "chelsea.png").convert("RGB")
    return {
        "multiples of 4": chelsea,
        "odd sides": chelsea.crop((60, 30, 60 + 61, 30 + 37)),
    }


def saved_by_pillow(image, quality, subsampling):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling=subsampling)
    return Image.open(file)


def to_tensor(image):
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]


@pytest.mark.parametrize("subsampling", [FOUR_FOUR_FOUR, FOUR_TWO_ZERO])
@pytest.mark.parametrize("quality", [10, 50, 75, 100])
@pytest.mark.parametrize("name", pictures())
def test_close_to_pillows_jpeg(name, quality, subsampling):
    """Measured: 0.01 to 0.47 levels on average, by the last bits of fixed-point cosines; JPEG itself changes 1 to 11."""
    image = pictures()[name]
    theirs = to_tensor(saved_by_pillow(image, quality, subsampling)).float()
    ours = jpeg(to_tensor(image), torch.tensor([quality]), halve_chroma=subsampling == FOUR_TWO_ZERO)
    difference = ours - theirs
    assert difference.abs().mean() < 0.6
    assert difference.mean((0, 2, 3)).abs().max() < 0.25


@pytest.mark.parametrize("quality", [1, 49, 50, 100])
def test_tables_are_libjpegs(quality):
    tables = saved_by_pillow(smooth_photo(16, 16), quality, FOUR_TWO_ZERO).quantization
    for base, theirs in ((LUMA, tables[0]), (CHROMA, tables[1])):
        assert quantization_table(base, torch.tensor([quality])).flatten().tolist() == list(theirs)


@pytest.mark.parametrize("halve_chroma", [True, False])
def test_each_image_has_its_own_quality(halve_chroma):
    image = to_tensor(smooth_photo(40, 24))
    both = jpeg(image.repeat(2, 1, 1, 1), torch.tensor([20, 90]), halve_chroma=halve_chroma)
    for n, quality in enumerate((20, 90)):
        assert torch.equal(both[n : n + 1], jpeg(image, torch.tensor([quality]), halve_chroma=halve_chroma))
    assert (both[0] - image).abs().mean() > 1.5 * (both[1] - image).abs().mean()


@pytest.mark.parametrize("halve_chroma", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 33)])
def test_flat_color_stays_whatever_the_size(size, halve_chroma):
    color = torch.tensor([200, 30, 60], dtype=torch.uint8)
    flat = color[None, :, None, None].expand(1, 3, *size)
    result = jpeg(flat, torch.tensor([80]), halve_chroma=halve_chroma)
    assert result.shape == flat.shape
    assert (result - flat).abs().max() <= 3


def test_halved_chroma_blurs_colors_but_not_light():
    stripes = torch.full((1, 3, 32, 32), 128.0)
    stripes[:, 2, :, ::2] = 148    # blue and yellow, of nearly the same luma
    stripes[:, 2, :, 1::2] = 108
    whole, halved = (jpeg(stripes, torch.tensor([100]), halve_chroma=h)[:, 2].std().item() for h in (False, True))
    assert whole == pytest.approx(20, abs=1)
    assert halved < 5
