import threading
import time

import numpy as np
import pytest
import torch

from conftest import cached, smooth_photo
from srgan_hub.data.patches import Degraded, Loader, Patches, inside
from srgan_hub.imaging.resize import downsample

pytestmark = pytest.mark.usefixtures("one_thread")


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


@pytest.mark.parametrize(("scale", "margin"), [(2, 4), (4, 8), (4, 16), (8, 16)])
@pytest.mark.parametrize("degrade", [bicubic, noisy])
def test_batches_are_those_computed_directly(photos, scale, margin, degrade):
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


@pytest.mark.parametrize("broken", [0, 3])
def test_an_exception_in_the_thread_reaches_the_caller_at_its_batch(broken):
    batches = Loader(Degraded(Numbered(broken), bicubic, 4)).batches(0, 6)
    for k in range(broken):
        assert (next(batches).hr == k).all()
    with pytest.raises(ValueError, match=f"batch {broken} is broken"):
        next(batches)


def test_no_batches_and_a_loop_that_is_left_early():
    patches = Numbered()
    assert list(Loader(Degraded(patches, bicubic, 4)).batches(3, 3)) == []
    assert patches.made == 0
    before = threading.active_count()
    for batch in Loader(Degraded(patches, bicubic, 4)).batches(3, 1000):
        assert (batch.hr == 3).all()
        break
    assert patches.made <= 2
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_waiting_is_measured():
    class Slow(Numbered):
        def batch(self, k):
            time.sleep(0.3)
            return super().batch(k)

    patches, waited = Slow(), []
    for k, batch in enumerate(Loader(Degraded(patches, bicubic, 4)).batches(0, 3)):
        waited.append(batch.waited)
        while patches.made < min(k + 2, 3):  # the networks work meanwhile
            time.sleep(0.001)
    assert waited[0] >= 0.29 and max(waited[1:]) < 0.2


def test_a_crop_must_be_a_multiple_of_the_scale(photos):
    for crop, scale in ((30, 4), (36, 8)):
        with pytest.raises(ValueError, match=f"--crop must be a multiple of the scale {scale}, got {crop}"):
            Degraded(Patches(photos, range(3), crop=crop, margin=16, batch_size=1), bicubic, scale)


@pytest.mark.parametrize("margin", [0, 1, 4])
def test_inside_cuts_all_four_sides(margin):
    image = torch.arange(2 * 3 * 10 * 12).reshape(2, 3, 10, 12)
    padded = torch.nn.functional.pad(image, (margin,) * 4, value=-1)
    assert torch.equal(inside(padded, margin), image)


def test_device_without_float64_gets_ready_batches():
    """Such are Apple's GPUs: the degradation runs on the CPU."""
    seen = []

    def spy(hr, scale, rng):
        seen.append(hr.device.type)
        return bicubic(hr, scale, rng)

    (batch,) = Loader(Degraded(Numbered(), spy, 4, "meta"), "meta").batches(0, 1)
    assert seen == ["cpu"]
    assert batch.lr.device.type == batch.hr.device.type == "meta"
