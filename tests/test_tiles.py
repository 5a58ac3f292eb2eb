import numpy as np
import pytest
import torch
from PIL import Image

from srgan_hub.imaging.tiles import around, bands, most_detailed, strips


def nearest_x4(image):
    return image.repeat(4, 0).repeat(4, 1)


def in_tiles(upscale, image, tile, margin, scale=4, progress=None):
    """`upscale` in pieces of the image, (H, W, C)."""
    def part(piece, y, x):
        return upscale(piece)[scale * y.start : scale * y.stop, scale * x.start : scale * x.stop]

    return np.concatenate(list(bands(part, lambda y, x: image[y, x], image.shape[:2], tile, margin, progress=progress)))


@pytest.mark.parametrize("size", [(1, 1), (7, 30), (65, 33)])
@pytest.mark.parametrize("tile", [1, 16, 100])
def test_tiling_leaves_no_seam(size, tile):
    lr = np.random.default_rng(0).random((*size, 3))
    assert np.array_equal(in_tiles(nearest_x4, lr, tile, 4), nearest_x4(lr))


def test_margin_as_wide_as_the_reach_is_exact(random_generator):
    """One block reaches 4 + 2 + 1 + 1 + 0.5 + 1 = 9.5 LR pixels: a margin of 10 is exact, one of 3 is not."""
    @torch.no_grad()
    def upscale(image):
        return random_generator(torch.from_numpy(image).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()

    lr = np.random.default_rng(0).random((45, 61, 3), np.float32)
    whole = upscale(lr)
    assert np.abs(in_tiles(upscale, lr, 16, 10) - whole).max() <= 1e-5
    assert np.abs(in_tiles(upscale, lr, 16, 3) - whole).max() > 1e-4


def test_progress_counts_every_piece_and_pieces_are_nearly_equal():
    told, seen = [], []

    def spy(piece):
        seen.append(piece.shape[1])
        return piece

    in_tiles(spy, np.zeros((10, 101, 1)), 50, 0, scale=1, progress=lambda done, total: told.append((done, total)))
    assert told == [(n, 3) for n in range(4)]
    assert sum(seen) == 101 and max(seen) <= 50 and max(seen) - min(seen) <= 1


def test_strips_are_made_as_the_rows_come():
    taken = []

    def coming():
        for number in range(4):
            taken.append(number)
            yield np.full((50, 2, 1), number, np.uint8)

    made = strips(coming(), 64)
    assert len(next(made)) == 64 and taken == [0, 1]
    assert [len(strip) for strip in made] == [64, 64, 8] and taken == [0, 1, 2, 3]
    assert list(strips([], 64)) == []


@pytest.mark.parametrize("heights", [(64, 64), (10, 20, 30, 40, 50), (1, 200, 55), (7,)])
def test_no_row_is_lost(heights):
    rows = np.arange(sum(heights))[:, None, None]
    made = list(strips(np.split(rows, np.cumsum(heights)[:-1]), 64))
    assert np.array_equal(np.concatenate(made), rows) and {len(strip) for strip in made[:-1]} <= {64}


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


@pytest.mark.parametrize("whole", [(300, 200), (3000, 2000)])
def test_detail_is_found_where_it_is(whole):
    pixels = np.full((whole[1], whole[0], 3), 128, np.uint8)
    width, height = whole[0] // 10, whole[1] // 10
    checks = (np.indices((height, width)).sum(0) // max(1, width // 10) % 2 * 255).astype(np.uint8)
    pixels[3 * height : 4 * height, 7 * width : 8 * width] = checks[..., None]
    box = most_detailed(Image.fromarray(pixels), (2 * width, 2 * height))
    assert box.size == (2 * width, 2 * height)
    assert box.left <= 7 * width + 8 and box.right >= 8 * width - 8
    assert box.top <= 3 * height + 8 and box.bottom >= 4 * height - 8


@pytest.mark.parametrize("size", [(1, 1), (100, 3)])
def test_small_and_flat_pictures_have_a_region_too(size):
    box = most_detailed(Image.new("RGBA", size), (40, 40))
    assert box.size == (min(40, size[0]), min(40, size[1]))
