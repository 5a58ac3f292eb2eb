import copy

import numpy as np
import torch

from conftest import smooth_photo
from srgan_hub.training.color import center_color

PHOTOS = [np.asarray(smooth_photo(150, 120, seed=seed)) for seed in range(3)]


def test_a_tint_is_taken_away_and_nothing_else(tiny_generator):
    tinted = copy.deepcopy(tiny_generator)
    tint = torch.tensor([0.02, -0.01, 0.03])
    tinted.tail.bias.data += tint
    clean, mended = center_color(tiny_generator, PHOTOS), center_color(tinted, PHOTOS)
    assert torch.allclose(mended.tail.bias, clean.tail.bias, atol=1e-4)
    assert torch.allclose(clean.tail.bias, tiny_generator.tail.bias, atol=0.004)  # bilinear enlargement has no tint
    others = [name for name in tinted.state_dict() if name != "tail.bias"]
    assert all(torch.equal(mended.state_dict()[name], tinted.state_dict()[name]) for name in others)
    assert torch.equal(tinted.tail.bias, tiny_generator.tail.bias + tint)  # a copy


def test_without_a_photograph_that_is_large_enough_all_stays(tiny_generator):
    for photos in ([], [np.zeros((40, 64, 3), np.uint8)]):
        assert torch.equal(center_color(tiny_generator, photos).tail.bias, tiny_generator.tail.bias)
