import threading
import time
from functools import cache

import numpy as np
import pytest
import torch

from conftest import cached, smooth_photo
from srgan_hub.data.cache import MARGIN
from srgan_hub.data.patches import Degraded, Loader, Patches, color_augmentation, inside
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


@pytest.mark.parametrize(("scale", "crop", "margin"), [(2, 24, 4), (4, 24, MARGIN), (8, 32, 16)])
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


def test_all_photos_phases_orientations_and_places_occur(tmp_path):
    found = places(Patches(cached(coordinates(), tmp_path), range(3), crop=24, margin=0, batch_size=50), 12)
    assert {number for number, *_ in found} == {0, 1, 2}
    assert {(y % 4, x % 4) for _, _, y, x in found} == {(y, x) for y in range(4) for x in range(4)}
    assert {flips for _, flips, *_ in found} == set(FLIPS)
    upright = [(y, x) for number, flips, y, x in found if number == 1 and flips == (0, 0, 0)]
    assert {(y == 0, y == 24) for y, _ in upright} == {(True, False), (False, True), (False, False)}  # the first and last row too


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


def test_ranks_together_have_the_batch_of_one_process(tmp_path):
    world, photos = 3, cached(noise(), tmp_path)
    alone = Patches(photos, range(3), crop=24, margin=4, batch_size=4 * world, seed=1)
    ranks = [Patches(photos, range(3), crop=24, margin=4, batch_size=4, seed=1, rank=r, world=world) for r in range(world)]
    for k in (0, 1, 50):
        assert torch.equal(torch.cat([patches.batch(k) for patches in ranks]), alone.batch(k))


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


def bicubic(hr, scale, rng):
    return downsample(hr, scale)


def noisy(hr, scale, rng):
    """Also random: whole grey levels, of that generator."""
    lr = downsample(hr, scale)
    return lr // 2 + torch.from_numpy(rng.integers(0, 100, lr.shape, dtype=np.uint8))


class Numbered:
    """Patches that remember: batch k is all k, and the state counts the batches made."""

    crop, margin, seed, rank = 8, 4, 0, 0

    def __init__(self, broken=None):
        self.made, self.broken, self.threads = 0, broken, set()

    def batch(self, k):
        if k == self.broken:
            raise ValueError(f"batch {k} is broken")
        self.made += 1
        self.threads.add(threading.get_ident())
        return torch.full((2, 3, 16, 16), k, dtype=torch.uint8)

    def state(self):
        return {"made": self.made}


@pytest.fixture
def photos(tmp_path):
    return cached([smooth_photo(60, 50, seed=n) for n in range(3)], tmp_path)


@pytest.mark.parametrize("degrade", [bicubic, noisy])
def test_batches_are_those_computed_directly(photos, degrade):
    scale, margin = 4, 8
    cut = dict(crop=32, margin=margin, batch_size=3, seed=7, rank=1, world=2)
    batches = list(Loader(Degraded(Patches(photos, range(3), **cut), degrade, scale)).batches(5, 9))
    assert len(batches) == 4
    for k, batch in enumerate(batches, start=5):
        around = Patches(photos, range(3), **cut).batch(k)
        lr = degrade(around, scale, np.random.default_rng((7, 1, k, 1)))
        cells = margin // scale
        assert torch.equal(batch.lr, lr[..., cells : cells + 32 // scale, cells : cells + 32 // scale])
        assert torch.equal(batch.hr, around[..., margin : margin + 32, margin : margin + 32])
        assert batch.lr.dtype == batch.hr.dtype == torch.uint8
        assert batch.waited >= 0


def test_randomness_depends_on_seed_rank_and_number_alone(photos):
    def batch(k, first=0, **other):
        patches = Patches(photos, range(3), **{**dict(crop=32, margin=8, batch_size=2, seed=7, rank=0, world=2), **other})
        *_, last = Loader(Degraded(patches, noisy, 4)).batches(first, k + 1)
        return last.lr - downsample(patches.batch(k), 4)[..., 2:-2, 2:-2] // 2

    assert torch.equal(batch(4), batch(4, first=3))
    others = [batch(4), batch(3), batch(4, seed=8), batch(4, rank=1)]
    assert len({other.numpy().tobytes() for other in others}) == 4


def test_state_belongs_to_the_batch_that_is_handed_out_not_to_the_one_made_ahead():
    patches = Numbered()
    for k, batch in enumerate(Loader(Degraded(patches, bicubic, 4)).batches(0, 6)):
        if k < 5:
            while patches.made < k + 2:  # the next one is made meanwhile
                time.sleep(0.001)
        assert batch.state == {"made": k + 1}
        assert (batch.hr == k).all() and (batch.lr == k).all()
    assert patches.made == 6  # and none beyond the end
    assert threading.get_ident() not in patches.threads


def test_an_exception_in_the_thread_reaches_the_caller_at_its_batch():
    batches = Loader(Degraded(Numbered(broken=3), bicubic, 4)).batches(0, 6)
    for k in range(3):
        assert (next(batches).hr == k).all()
    with pytest.raises(ValueError, match="batch 3 is broken"):
        next(batches)


def test_a_crop_must_be_a_multiple_of_the_scale(photos):
    with pytest.raises(ValueError, match="--crop must be a multiple of the scale 8, got 36"):
        Degraded(Patches(photos, range(3), crop=36, margin=16, batch_size=1), bicubic, 8)


def test_device_without_float64_gets_ready_batches():
    """Such are Apple's GPUs: the degradation runs on the CPU."""
    seen = []

    def spy(hr, scale, rng):
        seen.append(hr.device.type)
        return bicubic(hr, scale, rng)

    (batch,) = Loader(Degraded(Numbered(), spy, 4, "meta"), "meta").batches(0, 1)
    assert seen == ["cpu"]
    assert batch.lr.device.type == batch.hr.device.type == "meta"


def gray_noise(count: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(60, 190, (count, 3, 12, 12), dtype=np.uint8))


def test_share_of_images_is_changed_and_the_rest_is_not_touched():
    hr = gray_noise(400)
    before = hr.clone()
    result = color_augmentation(hr, 0.25, np.random.default_rng(0))
    changed = (result != hr).flatten(1).any(1)
    assert 70 < changed.sum() < 130
    assert torch.equal(hr, before) and result.dtype == torch.uint8
    one, again, other = (color_augmentation(hr, 0.5, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_every_corner_of_the_colours_is_met():
    result = color_augmentation(gray_noise(400), 0.999, np.random.default_rng(0))
    met = {tuple(pixel) for pixel in result.permute(0, 2, 3, 1).reshape(-1, 3).tolist()}
    assert {(r, g, b) for r in (0, 255) for g in (0, 255) for b in (0, 255)} <= met


def test_flat_ones_and_greys_are_among_them():
    result = color_augmentation(gray_noise(400), 0.999, np.random.default_rng(0)).double()
    flat = result.std((2, 3)).amax(1) < 2
    means = result.mean((2, 3))
    grey = (means.amax(1) - means.amin(1) < 8) & (means.amin(1) > 20) & (means.amax(1) < 235)
    assert 40 < flat.sum() < 300
    assert (flat & grey).any()
