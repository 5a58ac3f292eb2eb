"""What a generator is trained on, by name: the five variants of the paper's Table 1, and our own."""

from __future__ import annotations

from typing import NamedTuple


class Variant(NamedTuple):
    """Weights of the terms. Images are in [0, 1] unless a term says otherwise; every term is a mean unless it says a sum."""

    pixel: float = 0.0            # squared error on [-1, 1]
    coarse: float = 0.0           # squared error on [-1, 1] of the images shrunk by the scale
    grid: float = 0.0             # squared error on [-1, 1] of what repeats with every LR pixel
    grid_side: int = 8            # LR pixels a side of the squares in which that is looked for
    flat: float = 0.0             # squared error on [-1, 1] of surfaces of one colour
    content: float = 0.0          # distance of feature maps
    layers: tuple[str, ...] = ()  # which maps (vgg.py, efficientnet.py)
    relative: bool = False        # False: squared, features rescaled by 1/12.75; True: absolute, over the map's own size
    tv: float = 0.0               # total variation, a sum over the pixels of an image
    blocks: float = 0.0           # squared distance of the dense blocks from the teacher's, over what these change
    adversarial: float = 0.0      # 0: no discriminator
    gan: str = "standard"         # form of the adversarial loss: standard or relativistic
    lr: float = 1e-4              # Adam's peak rate
    d_lr: float | None = None     # the discriminator's; None: the same
    d_warmup: int = 0             # first updates, of the discriminator alone

    @property
    def images(self) -> bool:
        """Whether any term compares images."""
        return any((self.pixel, self.coarse, self.grid, self.content, self.tv, self.adversarial))


VARIANTS = {
    # lr 1e-3 is ten times the paper's: stable with pass-through initialisation and BatchNorm, while 2e-3 learns less
    "srresnet-mse": Variant(pixel=1.0, lr=1e-3),
    "srresnet-vgg22": Variant(content=1.0, layers=("vgg22",), tv=2e-8),
    "srgan-mse": Variant(pixel=1.0, adversarial=1e-3),
    "srgan-vgg22": Variant(content=1.0, layers=("vgg22",), adversarial=1e-3),
    "srgan-vgg54": Variant(content=1.0, layers=("vgg54",), adversarial=1e-3),
    # docs/training-log.md: several shallow layers come nearer to HR than vgg54, in every measure and by eye; their gradient
    # is about as large as the adversarial one; the standard form paints twice the grid of the relativistic one
    "srgan-plus": Variant(
        pixel=1.0, content=0.05, layers=("vgg22", "vgg34", "vgg44"), relative=True,
        adversarial=5e-3, gan="relativistic", d_warmup=50,
    ),
}  # fmt: skip
GAN_FORMS = ("standard", "relativistic")
