import pytest
import torch
import torch.nn.functional as F

from srgan_hub.inference.quantization import fitted, from_steps, rounded, sums_kept, tops


@pytest.fixture
def weight():
    return torch.randn(4, 6, 3, 3, generator=torch.Generator().manual_seed(1))


def test_values_are_rounded_to_the_nearest_of_so_many():
    x = torch.tensor([-9.0, -1.0, -0.26, 0.0, 0.1, 0.13, 1.0, 9.0])
    assert rounded(x, -1, 1, 9).tolist() == [-1, -1, -0.25, 0, 0, 0.25, 1, 1]


def test_sums_of_kernels_are_kept_within_half_a_step(weight):
    steps = sums_kept(weight)
    step = tops(weight) / 127
    assert steps.dtype == torch.int8
    assert ((from_steps(steps, weight) - weight).sum((2, 3)).abs() <= step[..., 0, 0] / 2 + 1e-6).all()
    assert ((from_steps(steps, weight) - weight).abs() <= 1.001 * step).all()


def test_fitted_weights_change_less_on_inputs_like_those_they_were_fitted_to(weight):
    def smooth(seed):  # neighbours alike, and channels
        noise = torch.randn(1, 6, 40, 40, generator=torch.Generator().manual_seed(seed))
        return F.avg_pool2d(noise + 2 * noise.mean(1, keepdim=True), 5, 1, 2)

    columns = F.unfold(smooth(0), 3)[0].T
    steps = fitted(weight, columns.T @ columns / len(columns))
    exact = F.conv2d(smooth(1), weight)
    errors = [(F.conv2d(smooth(1), from_steps(s, weight)) - exact).square().mean() for s in (steps, sums_kept(weight))]
    assert steps.dtype == torch.int8 and steps.shape == weight.shape
    assert errors[0] < 0.7 * errors[1]


def test_weights_fitted_to_unrelated_inputs_are_the_nearest(weight):
    plain = (weight / tops(weight) * 127).round().to(torch.int8)
    assert torch.equal(fitted(weight, torch.eye(54)), plain)


def test_a_channel_of_zeros_stays_one(weight):
    weight[2] = 0
    for steps in (sums_kept(weight), fitted(weight, torch.eye(54))):
        assert not from_steps(steps, weight)[2].any()
