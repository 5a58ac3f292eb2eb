"""SRGAN generator (SRResNet): low-resolution RGB in [0, 1] -> RGB, nominally in [0, 1], `scale` times larger.

Ledig et al. 2017, arXiv:1609.04802, Figure 4 (top). Departures: none. `norm="none"` leaves BatchNorm out; `growth` replaces the
residual blocks by ESRGAN's dense ones (Wang et al. 2018, arXiv:1809.00219, Figure 4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from srgan_hub.models.generator import MOST, Generator
from srgan_hub.models.rrdb import DenseGroup


class ResidualBlock(nn.Module):
    def __init__(self, width: int, norm: type[nn.Module]):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.norm1 = norm(width)
        self.act = nn.PReLU()  # one slope per layer, shared by its channels
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.norm2 = norm(width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm2(self.conv2(self.act(self.norm1(self.conv1(x)))))

    @property
    def ends(self) -> list[nn.Module]:
        """The layers that turn the block into the identity when their weights are zero."""
        return [self.norm2 if isinstance(self.norm2, nn.BatchNorm2d) else self.conv2]


class SRGANGenerator(
    Generator,
    library_name="srgan_hub",
    license="other",  # the weights' license follows the data they were trained on, not the code's license
    pipeline_tag="image-to-image",
    tags=["super-resolution", "srgan"],
    paper_url="https://arxiv.org/abs/1609.04802",
):
    """(N, 3, H, W) RGB in [0, 1] -> (N, 3, scale * H, scale * W), nominally in [0, 1], not clamped.

    The defaults are the paper's network, 1,549,462 parameters; its receptive field reaches 39.5 LR pixels.
    scale: 2, 4 or 8; width: channels; blocks: residual blocks; norm: "batch" or "none"; partner: bundled name or Hub id of
    the checkpoint that training started from, with which this one can be blended; growth: 0 for residual blocks, or the
    channels that each convolution of a dense block adds (ESRGAN: 32; norm must be "none"). Raises ValueError for other values.
    """

    architecture, paper = "srresnet", ("SRGAN", "Ledig et al. 2017, arXiv:1609.04802")

    def __init__(
        self, scale: int = 4, width: int = 64, blocks: int = 16, norm: str = "batch", partner: str | None = None, growth: int = 0
    ):
        super().__init__()
        self.describe((2, 4, 8), partner, scale=scale, width=width, blocks=blocks, norm=norm, growth=growth)
        if norm not in ("batch", "none"):
            raise ValueError(f"norm must be 'batch' or 'none', got {norm!r}")
        if type(growth) is not int or not 0 <= growth <= MOST or (growth and norm != "none"):
            raise ValueError(f"growth must be a whole number from 0 to {MOST}, and 0 with norm 'batch', got {growth!r}")
        make_norm = nn.BatchNorm2d if norm == "batch" else nn.Identity

        self.head = nn.Sequential(nn.Conv2d(3, width, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(
            *(DenseGroup(width, growth) if growth else ResidualBlock(width, make_norm) for _ in range(blocks)),
            nn.Conv2d(width, width, 3, padding=1),
            make_norm(width),
        )
        doublings = scale.bit_length() - 1  # 2 -> 1, 4 -> 2, 8 -> 3
        self.upsample = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU())
                for _ in range(doublings)
            )
        )
        self.tail = nn.Conv2d(width, 3, 9, padding=4)

    @property
    def reach(self) -> float:
        """The distance, in LR pixels, up to which a result depends on its surroundings: 39.5 for the paper's network."""
        doublings = len(self.upsample)
        # head; two or fifteen convolutions per block; the long skip's; one per doubling, each on pixels half as large; tail
        return 4 + (15 if self.growth else 2) * self.blocks + 1 + sum(2.0**-d for d in range(doublings)) + 4 / self.scale

    @torch.no_grad()
    def initialize(self) -> None:
        """Pass-through initialization: the paper's generator, unchanged, computes bilinear enlargement before its first update.

        It matters most in short runs: after 600 updates it was 1.8 dB (Set5) ahead of PyTorch's default. Three channels carry
        R, G and B from head to tail; every residual branch starts at zero; other weights stay random. A generator with fewer
        than three channels has no room for this and is left unchanged."""
        if self.width < 3:
            return
        colors, head, tail = range(3), self.head[0], self.tail
        head.weight[:3], head.bias[:3] = 0, 0
        head.weight[colors, colors, 4, 4] = 1
        *blocks, last, norm = self.body
        ends = [layer for block in blocks for layer in block.ends]
        for layer in (*ends, norm if isinstance(norm, nn.BatchNorm2d) else last):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        # PixelShuffle takes output channel c at (row, column) of each 2x2 cell from its input channel 4c + 2 row + column.
        kernels = torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.75, 0.25]])  # x2 bilinear: first and second pixel of a cell
        for conv, *_ in self.upsample:
            conv.weight[:12], conv.bias[:12] = 0, 0
            for row in range(2):
                for column in range(2):
                    conv.weight[range(2 * row + column, 12, 4), colors] = torch.outer(kernels[row], kernels[column])
        tail.weight *= 0.1
        tail.weight[:, :3] = 0
        tail.weight[colors, colors, 4, 4] = 1
        nn.init.zeros_(tail.bias)

    def to_graph(self) -> list | None:
        """The same function as a list of steps (graph.Step), which is cheaper to compute; None if a subclass computes another."""
        if any(getattr(type(self), name) is not getattr(SRGANGenerator, name) for name in ("forward", "maps", "enlarged")):
            return None
        from srgan_hub.models.srresnet.graph import inference_graph  # late: it imports this module

        return inference_graph(self)

    def forward(self, lr: Tensor) -> Tensor:
        return self.enlarged(self.maps(lr))

    def maps(self, lr: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 64, H, W): 16 residual blocks, one long skip."""
        shallow = self.head(lr)
        return shallow + self.body(shallow)

    def enlarged(self, maps: Tensor) -> Tensor:
        """(N, 64, H, W) -> (N, 3, 4H, 4W)."""
        return self.tail(self.upsample(maps))
