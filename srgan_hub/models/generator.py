"""What every trainable generator has, whatever its architecture."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import ModelCard
from torch import nn

from srgan_hub.hub.card import new_card
from srgan_hub.hub.download import CheckpointError
from srgan_hub.hub.load import StrictHubMixin, hub_name

DEFAULT = "srresnet"  # architecture of a checkpoint that names none
MOST = 1024  # channels or blocks; a file that asks for more is not a generator


class Generator(nn.Module, StrictHubMixin):
    """The contract (docs/design.md: `scale`, `reach`, `forward`), and what the trainer needs: `shape`; `tail`, the last
    convolution, with three output channels; and `initialize`.

    A subclass passes the arguments of its constructor to `describe`, which checks and keeps them."""

    architecture: str       # its name in models/registry.py
    paper: tuple[str, str]  # its name there, and the reference
    scale: int
    partner: str | None
    tail: nn.Conv2d

    def describe(self, scales: tuple[int, ...], partner: str | None, **shape: int | str) -> None:
        """Keep the arguments of the constructor as attributes. Raises ValueError for a scale that is none of `scales`, and for
        numbers other than whole ones from 1 to 1024."""
        if type(shape["scale"]) is not int or shape["scale"] not in scales:
            allowed = f"{', '.join(map(str, scales[:-1]))} or {scales[-1]}"
            raise ValueError(f"scale must be {allowed}, got {shape['scale']!r}")
        for name in shape.keys() & {"width", "blocks"}:
            if type(shape[name]) is not int or not 1 <= shape[name] <= MOST:
                raise ValueError(f"{name} must be a whole number from 1 to {MOST}, got {shape[name]!r}")
        if partner is not None and not isinstance(partner, str):
            raise ValueError(f"partner must be the name of a checkpoint, got {partner!r}")
        self.partner, self._shape = partner, tuple(shape)
        for name, value in shape.items():
            setattr(self, name, value)

    @property
    def shape(self) -> dict[str, int | str]:
        """What a checkpoint's config.json says about the network: the constructor's arguments, except `partner`."""
        return {name: getattr(self, name) for name in self._shape}

    def save_pretrained(self, save_directory: str | Path, *, config: dict | None = None, **kwargs) -> str | None:
        """As in StrictHubMixin; config.json also names the architecture, unless it is the default."""
        config = dict(config or self._hub_mixin_config)
        if self.architecture != DEFAULT:
            config["architecture"] = self.architecture
        return super().save_pretrained(save_directory, config=config, **kwargs)

    @classmethod
    def named(cls, architecture: str | None, source: str) -> type:
        """`Generator` loads every architecture; a class of one architecture only its own."""
        from srgan_hub.models.registry import ARCHITECTURES  # late: it imports this module

        name = architecture or DEFAULT
        own = getattr(cls, "architecture", None)
        if name not in ARCHITECTURES:
            raise CheckpointError(f"{source} has architecture {name!r}; this srgan_hub knows {', '.join(ARCHITECTURES)}")
        if own not in (None, name):
            raise CheckpointError(f"{source} is of architecture {name} ({ARCHITECTURES[name].__name__}); here it must be {own}")
        return cls if own else ARCHITECTURES[name]

    def initialize(self) -> None:
        """Give a network that is to be trained from scratch a better start than the constructor does, if there is one."""

    @property
    def words(self) -> str:
        """What it is, for a card."""
        name, reference = self.paper
        return f"{name} ({reference}; {', '.join(f'{key} {value}' for key, value in self.shape.items() if value)})"

    def generate_model_card(self, source: str = "user/name") -> ModelCard:
        """The card that save_pretrained writes if there is none; source: what to pass to from_pretrained."""
        base = hub_name(self.partner) or ""
        return ModelCard(new_card(source.rpartition("/")[2], source, self.scale, self.words, base_model=base))
