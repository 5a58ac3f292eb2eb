import pytest

from srgan_hub.imaging.resize import Target
from srgan_hub.ui.api import target_of


def test_sizes_in_words():
    targets = {"full": Target(), "x2": Target(scale=2), "x1.5": Target(scale=1.5), "3840": Target(longest=3840)}
    assert {size: target_of(size) for size in targets} == targets
    for size in ("", "x", "large", "4x", "xx"):
        with pytest.raises(ValueError, match="size must be full, a factor"):
            target_of(size)
