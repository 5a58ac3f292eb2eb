import torch

from srgan_hub.imaging.alpha import HIDDEN, bound, fill_hidden


def test_hidden_pixels_take_the_visible_colour_at_any_distance():
    colour, alpha = torch.zeros(1, 3, 37, 50), torch.zeros(1, 1, 37, 50)
    colour[:, 0, 10:14, 10:14], alpha[..., 10:14, 10:14] = 1.0, 1.0  # a red square, black where hidden
    filled = fill_hidden(colour, alpha)
    assert torch.allclose(filled[:, 0], torch.ones(1, 37, 50))
    assert filled[:, 1:].abs().max() == 0


def test_visible_pixels_stay_as_they_are():
    colour, alpha = torch.rand(1, 3, 12, 9), (torch.rand(1, 1, 12, 9) - 0.5).clamp_min(0)
    visible = (alpha > HIDDEN).expand_as(colour)
    assert torch.equal(fill_hidden(colour, alpha)[visible], colour[visible])


def test_the_nearest_visible_colour_counts_most():
    """A thin black line is not outshone by a large white square further away."""
    colour, alpha = torch.zeros(1, 3, 40, 40), torch.zeros(1, 1, 40, 40)
    alpha[..., 10] = 1.0
    colour[..., 20:], alpha[..., 24:] = 1.0, 1.0
    filled = fill_hidden(colour, alpha)
    assert filled[..., 7:13].max() <= 0.3
    assert filled[..., 22:].min() >= 0.7


def test_all_but_invisible_pixels_count_as_hidden():
    colour, alpha = torch.zeros(1, 3, 8, 8), torch.full((1, 1, 8, 8), 1 / 255)
    colour[..., 4:], alpha[..., 4:] = 1.0, 1.0  # white beside black that is nearly not there
    assert fill_hidden(colour, alpha)[..., 3].min() == 1


def test_faint_pixels_weigh_less():
    colour = torch.zeros(1, 3, 2, 4)
    alpha = torch.zeros(1, 1, 2, 4)
    colour[..., 1, 2], alpha[..., 1, 2], alpha[..., 0, 2] = 1.0, 0.9, 0.1  # white, and faint black above it
    assert fill_hidden(colour, alpha)[..., 3].min() > 0.8


def test_picture_without_anything_visible_passes():
    colour = torch.rand(1, 3, 5, 5)
    assert torch.equal(fill_hidden(colour, torch.zeros(1, 1, 5, 5)), colour)


def test_flat_alpha_is_kept_exactly():
    source = torch.zeros(1, 1, 6, 8)
    source[..., 4:] = 1.0
    ringing = torch.nn.functional.interpolate(source, scale_factor=4, mode="bicubic") * 1.1 - 0.03
    bounded = bound(ringing, source, 4)
    assert bounded[..., :12].abs().max() == 0
    assert bounded[..., 20:].min() == 1
    assert 0 < bounded[..., 12:20].mean() < 1
