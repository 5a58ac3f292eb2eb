import numpy as np
import pytest
import torch

from conftest import smooth_photo
from srgan_hub.data.patches import Patches
from srgan_hub.imaging.resize import downsample


@pytest.fixture
def photos():
    return [np.asarray(smooth_photo(61, 50, seed=n)) for n in range(3)]


def test_lr_patch_is_that_crop_of_the_shrunk_photo(photos):
    """Every LR patch stands, after undoing its turn, somewhere in a shrunk whole photograph, with the HR patch there."""
    patches = Patches(photos, downsample, crop=24)
    for i in range(40):
        lr, hr = patches[i]
        places = []
        for turns in range(4):
            for mirror in (False, True):
                undo = lambda p: torch.rot90(p.flip(2) if mirror else p, -turns, (1, 2))  # noqa: B023, E731
                for whole_lr, whole_hr in patches.pairs:
                    windows = whole_lr.unfold(1, 6, 1).unfold(2, 6, 1)  # (3, rows, columns, 6, 6)
                    same = (windows == undo(lr)[:, None, None]).all((0, 3, 4)).nonzero().tolist()
                    places += [torch.equal(whole_hr[:, 4 * y : 4 * y + 24, 4 * x : 4 * x + 24], undo(hr)) for y, x in same]
        assert places
        assert all(places)


def test_patch_depends_on_seed_and_index_alone(photos):
    one, two, other = (Patches(photos, downsample, crop=24, seed=s) for s in (5, 5, 6))
    [one[i] for i in range(9)]  # what was drawn before does not matter
    assert all(torch.equal(a, b) for a, b in zip(one[7], two[7], strict=True))
    assert not all(torch.equal(one[i][1], other[i][1]) for i in range(5))


def test_all_eight_orientations_and_all_photos_occur(photos):
    corner = np.zeros((24, 24, 3), np.uint8)
    corner[:4, 4:12] = 255
    turned = {Patches([corner], downsample, crop=24)[i][1].numpy().tobytes() for i in range(100)}
    assert len(turned) == 8
    assert len(Patches(photos, downsample, crop=24).pairs) == 3


def test_small_photos_are_counted_and_left_out(photos, caplog):
    patches = Patches([*photos, np.zeros((10, 90, 3), np.uint8)], downsample, crop=24)
    assert len(patches.pairs) == 3
    assert "left out 1 images smaller than a 24x24 crop" in caplog.text
    with pytest.raises(ValueError, match="no image is as large as a 96x96 crop"):
        Patches(photos, downsample, crop=96)
    with pytest.raises(ValueError, match="multiple of the scale 4, got 25"):
        Patches(photos, downsample, crop=25)
