import numpy as np
import pytest
import torch

from conftest import smooth_photo
from srgan_hub import Upscaler
from srgan_hub.evaluation.metrics import lr_consistency
from srgan_hub.imaging.resize import back_projection, shrunk_exactly


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_the_result_shrinks_to_what_was_given(scale):
    lr = torch.from_numpy(np.array(smooth_photo(30, 22))).permute(2, 0, 1)[None] / 255
    sr = torch.nn.functional.interpolate(lr, scale_factor=scale) + 0.02 * torch.randn(1, 3, 22 * scale, 30 * scale)
    projected = back_projection(sr, lr, scale)
    before, after = ((shrunk_exactly(x, scale) - lr).square().mean().sqrt() for x in (sr, projected))
    assert after < 1 / 255 / 3 < before and projected.min() >= 0 and projected.max() <= 1


def test_what_shrinking_does_not_see_is_kept():
    lr = torch.full((1, 3, 8, 8), 0.5)
    board = 0.2 * (torch.arange(32).view(-1, 1) + torch.arange(32)).remainder(2) - 0.1  # vanishes when it is shrunk
    projected = back_projection(lr.mean() + board.expand(1, 3, 32, 32), lr, 4)
    assert (projected - 0.5 - board).abs().max() < 0.01


def test_a_perfect_result_stays():
    hr = torch.rand(1, 3, 32, 24) * 0.5 + 0.25
    assert (back_projection(hr, shrunk_exactly(hr, 4).float(), 4) - hr).abs().max() < 1e-5


@pytest.mark.parametrize("tile", [256, 24])
def test_upscaler_gives_the_picture_back(random_generator, tile):
    image = smooth_photo(60, 44)
    results = (Upscaler(random_generator, faithful=faithful, tile=tile)(image) for faithful in (False, True))
    before, after = (lr_consistency(np.asarray(result), np.asarray(image)) for result in results)
    assert before < 40 < after
