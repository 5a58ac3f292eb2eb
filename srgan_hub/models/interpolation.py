"""Interpolate the weights of two generators of one architecture, one fine-tuned from the other.

Along this line a fine-tuned network gains on its new kind of images much faster than it forgets the old ones (Wortsman et al.
2022, arXiv:2109.01903)."""

from __future__ import annotations

import copy

import torch

from srgan_hub.models.generator import Generator


@torch.no_grad()
def interpolate(one: Generator, other: Generator, share: float) -> Generator:
    """A new generator with (1 - share) of the weights and BatchNorm statistics of `one` plus `share` of those of `other`.

    Raises ValueError if they differ in architecture or share is not in [0, 1]."""
    if not 0 <= share <= 1:
        raise ValueError(f"share must be from 0 to 1, got {share}")
    a, b = one.state_dict(), other.state_dict()
    if {name: tensor.shape for name, tensor in a.items()} != {name: tensor.shape for name, tensor in b.items()}:
        raise ValueError("only generators of the same architecture can be blended")
    result = copy.deepcopy(one)
    mixed = {name: a[name].lerp(b[name].to(a[name]), share) if a[name].is_floating_point() else a[name] for name in a}
    result.load_state_dict(mixed)
    return result


def with_texture(generator: Generator, texture: float) -> Generator:
    """A blend of a generator's weights with those of its partner: texture 1 is the generator itself, 0 the partner.

    Raises ValueError for any number outside 0 to 1 and for a generator without a partner, and CheckpointError if the partner
    cannot be loaded."""
    if not 0 <= texture <= 1:
        raise ValueError(f"texture must be from 0 to 1, got {texture}")
    if texture == 1:
        return generator
    if not getattr(generator, "partner", None):
        raise ValueError("this checkpoint names no partner to blend with; leave texture at 1")
    return interpolate(generator, Generator.from_pretrained(generator.partner), 1 - texture)


@torch.no_grad()
def transfer(base: Generator, gan: Generator, share: float = 1.0, partner: str | None = None) -> Generator:
    """A new generator: `base` plus `share` of what adversarial training changed in `gan` (its weights minus its partner's).

    base and gan's partner must come from one training, as a network and its fine-tuned copy. Then what was learned separately
    adds up (Ilharco et al. 2023, arXiv:2212.04089), and a network for other images gets its texture without a discriminator.
    partner: name of base, for the result's configuration. Raises ValueError for a gan without a partner, for different
    architectures and for a negative share, and CheckpointError if the partner cannot be loaded."""
    if share < 0:
        raise ValueError(f"share must be 0 or more, got {share}")
    if not gan.partner:
        raise ValueError("the GAN names no partner, so what its training changed is unknown")
    before, after, weights = Generator.from_pretrained(gan.partner).state_dict(), gan.state_dict(), base.state_dict()
    if len({tuple((name, tensor.shape) for name, tensor in state.items()) for state in (before, after, weights)}) > 1:
        raise ValueError("texture can be transferred only between generators of the same architecture")
    for name, tensor in weights.items():
        if tensor.is_floating_point():
            weights[name] = tensor.float() + share * (after[name].float() - before[name].float())
            if name.endswith("running_var"):
                weights[name].clamp_(min=0)
    result = type(base)(**base.shape, partner=partner).eval()
    result.load_state_dict(weights)
    return result
