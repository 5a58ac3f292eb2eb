import numpy as np
import pytest
from PIL import Image

from srgan_hub.imaging.tiles import Box, around, most_detailed


@pytest.mark.parametrize(
    ("place", "size", "box"),
    [
        ((50, 40), (20, 10), (40, 35, 60, 45)),
        ((0, 0), (20, 10), (0, 0, 20, 10)),
        ((99, 79), (20, 10), (80, 70, 100, 80)),
        ((50, 40), (500, 10), (0, 35, 100, 45)),  # wider than the picture
    ],
)
def test_box_lies_around_its_place_and_inside_the_picture(place, size, box):
    assert around(place, size, (100, 80)) == box


def test_box_knows_its_size_and_center():
    assert Box(10, 20, 40, 30).size == (30, 10)
    assert Box(10, 20, 40, 30).center == (25, 25)


@pytest.mark.parametrize("whole", [(300, 200), (3000, 2000)])
def test_detail_is_found_where_it_is(whole):
    pixels = np.full((whole[1], whole[0], 3), 128, np.uint8)
    width, height = whole[0] // 10, whole[1] // 10
    checks = (np.indices((height, width)).sum(0) // max(1, width // 10) % 2 * 255).astype(np.uint8)
    pixels[3 * height : 4 * height, 7 * width : 8 * width] = checks[..., None]
    box = most_detailed(Image.fromarray(pixels), (2 * width, 2 * height))
    assert box.size == (2 * width, 2 * height)
    assert box.left <= 7 * width + 8
    assert box.right >= 8 * width - 8
    assert box.top <= 3 * height + 8
    assert box.bottom >= 4 * height - 8


@pytest.mark.parametrize("size", [(1, 1), (9, 9), (100, 3)])
def test_small_and_flat_pictures_have_a_region_too(size):
    box = most_detailed(Image.new("RGBA", size), (40, 40))
    assert box.size == (min(40, size[0]), min(40, size[1]))
