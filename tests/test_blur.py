import math

import pytest
import torch

from srgan_hub.imaging.degradations import blur, gaussian_kernels, sinc_kernels


def moments(kernel):
    """Mean (x, y) and the second moments xx, yy, xy about it, in pixels."""
    offsets = torch.arange(len(kernel)) - len(kernel) // 2
    y, x = torch.meshgrid(offsets, offsets, indexing="ij")
    mean = [(kernel * axis).sum().item() for axis in (x, y)]
    return mean, [(kernel * product).sum().item() for product in (x * x, y * y, x * y)]


def test_every_kernel_sums_to_one():
    some = torch.tensor([0.05, 1.0, 3.3])
    kernels = gaussian_kernels(21, some, 0.3 * some, some)
    assert torch.allclose(kernels.sum((1, 2)), torch.ones(3), atol=1e-6)
    kernels = sinc_kernels(21, torch.tensor([0.5, 2.0, math.pi]), torch.tensor([7, 13, 21]))
    assert torch.allclose(kernels.sum((1, 2)), torch.ones(3), atol=1e-6)


def test_isotropic_gaussian_has_the_asked_variance_whatever_its_angle():
    sigma = torch.tensor([1.0, 1.7, 2.5])
    for kernel, asked in zip(gaussian_kernels(21, sigma, sigma, torch.tensor([0, 0.4, 2])), sigma.tolist(), strict=True):
        mean, (xx, yy, xy) = moments(kernel)
        assert mean == pytest.approx([0, 0], abs=1e-5)
        assert [xx, yy, xy] == pytest.approx([asked**2, asked**2, 0], rel=0.01, abs=1e-4)


@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
def test_anisotropic_gaussian_is_long_along_its_angle(degrees):
    angle = math.radians(degrees)
    kernel = gaussian_kernels(21, torch.tensor([3.0]), torch.tensor([1.0]), torch.tensor([angle]))[0]
    _, (xx, yy, xy) = moments(kernel)
    c, s = math.cos(angle), math.sin(angle)
    along = c * c * xx + s * s * yy + 2 * c * s * xy
    across = s * s * xx + c * c * yy - 2 * c * s * xy
    assert along == pytest.approx(9, rel=0.03)  # the kernel's edge cuts at 3 1/3 deviations
    assert across == pytest.approx(1, rel=0.01)


def test_narrowest_gaussian_changes_nothing():
    image = torch.rand(2, 3, 9, 12)
    assert torch.equal(blur(image, gaussian_kernels(7, *torch.full((3, 2), 0.05))), image)


def test_sinc_keeps_what_is_below_its_cutoff_and_stops_what_is_above():
    x = torch.arange(96.0)
    kernels = sinc_kernels(21, torch.tensor([1.5, 1.5]), torch.tensor([21, 21]))
    waves = torch.stack([(0.5 * x).cos(), (2.8 * x).cos()])[:, None, None].expand(2, 1, 96, 96)
    slow, fast = blur(waves, kernels)[..., 10:-10, 10:-10].square().mean((1, 2, 3)).tolist()
    assert slow == pytest.approx(0.5, rel=0.15)  # the mean square of a cosine
    assert fast < 0.01


def test_sinc_rings_beside_an_edge():
    edge = torch.cat([torch.zeros(32, 16), torch.full((32, 16), 100.0)], 1)[None, None]
    rung = blur(edge, sinc_kernels(21, torch.tensor([2.0]), torch.tensor([21])))
    assert rung.min() < -3
    assert rung.max() > 103


def test_sinc_is_zero_outside_its_taps():
    kernel = sinc_kernels(21, torch.tensor([2.0]), torch.tensor([7]))[0]
    assert (kernel[7:14, 7:14] != 0).all()
    assert (kernel != 0).sum() == 7 * 7


def test_each_image_gets_its_own_kernel_and_all_its_channels_the_same():
    image = torch.rand(2, 3, 24, 20)
    kernels = gaussian_kernels(13, torch.tensor([0.8, 2.0]), torch.tensor([0.5, 1.0]), torch.tensor([0.3, 1.0]))
    both = blur(image, kernels)
    for n in range(2):
        for c in range(3):
            alone = blur(image[n : n + 1, c : c + 1], kernels[n : n + 1])
            assert torch.allclose(both[n, c], alone[0, 0], atol=1e-5)


def test_border_of_a_flat_picture_is_not_darkened():
    kernels = sinc_kernels(21, torch.tensor([2.0]), torch.tensor([21]))
    assert torch.allclose(blur(torch.full((1, 3, 16, 16), 77.0), kernels), torch.tensor(77.0), atol=1e-3)
