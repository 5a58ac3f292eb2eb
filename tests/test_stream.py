import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import client, encoded, flat, smooth_photo, write_files, write_shard
from srgan_hub.data import stream as module
from srgan_hub.data.benchmarks import perceptual_hash
from srgan_hub.data.cache import decode
from srgan_hub.data.sources import open_stream
from srgan_hub.data.stream import StreamPatches

pytestmark = pytest.mark.usefixtures("datasets_cache", "one_thread")

CUT = dict(crop=16, margin=4, batch_size=3)


@pytest.fixture
def small_window(monkeypatch):
    monkeypatch.setattr(module, "WINDOW", 4)
    monkeypatch.setattr(module, "NEW_EVERY", 2)


def noise(count):
    rng = np.random.default_rng(count)
    return [encoded(Image.fromarray(rng.integers(0, 256, (17 + n, 30 - n, 3), dtype=np.uint8))) for n in range(count)]


def as_shards(folder, images, shards=3):
    for n in range(shards):
        write_shard(folder / "data" / f"train-{n}.parquet", images[len(images) * n // shards : len(images) * (n + 1) // shards])
    return folder


def as_files(folder, images):
    return write_files(folder, {f"train/{n // 3}/{n:02d}.png": image for n, image in enumerate(images)})


def patches(folder, **options):
    return StreamPatches(open_stream(str(folder), "train"), **{**CUT, **options})


def greys(batches):
    """Of patches of flat photographs: which photographs they are."""
    return {int(crop.max()) for batch in batches for crop in batch}


@pytest.mark.parametrize(("layout", "rank", "world"), [(as_shards, 0, 1), (as_files, 1, 2)])
def test_a_run_resumes_exactly_from_every_batch(tmp_path, layout, rank, world, small_window):
    """Over more than two rounds, with small and damaged images among the others; also a run that is resumed again and again."""
    images = noise(7)
    for place, image in {0: b"damaged", 3: flat(1, 8, 90), 6: b"", 9: b"damaged"}.items():
        images.insert(place, image)
    folder, share = layout(tmp_path, images), dict(rank=rank, world=world, seed=5)
    run, batches, states = patches(folder, **share), [], []
    for k in range(40):
        states.append(pickle.dumps(run.state()))
        batches.append(run.batch(k))
    assert len({batch.numpy().tobytes() for batch in batches}) == 40
    left = states[0]
    for k in range(0, 36, 3):
        resumed = patches(folder, **share, state=pickle.loads(states[k]))
        assert all(torch.equal(resumed.batch(n), batches[n]) for n in range(k, k + 4))
        chained = patches(folder, **share, state=pickle.loads(left))
        assert all(torch.equal(chained.batch(n), batches[n]) for n in range(k, k + 3))
        left = pickle.dumps(chained.state())


@pytest.mark.parametrize("layout", [as_shards, as_files])
def test_ranks_have_different_photographs_and_together_all(tmp_path, layout, small_window):
    folder = layout(tmp_path, [flat(value) for value in range(1, 10)])
    ranks = [patches(folder, rank=rank, world=2) for rank in range(2)]
    one, other = (greys(rank.batch(k) for k in range(30)) for rank in ranks)
    assert not one & other
    assert one | other == set(range(1, 10))


@pytest.mark.parametrize("count", [1, 70])
def test_fewer_photographs_than_the_window_go_round(tmp_path, count):
    run = patches(as_shards(tmp_path, [flat(value) for value in range(1, count + 1)], shards=1), batch_size=8)
    assert greys(run.batch(k) for k in range(60)) == set(range(1, count + 1))


def test_the_window_slides_by_one_photograph_after_some_batches(tmp_path, small_window):
    run = patches(as_shards(tmp_path, [flat(value) for value in range(10)]), batch_size=40)
    for k in range(50):
        oldest = k // 2
        assert greys([run.batch(k)]) == {n % 10 for n in range(oldest, oldest + 4)}


def test_crops_lie_anywhere_in_the_photograph_with_its_mirrored_surroundings(tmp_path):
    height, width, margin = 22, 19, 4
    photo = np.stack([*np.mgrid[:height, :width], np.zeros((height, width))], -1).astype(np.uint8)  # (row, column, 0)
    mirrored = np.pad(photo, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    run, wanted = patches(as_files(tmp_path, [encoded(Image.fromarray(photo))]), batch_size=100), {}
    for y in range(height - 15):
        for x in range(width - 15):
            piece = mirrored[y : y + 24, x : x + 24]
            for n in range(8):
                turned = piece[:: 1 - 2 * (n & 1), :: 1 - (n & 2)]
                wanted[(turned.transpose(1, 0, 2) if n & 4 else turned).tobytes()] = (y, x, n)
    found = [wanted[crop.permute(1, 2, 0).numpy().tobytes()] for k in range(10) for crop in run.batch(k)]
    assert {place[:2] for place in found} == {(y, x) for y in range(7) for x in range(4)}
    assert {n for *_, n in found} == set(range(8))


def test_small_and_damaged_images_are_passed_over_and_counted(tmp_path, caplog):
    images = [flat(1), b"damaged", flat(2, 15, 90), flat(3, 90, 15), flat(4, 16, 16), None]
    run = patches(as_shards(tmp_path, images))
    assert greys(run.batch(k) for k in range(20)) == {1, 4}
    message = "skipped 2 images that cannot be read and 2 smaller than a crop"
    assert {record.getMessage() for record in caplog.records} == {message}


def test_benchmark_images_are_passed_over(tmp_path, monkeypatch, caplog):
    image = encoded(smooth_photo(40, 30))
    monkeypatch.setattr("srgan_hub.data.benchmarks.known_hashes", lambda: {"Set5 woman": perceptual_hash(decode(image))})
    run = patches(as_shards(tmp_path, [flat(1), image, flat(2)]))
    assert greys(run.batch(k) for k in range(20)) == {1, 2}
    assert {record.getMessage() for record in caplog.records} == {"skipped 1 benchmark images, which are reserved for measuring"}
    as_shards(tmp_path / "one", [image], shards=1)
    with pytest.raises(ValueError, match=r"\(0 are smaller, 0 cannot be read, 1 are benchmark images\)"):
        patches(tmp_path / "one")


def test_no_usable_image_is_a_sentence(tmp_path):
    as_shards(tmp_path / "bad", [b"damaged", flat(2, 15, 90), flat(3, 9, 9)])
    with pytest.raises(ValueError, match=r"stream holds no image as large as a 16x16 crop \(2 are smaller, 1 cannot be read"):
        patches(tmp_path / "bad")
    as_shards(tmp_path / "one", [flat(1)], shards=1)
    assert greys([patches(tmp_path / "one", rank=0, world=2).batch(0)]) == {1}
    with pytest.raises(ValueError, match=r"share 2 of 2 of the stream holds no image .* \(0 are smaller, 0 cannot be read\)"):
        patches(tmp_path / "one", rank=1, world=2)


def test_an_image_that_is_away_stops_the_run(tmp_path):
    stream = open_stream(str(as_files(tmp_path, [flat(1), flat(2)])), "train")
    (tmp_path / "train/0/01.png").unlink()
    with pytest.raises(ValueError, match=r"01\.png cannot be read \(No such file or directory\)"):
        StreamPatches(stream, **CUT)


def test_a_stream_of_the_hub_resumes_exactly(hub, tmp_path):
    """Shards and loose files, by the repository's id; the second process knows the first only by the state it left."""
    images = noise(9)
    shards = as_shards(tmp_path / "shards", images).glob("data/*")
    hub.seed("dataset", "lab/shards", {f"data/{path.name}": path.read_bytes() for path in shards})
    hub.seed("dataset", "lab/files", {f"train/{n}.png": image for n, image in enumerate(images)})
    code = (
        "import hashlib, pickle, sys\n"
        "from pathlib import Path\n"
        "from srgan_hub.data import stream\n"
        "from srgan_hub.data.sources import open_stream\n"
        "stream.WINDOW, stream.NEW_EVERY = 4, 1\n"
        "for id in ('lab/shards', 'lab/files'):\n"
        "    file = Path(sys.argv[1], id.replace('/', '-'))\n"
        "    state = pickle.loads(file.read_bytes()) if file.exists() else None\n"
        "    run = stream.StreamPatches(open_stream(id, 'train'), crop=16, margin=4, batch_size=3, state=state)\n"
        "    for k in range(7 if state else 0, 14):\n"
        "        if k == 7: file.write_bytes(pickle.dumps(run.state()))\n"
        "        print(id, k, hashlib.sha256(run.batch(k).numpy().tobytes()).hexdigest())\n"
    )
    first, second = (client(hub, "-c", code, tmp_path, cold=cold) for cold in (False, True))
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    lines = first.stdout.splitlines()
    assert len(set(lines)) == 28
    assert second.stdout.splitlines() == [line for line in lines if int(line.split()[1]) >= 7]
    by_kind = [[line.split()[2] for line in lines if line.startswith(id)] for id in ("lab/shards", "lab/files")]
    assert by_kind[0] == by_kind[1]  # the same photographs in the same order
