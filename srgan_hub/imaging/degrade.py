"""Stand-in until the merge."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from srgan_hub.imaging.resize import downsample

Degradation = Callable[[Tensor, int, np.random.Generator], Tensor]


def bicubic(hr: Tensor, scale: int, rng: np.random.Generator) -> Tensor:
    return downsample(hr, scale)


DEGRADATIONS = {"bicubic": bicubic}
