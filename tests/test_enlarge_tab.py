import pytest

from srgan_hub.imaging.target import Target
from srgan_hub.ui.enlarge_tab import as_target, height, sample


@pytest.mark.parametrize(
    ("size", "target"), [("×4", Target()), ("×2", Target(scale=2)), ("Longest side", Target(longest=3840))]
)
def test_sizes(size, target):
    assert as_target(size, 3840.0) == target


def test_the_view_fits_a_screen():
    assert height(328) == 320
    assert height(840) == 554
    assert height(1200) == 560


def test_the_sample_is_a_pair_of_one_size():
    plain, enlarged = sample()
    assert plain.size == enlarged.size
