import pytest

from srgan_hub.imaging.target import Target
from srgan_hub.ui.endpoints import target_of


@pytest.mark.parametrize(
    ("size", "target"),
    [("x4", Target()), ("x2", Target(scale=2)), ("x1.5", Target(scale=1.5)), ("3840", Target(longest=3840))],
)
def test_sizes_in_words(size, target):
    assert target_of(size) == target


@pytest.mark.parametrize("size", ["", "x", "large", "4x", "xx"])
def test_another_size_is_a_sentence(size):
    with pytest.raises(ValueError, match="a factor as x2, or pixels of the longer side as 3840, got"):
        target_of(size)
