import numpy as np
import pytest
from PIL import Image

from conftest import encoded, flat, smooth_photo, write_files, write_shard
from srgan_hub.data.benchmarks import perceptual_hash
from srgan_hub.data.held_out import open_photos, open_streamed, spread
from srgan_hub.data.sources import fetch
from srgan_hub.imaging.resize import crop_to_multiple

pytestmark = pytest.mark.usefixtures("datasets_cache")


@pytest.fixture
def opened(tmp_path):
    """open_photos, with what a test says nothing of."""

    def call(dataset, **options):
        defaults = dict(split="train", validation="auto", count=16, cache_dir=tmp_path / "cache")
        return open_photos(str(dataset), **defaults | options)

    return call


@pytest.fixture
def streamed(tmp_path):
    def call(dataset, **options):
        defaults = dict(split="train", validation="auto", count=16, cache_dir=tmp_path / "cache")
        return open_streamed(str(dataset), **defaults | options)

    return call


def shards(folder, **splits):
    """Flat photographs by their greys, as parquet splits."""
    for split, greys in splits.items():
        write_shard(folder / f"{split}-0.parquet", [flat(grey) for grey in greys])
    return folder


def greys(photos):
    return [int(photo.max()) for photo in photos]


def sets(folder, scale, *names):
    """Benchmark sets of one picture each: (HR, LR) of random pixels."""
    rng, made = np.random.default_rng(scale), {}
    for name in names:
        lr = rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)
        hr = rng.integers(0, 256, (12 * scale + 1, 10 * scale, 3), dtype=np.uint8)
        made[name] = (lr, hr)
        files = {f"{name}/HR/a.png": hr, f"{name}/LR_x{scale}/a.png": lr}
        write_files(folder, {path: encoded(Image.fromarray(pixels)) for path, pixels in files.items()})
    return made


def test_the_validation_split_is_held_out_and_all_others_are_trained_on(tmp_path, opened):
    cache, numbers, held = opened(shards(tmp_path / "d", train=range(1, 8), validation=range(101, 141)), count=8)
    assert greys(cache[i] for i in numbers) == list(range(1, 8))
    assert len(held.photos) == 8 and set(greys(held.photos)) <= set(range(101, 141))
    assert np.diff(greys(held.photos)).tolist() == [5] * 7  # from all over the split
    assert held.pairs == [] and held.words == "split validation"


@pytest.mark.parametrize(
    ("photographs", "count", "held"), [(200, 16, 10), (200, 4, 4), (39, 16, 1), (1, 16, 0)]
)
def test_without_such_a_split_a_twentieth_is_kept_from_training(tmp_path, opened, photographs, count, held):
    cache, numbers, out = opened(shards(tmp_path / "d", train=range(1, photographs + 1)), count=count)
    trained, kept = greys(cache[i] for i in numbers), greys(out.photos)
    assert len(kept) == held and out.words == "kept from training"
    assert sorted(trained + kept) == list(range(1, photographs + 1))  # so none is in both
    if held > 1:
        assert set(np.diff(kept)) == {photographs // held}
    again = opened(tmp_path / "d", count=count)
    assert (again[1], greys(again[2].photos)) == (numbers, kept)


def test_nothing_is_held_out_if_that_is_asked_for(tmp_path, opened, streamed):
    folder = shards(tmp_path / "d", train=range(1, 41), validation=[99])
    cache, numbers, held = opened(folder, validation="none")
    assert greys(cache[i] for i in numbers) == list(range(1, 41))
    assert held == ([], [], "") == streamed(folder, validation="none")[1]


def test_another_split_by_its_name(tmp_path, opened, streamed):
    folder = shards(tmp_path / "d", train=[1, 2], validation=[3], test=[4, 5])
    for held in (opened(folder, validation="test")[2], streamed(folder, validation="test")[1]):
        assert (greys(held.photos), held.words) == ([4, 5], "split test")
    cache, numbers, held = opened(folder, split="test", validation="train")
    assert (greys(cache[i] for i in numbers), greys(held.photos)) == ([4, 5], [1, 2])


def test_who_trains_on_the_validation_split_is_not_measured_on_it(tmp_path, opened):
    cache, numbers, held = opened(shards(tmp_path / "d", train=[1], validation=range(2, 42)), split="validation")
    assert held.words == "kept from training" and len(held.photos) == 2
    assert not set(greys(cache[i] for i in numbers)) & set(greys(held.photos))


def test_a_folder_of_benchmark_sets_gives_pairs_of_that_scale(tmp_path, opened, streamed):
    scale = 2
    folder, made = shards(tmp_path / "d", train=range(40)), sets(tmp_path / "bench", scale, "Set14", "Set5")
    _, numbers, held = opened(folder, validation=str(tmp_path / "bench"), scale=scale)
    assert numbers == list(range(40)) and held.photos == []
    assert held.words == "of Set5, Set14"
    for (name, lr, hr), of in zip(held.pairs, ("Set5", "Set14"), strict=True):
        assert name == "a" and np.array_equal(lr, made[of][0])
        assert np.array_equal(hr, crop_to_multiple(made[of][1], scale))
    one = streamed(folder, validation=str(tmp_path / "bench" / "Set5"), scale=scale)[1]
    assert one.words == "of Set5" and len(one.pairs) == 1 and np.array_equal(one.pairs[0][2], held.pairs[0][2])


def test_a_folder_of_images_or_shards(tmp_path, opened, streamed, monkeypatch):
    folder = shards(tmp_path / "d", train=range(1, 41))
    write_files(tmp_path / "photos", {f"{grey}.png": flat(grey) for grey in (101, 102)})
    shards(tmp_path / "shards", train=[101], validation=[102])
    for call in (lambda *args, **more: opened(*args, **more)[2], lambda *args, **more: streamed(*args, **more)[1]):
        held = call(folder, validation=str(tmp_path / "photos"))
        assert (sorted(greys(held.photos)), held.pairs, held.words) == ([101, 102], [], "of photos")
        assert greys(call(folder, validation=str(tmp_path / "shards")).photos) == [102]
        assert len(call(folder, validation=str(tmp_path / "photos"), count=1).photos) == 1
    assert len(opened(folder, validation=str(tmp_path / "photos"))[1]) == 40
    monkeypatch.chdir(tmp_path / "photos")
    assert opened(folder, validation=".")[2].words == "of photos"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert opened(folder, validation="~/photos")[2].words == "of photos"


def test_what_is_not_there_is_one_sentence(tmp_path, opened, streamed):
    folder = shards(tmp_path / "d", train=[1, 2], test=[3])
    (tmp_path / "empty").mkdir()
    sets(tmp_path / "bench", 4, "Set5")
    for call in (opened, streamed):
        for options, words in [
            (dict(validation="valid"), r"valid: neither another split of the dataset \(it has test, train\), nor a folder"),
            (dict(validation="train"), "--validation train: neither another split"),
            (dict(validation="~unheard-of/photos"), "--validation ~unheard-of/photos: neither another split"),
            (dict(validation=str(tmp_path / "empty")), "empty' cannot be loaded: .* any data"),
            (dict(split="nothing"), "d has no split 'nothing'; it has: test, train"),
        ]:
            with pytest.raises(ValueError, match=words) as caught:
                call(folder, **options)
            assert "\n" not in str(caught.value)


def test_a_stream_holds_out_what_is_named_and_nothing_by_itself(tmp_path, streamed):
    folder = write_files(tmp_path / "d", {f"train/{grey}.png": flat(grey) for grey in range(1, 41)})
    stream, held = streamed(folder)
    assert held == ([], [], "")
    assert len({fetch(row["image"]) for row in stream}) == 40
    valid = {f"validation/{n}.png": image for n, image in enumerate([flat(101), b"damaged", flat(103), flat(104)])}
    stream, held = streamed(write_files(folder, valid), count=3)
    assert (greys(held.photos), held.words) == ([101, 103], "split validation")
    assert len(list(stream)) == 40


def test_the_source_is_found_by_configuration_pattern_and_column(tmp_path, opened, streamed):
    folder = write_files(tmp_path / "d", {f"{kind}/{n}.png": flat(n) for kind in ("HR", "LR") for n in range(4)})
    assert len(opened(folder, data_files="HR/*")[0]) == 4
    assert len(list(streamed(folder, data_files="HR/*")[0])) == 4
    write_shard(tmp_path / "pair" / "0.parquet", [flat(1), flat(2)], column="a", b=[b"text", b"text"])
    cache, numbers, held = opened(tmp_path / "pair", column="a", config=None, data_files=None)
    assert greys([cache[0], *held.photos]) == [1, 2] and numbers == [0]


@pytest.mark.parametrize(("length", "wanted"), [(10, 3), (5, 9), (800, 16), (0, 4), (4, 0)])
def test_spread_is_even_and_without_repeats(length, wanted):
    numbers = spread(length, wanted)
    assert len(numbers) == min(length, wanted) == len(set(numbers))
    assert numbers == sorted(numbers) and all(0 <= n < length for n in numbers)
    if len(numbers) > 1:
        assert max(np.diff(numbers)) - min(np.diff(numbers)) <= 1
        assert abs(numbers[0] - (length - 1 - numbers[-1])) <= 1  # centred


def test_benchmark_images_are_not_trained_on(tmp_path, opened, monkeypatch, caplog):
    pictures = [smooth_photo(64, 48, seed) for seed in range(5)]
    write_shard(tmp_path / "d" / "train-0.parquet", [encoded(picture) for picture in pictures])
    copies = {"Set5 woman": perceptual_hash(np.asarray(pictures[1])), "Set14 man": perceptual_hash(np.asarray(pictures[3]))}
    monkeypatch.setattr("srgan_hub.data.benchmarks.known_hashes", lambda: copies)
    cache, numbers, _ = opened(tmp_path / "d", validation="none")
    assert len(cache) == 5 and numbers == [0, 2, 4]
    assert "left out 2 photographs that are benchmark images: Set5 woman, Set14 man" in caplog.text


