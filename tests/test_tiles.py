import pytest
import torch

from srgan_hub.imaging.tiles import tiled


def nearest_x4(image):
    return image.repeat_interleave(4, -1).repeat_interleave(4, -2)


@pytest.mark.parametrize("size", [(1, 1), (7, 30), (64, 64), (65, 33)])
@pytest.mark.parametrize("tile", [1, 16, 100])
def test_tiling_leaves_no_seam(size, tile):
    lr = torch.rand(1, 3, *size)
    assert torch.equal(tiled(nearest_x4, lr, tile=tile, margin=4), nearest_x4(lr))


def test_margin_as_wide_as_the_reach_is_exact(random_generator):
    """One block reaches 4 + 2 + 1 + 1 + 0.5 + 1 = 9.5 LR pixels: a margin of 10 is exact, one of 3 is not."""
    lr = torch.rand(1, 3, 45, 61)
    with torch.no_grad():
        whole = random_generator(lr)
        assert (tiled(random_generator, lr, 16, 10) - whole).abs().max() <= 1e-5
        assert (tiled(random_generator, lr, 16, 3) - whole).abs().max() > 1e-4


def test_progress_counts_every_piece():
    told = []
    tiled(nearest_x4, torch.rand(1, 1, 10, 20), tile=8, margin=0, progress=lambda done, total: told.append((done, total)))
    assert told == [(n, 6) for n in range(7)]


@pytest.mark.parametrize(("tile", "margin"), [(0, 4), (8, -1)])
def test_impossible_sizes_are_refused(tile, margin):
    with pytest.raises(ValueError, match="tile must be at least 1"):
        tiled(nearest_x4, torch.rand(1, 1, 4, 4), tile, margin)


def test_pieces_are_no_larger_than_asked_and_nearly_equal():
    seen = []

    def spy(piece):
        seen.append(piece.shape[-1])
        return piece

    tiled(spy, torch.rand(1, 1, 1, 101), tile=50, margin=0)
    assert sum(seen) == 101
    assert max(seen) - min(seen) <= 1
    assert max(seen) <= 50
