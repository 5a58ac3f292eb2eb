import torch

from srgan_hub.imaging.alpha import bound, fill_hidden


def test_hidden_pixels_take_the_visible_colour_at_any_distance():
    colour, alpha = torch.zeros(1, 3, 37, 50), torch.zeros(1, 1, 37, 50)
    colour[:, 0, 10:14, 10:14], alpha[..., 10:14, 10:14] = 1.0, 1.0  # a red square, black where hidden
    filled = fill_hidden(colour, alpha)
    assert torch.allclose(filled[:, 0], torch.ones(1, 37, 50))
    assert filled[:, 1:].abs().max() == 0


def test_visible_pixels_stay_as_they_are():
    colour, alpha = torch.rand(1, 3, 12, 9), (torch.rand(1, 1, 12, 9) - 0.5).clamp_min(0)
    visible = (alpha > 0).expand_as(colour)
    assert torch.equal(fill_hidden(colour, alpha)[visible], colour[visible])


def test_faint_pixels_weigh_less():
    colour = torch.tensor([0.0, 0.0, 1.0]).view(1, 1, 1, 3).expand(1, 3, 1, 3)
    alpha = torch.tensor([0.1, 0.0, 0.9]).view(1, 1, 1, 3)
    assert fill_hidden(colour, alpha)[0, 0, 0, 1] > 0.5


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
