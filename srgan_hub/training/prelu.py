"""PReLU with one shared slope, trained faster on CPUs: PyTorch's own backward pass is a sixth of an update there.

It writes the slope's gradient out for every pixel before it sums; here the same sum is taken with three cheap passes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _SharedSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(x, slope)
        return F.leaky_relu(x, slope.item())

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, slope = ctx.saved_tensors
        to_x = torch.ops.aten.leaky_relu_backward(gradient, x, slope.item(), False)
        to_slope = (gradient * x.clamp_max(0)).sum(1).sum(dtype=torch.float32)  # channels first: they lie together
        return to_x, to_slope.view_as(slope).to(slope)


class CPUPReLU(nn.PReLU):
    """nn.PReLU() with a cheaper gradient, for (N, C, ...) tensors on a CPU; the same function and the same parameters."""

    def forward(self, x: Tensor) -> Tensor:
        return _SharedSlope.apply(x, self.weight)


def cheaper_prelu(network: nn.Module) -> None:
    """Let every PReLU of the network that has one slope take its gradient the cheaper way."""
    for module in network.modules():
        if type(module) is nn.PReLU and module.num_parameters == 1:
            module.__class__ = CPUPReLU
