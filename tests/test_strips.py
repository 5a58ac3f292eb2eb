import numpy as np
import pytest

from srgan_hub.imaging.tiles import strips


def test_strips_are_made_as_the_rows_come():
    taken = []

    def coming():
        for number in range(4):
            taken.append(number)
            yield np.full((50, 2, 1), number, np.uint8)

    made = strips(coming(), 64)
    assert len(next(made)) == 64 and taken == [0, 1]
    assert [len(strip) for strip in made] == [64, 64, 8] and taken == [0, 1, 2, 3]
    assert list(strips([], 64)) == []


@pytest.mark.parametrize("heights", [(64, 64), (10, 20, 30, 40, 50), (1, 200, 55), (63, 1, 64), (7,)])
def test_no_row_is_lost(heights):
    rows = np.arange(sum(heights))[:, None, None]
    made = list(strips(np.split(rows, np.cumsum(heights)[:-1]), 64))
    assert np.array_equal(np.concatenate(made), rows) and {len(strip) for strip in made[:-1]} <= {64}
