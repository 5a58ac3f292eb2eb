from functools import cache

import numpy as np
import pytest
import torch

from conftest import cached
from srgan_hub.data.cache import MARGIN
from srgan_hub.data.patches import Patches, inside, turned
from srgan_hub.imaging.resize import crop_to_multiple, downsample

pytestmark = pytest.mark.usefixtures("one_thread")

SIZES = [(50, 61), (48, 48), (53, 40)]
FLIPS = [(x, y, t) for x in (0, 1) for y in (0, 1) for t in (0, 1)]


def noise():
    rng = np.random.default_rng(7)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]


def coordinates():
    """Photographs whose pixels say where they are: (row, column, number)."""
    return [np.stack([*np.mgrid[:height, :width], np.full((height, width), n)], -1).astype(np.uint8)
            for n, (height, width) in enumerate(SIZES)]  # fmt: skip


def turn(image, flips):
    """(H, W, 3) mirrored left to right, top to bottom, transposed."""
    mirror_x, mirror_y, transpose = flips
    image = image[:, ::-1] if mirror_x else image
    image = image[::-1] if mirror_y else image
    return image.transpose(1, 0, 2) if transpose else image


def places(patches, batches):
    """[(photograph, flips, row, column in the turned photograph)], found from the patches of coordinates() alone."""
    found = []
    for k in range(batches):
        for crop in inside(patches.batch(k), patches.margin).permute(0, 2, 3, 1).numpy():
            number = int(crop[0, 0, 2])
            for flips in FLIPS:
                whole = turn(coordinates()[number], flips)
                (y,), (x,) = np.nonzero((whole == crop[0, 0]).all(2))
                if np.array_equal(whole[y : y + patches.crop, x : x + patches.crop], crop):
                    found.append((number, flips, int(y), int(x)))
    assert len(found) == batches * patches.batch_size
    return found


@pytest.mark.parametrize(("scale", "crop", "margin"), [(2, 24, 4), (4, 24, 8), (4, 24, MARGIN), (8, 32, 16)])
def test_lr_is_that_crop_of_the_whole_photo_shrunk_at_its_phase(tmp_path, scale, crop, margin):
    """The same seed cuts `coordinates()` and `noise()` alike, as they are of the same sizes. The whole photograph, turned as
    the patch is and mirrored at its border, is shrunk from the row and column of the patch's phase on."""
    photos, cut = noise(), dict(crop=crop, margin=margin, batch_size=16, seed=3)
    where = places(Patches(cached(coordinates(), tmp_path / "where"), range(3), **cut), 8)
    patches = Patches(cached(photos, tmp_path / "what"), range(3), **cut)

    @cache
    def shrunk(number, flips, *phase):
        mirrored = np.pad(turn(photos[number], flips), ((16, 16), (16, 16), (0, 0)), mode="symmetric")[phase[0] :, phase[1] :]
        return downsample(torch.from_numpy(crop_to_multiple(mirrored, scale).copy()).permute(2, 0, 1), scale)

    size, edges = crop // scale, 0
    for (number, flips, y, x), around in zip(where, (patch for k in range(8) for patch in patches.batch(k)), strict=True):
        hr, lr = inside(around, margin), inside(downsample(around, scale), margin // scale)
        whole = turn(photos[number], flips)
        assert np.array_equal(hr.permute(1, 2, 0), whole[y : y + crop, x : x + crop])
        top, left = (16 + y) // scale, (16 + x) // scale
        assert torch.equal(lr, shrunk(number, flips, y % scale, x % scale)[:, top : top + size, left : left + size])
        edges += y == 0 or x == 0 or y + crop == whole.shape[0] or x + crop == whole.shape[1]
    assert edges > 10


def test_lr_at_the_edge_of_a_photo_is_that_of_the_photo_alone(tmp_path):
    """Without phase, no mirrored surroundings are needed: `downsample` has its own."""
    photo = noise()[1]
    patches = Patches(cached([photo], tmp_path), [0], crop=48, margin=8, batch_size=16)
    for around in patches.batch(0):
        hr = inside(around, 8)
        assert torch.equal(inside(downsample(around, 4), 2), downsample(hr, 4))


def test_all_photos_phases_orientations_and_places_occur(tmp_path):
    found = places(Patches(cached(coordinates(), tmp_path), range(3), crop=24, margin=0, batch_size=50), 16)
    assert {number for number, *_ in found} == {0, 1, 2}
    assert {(y % 4, x % 4) for _, _, y, x in found} == {(y, x) for y in range(4) for x in range(4)}
    assert {flips for _, flips, *_ in found} == set(FLIPS)
    upright = [(y, x) for number, flips, y, x in found if number == 1 and flips == (0, 0, 0)]
    assert {(y == 0, y == 24) for y, _ in upright} == {(True, False), (False, True), (False, False)}  # the first and last row too


def test_only_the_photos_named_are_cut(tmp_path):
    found = places(Patches(cached(coordinates(), tmp_path), [2, 0], crop=24, margin=0, batch_size=40), 2)
    assert {number for number, *_ in found} == {0, 2}


def test_batch_depends_on_seed_and_number_alone(tmp_path):
    photos, cut = cached(noise(), tmp_path), dict(crop=24, margin=8, batch_size=4)
    one, two, other = (Patches(photos, range(3), **cut, seed=seed) for seed in (5, 5, 6))
    for k in (3, 0, 9):
        one.batch(k)  # what was drawn before does not matter
    assert torch.equal(one.batch(7), two.batch(7))
    assert not torch.equal(one.batch(7), other.batch(7))
    assert not torch.equal(one.batch(7)[1:], other.batch(7)[:-1])  # nor the same a patch later
    assert not torch.equal(one.batch(7), one.batch(8))
    assert one.state() == {}


@pytest.mark.parametrize("world", [1, 2, 3])
def test_ranks_together_have_the_batch_of_one_process(tmp_path, world):
    photos = cached(noise(), tmp_path)
    alone = Patches(photos, range(3), crop=24, margin=4, batch_size=4 * world, seed=1)
    ranks = [Patches(photos, range(3), crop=24, margin=4, batch_size=4, seed=1, rank=r, world=world) for r in range(world)]
    for k in (0, 1, 50):
        assert torch.equal(torch.cat([patches.batch(k) for patches in ranks]), alone.batch(k))


def test_a_batch_is_whole_bytes_of_rgb(tmp_path):
    batch = Patches(cached(noise(), tmp_path), range(3), crop=24, margin=8, batch_size=5).batch(0)
    assert batch.shape == (5, 3, 40, 40) and batch.dtype == torch.uint8
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_a_photo_exactly_as_large_as_the_crop_is_used_whole(tmp_path):
    photo = noise()[1]
    patches = Patches(cached([photo], tmp_path), [0], crop=48, margin=MARGIN, batch_size=8)
    mirrored = np.pad(photo, ((16, 16), (16, 16), (0, 0)), mode="symmetric")
    wanted = {turn(mirrored, flips).tobytes() for flips in FLIPS}
    assert {crop.permute(1, 2, 0).numpy().tobytes() for k in range(10) for crop in patches.batch(k)} == wanted


def test_small_photos_are_left_out_with_one_counted_warning(tmp_path, caplog):
    photos = cached([*noise(), np.zeros((23, 90, 3), np.uint8), np.zeros((90, 10, 3), np.uint8)], tmp_path)
    patches = Patches(photos, range(5), crop=24, margin=8, batch_size=4)
    assert patches.photos == [0, 1, 2]
    assert [record.getMessage() for record in caplog.records] == ["left out 2 images smaller than a 24x24 crop"]
    assert all(batch.any() for k in range(20) for batch in patches.batch(k))
    with pytest.raises(ValueError, match=r"no image is as large as a 49x49 crop \(3 are smaller\); use a smaller --crop"):
        Patches(photos, [1, 3, 4], crop=49, margin=8, batch_size=4)


def test_margin_is_at_most_what_the_cache_has(tmp_path):
    for margin in (-1, MARGIN + 1):
        with pytest.raises(ValueError, match=f"margin must be from 0 to {MARGIN}, got {margin}"):
            Patches(cached(noise(), tmp_path), range(3), crop=24, margin=margin, batch_size=4)


def test_turned_is_mirrors_and_a_transpose():
    crop = torch.randint(0, 256, (6, 6, 3), dtype=torch.uint8)
    for flips in FLIPS:
        assert np.array_equal(turned(crop, *flips), turn(crop.numpy(), flips))
