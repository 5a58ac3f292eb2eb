"""ESRGAN's generator (Wang et al. 2018, arXiv:1809.00219): dense blocks without BatchNorm, enlargement by repeated pixels.

Departures: none. Scales other than 4 have other stages of enlargement; that of scale 3 repeats each pixel 3x3 times."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_hub.models.generator import MOST, Generator

STAGES = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}  # enlargement of each stage, by scale


class DenseBlock(nn.Module):
    """Each of five convolutions sees the block's input and the outputs of the convolutions before it."""

    SHARE = 0.2  # share of the result that is added
    SLOPE = 0.2  # slope of LeakyReLU

    def __init__(self, width: int, growth: int):
        super().__init__()
        outputs = [growth] * 4 + [width]
        self.convs = nn.ModuleList(nn.Conv2d(width + i * growth, outputs[i], 3, padding=1) for i in range(5))

    def forward(self, x: Tensor) -> Tensor:
        found = [x]
        for conv in self.convs[:4]:
            found.append(F.leaky_relu(conv(torch.cat(found, 1)), self.SLOPE))
        return x + self.SHARE * self.convs[4](torch.cat(found, 1))


class DenseGroup(nn.Module):
    """Three dense blocks with a skip around them: ESRGAN's RRDB."""

    SHARE = 0.2

    def __init__(self, width: int, growth: int):
        super().__init__()
        self.blocks = nn.Sequential(*(DenseBlock(width, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.SHARE * self.blocks(x)

    @property
    def ends(self) -> list[nn.Module]:
        return [block.convs[4] for block in self.blocks]


class RRDBGenerator(
    Generator,
    library_name="srgan_hub",
    license="other",  # the weights' license follows the data they were trained on, not the code's license
    pipeline_tag="image-to-image",
    tags=["super-resolution", "esrgan"],
    paper_url="https://arxiv.org/abs/1809.00219",
):
    """(N, 3, H, W) RGB in [0, 1] -> (N, 3, scale * H, scale * W), nominally in [0, 1], not clamped.

    The defaults are the paper's network, 16.7 million parameters. scale: 2, 3, 4 or 8; width: channels; blocks: groups of three
    dense blocks; growth: channels that each convolution of a dense block adds; partner: name of the checkpoint that training
    started from. Raises ValueError for other values."""

    architecture, paper = "rrdb", ("ESRGAN", "Wang et al. 2018, arXiv:1809.00219")
    SLOPE = 0.2  # of LeakyReLU

    def __init__(self, scale: int = 4, width: int = 64, blocks: int = 23, growth: int = 32, partner: str | None = None):
        super().__init__()
        self.describe(tuple(STAGES), partner, scale=scale, width=width, blocks=blocks, growth=growth)
        if type(growth) is not int or not 1 <= growth <= MOST:
            raise ValueError(f"growth must be a whole number from 1 to {MOST}, got {growth!r}")
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.body = nn.Sequential(*(DenseGroup(width, growth) for _ in range(blocks)), nn.Conv2d(width, width, 3, padding=1))
        self.upsample = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in STAGES[scale])
        self.last = nn.Conv2d(width, width, 3, padding=1)
        self.tail = nn.Conv2d(width, 3, 3, padding=1)

    @property
    def reach(self) -> float:
        """The distance, in LR pixels, up to which a result depends on its surroundings."""
        far, size = 1.0 + 15 * self.blocks + 1, 1  # head, five convolutions per dense block, the long skip's
        for factor in STAGES[self.scale]:
            size *= factor
            far += 1 / size
        return far + 2 / size

    @torch.no_grad()
    def initialize(self) -> None:
        """As in the paper: small weights, so that every dense block starts near the identity."""
        for conv in self.body[:-1].modules():
            if isinstance(conv, nn.Conv2d):
                nn.init.kaiming_normal_(conv.weight).mul_(0.1)
                nn.init.zeros_(conv.bias)

    def forward(self, lr: Tensor) -> Tensor:
        maps = self.head(lr)
        maps = maps + self.body(maps)
        for factor, conv in zip(STAGES[self.scale], self.upsample, strict=True):
            maps = F.leaky_relu(conv(F.interpolate(maps, scale_factor=factor, mode="nearest")), self.SLOPE)
        return self.tail(F.leaky_relu(self.last(maps), self.SLOPE))
