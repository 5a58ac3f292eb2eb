"""SRGAN generator (SRResNet): low-resolution RGB in [0, 1] -> RGB, nominally in [0, 1], `scale` times larger.

Ledig et al. 2017, arXiv:1609.04802, Figure 4 (top). Departures: none. `norm="none"` leaves BatchNorm out."""

from __future__ import annotations

from huggingface_hub import ModelCard
from torch import Tensor, nn

from srgan_hub.card import new_card
from srgan_hub.loading import StrictHubMixin, hub_name

MOST = 1024  # channels, and blocks: a file that asks for more is no generator


class ResidualBlock(nn.Module):
    def __init__(self, width: int, norm: type[nn.Module]):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.norm1 = norm(width)
        self.act = nn.PReLU()  # one slope a layer, shared by its channels
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.norm2 = norm(width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm2(self.conv2(self.act(self.norm1(self.conv1(x)))))


class SRGANGenerator(
    nn.Module,
    StrictHubMixin,
    library_name="srgan_hub",
    license="other",  # the weights' licence follows the data they were trained on, not the code's
    pipeline_tag="image-to-image",
    tags=["super-resolution", "srgan"],
    paper_url="https://arxiv.org/abs/1609.04802",
):
    """(N, 3, H, W) RGB in [0, 1] -> (N, 3, scale * H, scale * W), nominally in [0, 1], not clamped.

    The defaults are the paper's network, 1,549,462 parameters; its receptive field reaches 39.5 LR pixels.
    scale: 2, 4 or 8; width: channels; blocks: residual blocks; norm: "batch" or "none"; partner: bundled name or Hub id of
    the checkpoint that this one was trained on from, with which it can be blended. Raises ValueError for others.
    """

    def __init__(self, scale: int = 4, width: int = 64, blocks: int = 16, norm: str = "batch", partner: str | None = None):
        super().__init__()
        if type(scale) is not int or scale not in (2, 4, 8):
            raise ValueError(f"scale must be 2, 4 or 8, got {scale!r}")
        for name, value in (("width", width), ("blocks", blocks)):
            if type(value) is not int or not 1 <= value <= MOST:
                raise ValueError(f"{name} must be a whole number from 1 to {MOST}, got {value!r}")
        if norm not in ("batch", "none"):
            raise ValueError(f"norm must be 'batch' or 'none', got {norm!r}")
        if partner is not None and not isinstance(partner, str):
            raise ValueError(f"partner must be the name of a checkpoint, got {partner!r}")
        self.scale, self.width, self.blocks, self.norm, self.partner = scale, width, blocks, norm, partner
        make_norm = nn.BatchNorm2d if norm == "batch" else nn.Identity

        self.head = nn.Sequential(nn.Conv2d(3, width, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(
            *(ResidualBlock(width, make_norm) for _ in range(blocks)),
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
        """LR pixels to which a result's surroundings matter: 39.5 for the paper's network."""
        doublings = len(self.upsample)
        # head, two convolutions a block, the long skip's; one a doubling, each on pixels half as large; tail
        return 4 + 2 * self.blocks + 1 + sum(2.0**-d for d in range(doublings)) + 4 / self.scale

    @property
    def shape(self) -> dict[str, int | str]:
        """What a checkpoint's config.json says of the architecture."""
        return {name: getattr(self, name) for name in ("scale", "width", "blocks", "norm")}

    def generate_model_card(self, source: str = "user/name") -> ModelCard:
        """The card that save_pretrained writes where there is none; source: what from_pretrained will take."""
        words = ", ".join(f"{name} {value}" for name, value in self.shape.items())
        base = hub_name(self.partner) or ""
        return ModelCard(new_card(source.rpartition("/")[2], source, self.scale, words, base_model=base))

    def forward(self, lr: Tensor) -> Tensor:
        shallow = self.head(lr)                # (N, 3, H, W)  -> (N, 64, H, W)
        deep = shallow + self.body(shallow)    # 16 residual blocks, one long skip
        return self.tail(self.upsample(deep))  # (N, 64, H, W) -> (N, 3, 4H, 4W)
