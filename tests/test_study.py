import json
import re
import struct
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from conftest import read
from simulated_raters import pairs, small_study
from srgan_hub.evaluation.opinion.study import Key, Study, make_study


@pytest.fixture
def made(tmp_path):
    return tmp_path / "study", *small_study(tmp_path / "study")


def public_files(folder):
    return sorted(path for path in (folder / "public").rglob("*") if path.is_file())


def chunks(content: bytes) -> list[tuple[bytes, int]]:
    """(name, length) of a PNG's chunks."""
    found, at = [], 8
    while at < len(content):
        length, name = struct.unpack(">I4s", content[at : at + 8])
        found.append((name, length))
        at += 12 + length
    return found


def test_every_image_is_there_once_by_every_method(made):
    folder, key, study = made
    wanted = {(name, f"scene{number}", method) for name in ("Set5", "Mine") for number in range(5) for method in key.methods}
    assert key.methods == ("nearest", "bicubic", "model", "HR")
    assert set(key.items.values()) == wanted
    assert len(key.items) == len(wanted)
    assert sorted(key.items) == sorted(study.items)
    assert key == Key.load(folder)
    assert key.sets == ["Set5", "Mine"]


def test_pictures_are_what_the_key_says(made):
    _, key, study = made
    for item, (name, image, method) in key.items.items():
        _, lr, hr = next(pair for pair in pairs(5, 0 if name == "Set5" else 20) if pair[0] == image)
        size = (hr.shape[1], hr.shape[0])
        wanted = Image.fromarray(hr) if method == "HR" else lr.resize(size, {"nearest": 0, "bicubic": 3, "model": 1}[method])
        assert np.array_equal(np.asarray(read(study.picture(item))), np.asarray(wanted))


def test_calibration_comes_apart_nearest_is_1_and_hr_5(made):
    _, _, study = made
    assert [example.score for example in study.calibration] == [1, 5, 1, 5]
    assert not {example.item for example in study.calibration} & set(study.items)
    for number, (_, lr, hr) in enumerate(pairs(2, 50)):
        worst, best = (np.asarray(read(study.picture(e.item))) for e in study.calibration[2 * number : 2 * number + 2])
        assert np.array_equal(best, hr)
        assert np.array_equal(worst, np.asarray(lr.resize((hr.shape[1], hr.shape[0]), 0)))


def test_no_name_is_in_what_raters_get(made):
    folder, key, _ = made
    words = {word for names in key.items.values() for word in names} | {"nearest", "HR", "lanczos"}
    for path in public_files(folder):
        text = str(path.relative_to(folder)) + (path.read_text() if path.suffix == ".json" else "")
        assert not [word for word in words if word in re.sub(r"\b[0-9a-f]{16}\b", "", text)], path


def test_files_of_a_scene_differ_in_nothing_but_pixels(made):
    """Same bytes, chunks, date, rights; and the names, sorted, put no method first."""
    folder, key, study = made
    by_scene = {}
    for item, names in key.items.items():
        path = study.picture(item)
        outside = (path.stat().st_size, path.stat().st_mtime, path.stat().st_mode, str(chunks(path.read_bytes())))
        by_scene.setdefault(names[:2], set()).add(outside)
    assert all(len(outside) == 1 for outside in by_scene.values())
    assert all(name in (b"IHDR", b"IDAT", b"IEND") for path in folder.rglob("*.png") for name, _ in chunks(path.read_bytes()))
    assert all(re.fullmatch(r"[0-9a-f]{16}\.png", path.name) for path in folder.rglob("*.png"))


def test_metadata_of_a_methods_picture_is_dropped(tmp_path):
    def told(lr):
        picture = lr.resize((4 * lr.width, 4 * lr.height))
        picture.info |= {"icc_profile": b"mine", "comment": "by model", "dpi": (300, 300)}
        return picture.convert("RGBA")

    make_study(tmp_path / "s", {"Set5": pairs(2)}, {"model": told}, pairs(1, 50))
    for path in (tmp_path / "s").rglob("*.png"):
        assert {name for name, _ in chunks(path.read_bytes())} == {b"IHDR", b"IDAT", b"IEND"}


def test_names_are_not_from_the_seed(tmp_path):
    """Which is public: who knows the program and the seed must not be able to work the names out."""
    one, other = (small_study(tmp_path / name, seed=7)[1] for name in ("a", "b"))
    assert not set(one.items) & set(other.items)
    assert one.version != other.version


def test_every_rater_sees_every_picture_once_and_repeats_later(made):
    _, _, study = made
    for rater in ("anna", "ben"):
        order = study.order(rater)
        first = [shown.item for shown in order if not shown.repeat]
        again = [shown.item for shown in order if shown.repeat]
        assert sorted(first) == sorted(study.items)
        assert len(again) == len(set(again)) == study.repeats == 13  # a third of 40
        for item in again:
            seen = [place for place, shown in enumerate(order) if shown.item == item]
            assert seen[1] - seen[0] >= len(first) // 6
    assert study.order("anna") == Study.load(study.folder).order("anna")
    assert study.order("anna") != study.order("ben")


def test_the_seed_changes_the_orders(tmp_path):
    _, study = small_study(tmp_path / "study", seed=1)
    changed = Study(study.folder, study.version, 2, study.repeats, study.calibration, study.items)
    assert study.order("anna") != changed.order("anna")


def test_no_method_comes_earlier_than_another(made):
    """Mean place over 400 raters, first looks and repeats; a uniform place among 40 has a mean of 19.5 and spread of 11.5."""
    _, key, study = made
    places, repeats, neighbours = {}, Counter(), Counter()
    for number in range(400):
        order = study.order(f"rater {number}")
        first = [shown.item for shown in order if not shown.repeat]
        for place, item in enumerate(first):
            places.setdefault(key.items[item][2], []).append(place)
        repeats.update(key.items[shown.item][2] for shown in order if shown.repeat)
        neighbours.update((key.items[a][2], key.items[b][2]) for a, b in pairwise(first))
    for found in places.values():
        assert np.mean(found) == pytest.approx(19.5, abs=4 * 11.5 / np.sqrt(len(found)))
    assert all(abs(count / (400 * 13) - 0.25) < 0.03 for count in repeats.values())
    alike = [neighbours[a, b] for a in key.methods for b in key.methods if a != b]
    assert max(alike) / min(alike) < 1.25


@pytest.mark.parametrize("change", ["picture", "method", "rules"])
def test_the_version_is_of_everything_that_gives_a_rating_its_meaning(made, change):
    folder, key, _ = made
    path = folder / "key.json"
    text = json.loads(path.read_text())
    item = next(iter(text["items"]))
    if change == "picture":
        text["sha256"][item] = "0" * 64
    elif change == "method":
        text["items"][item][2] = "another"
    else:
        text["rules"]["fewest_ratings"] = 1
    path.write_text(json.dumps(text))
    with pytest.raises(ValueError, match="not the key of this study"):
        Key.load(folder)
    assert key.version == Study.load(folder / "public").version


def test_mistakes_are_told_and_leave_nothing(tmp_path):
    small = lambda lr: lr  # noqa: E731
    with pytest.raises(ValueError, match=r"small, scene0 of Set5: 8x6 pixels, but HR has 32x24"):
        make_study(tmp_path / "s", {"Set5": pairs(1)}, {"small": small}, pairs(1))
    with pytest.raises(ValueError, match="no method may be called HR"):
        make_study(tmp_path / "s", {"Set5": pairs(1)}, {"HR": small}, pairs(1))
    with pytest.raises(ValueError, match="repeats must be 0 to 1"):
        make_study(tmp_path / "s", {"Set5": pairs(2)}, {}, pairs(1), repeats=2)
    with pytest.raises(ValueError, match="others to calibrate"):
        make_study(tmp_path / "s", {"Set5": pairs(2)}, {}, [])
    assert not list(tmp_path.iterdir())
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "mine").write_text("")
    with pytest.raises(ValueError, match="already exists"):
        small_study(tmp_path / "s")


def test_what_is_no_study_is_told(made, tmp_path):
    folder, _, study = made
    with pytest.raises(ValueError, match=r"holds no study: there is no study\.json"):
        Study.load(tmp_path)
    with pytest.raises(ValueError, match=r"no picture '\.\./\.\./key'"):
        study.picture("../../key")
    (folder / "public" / "study.json").write_text("[]")
    with pytest.raises(ValueError, match="is not a file of a study"):
        Study.load(folder / "public")
    (folder / "key.json").write_text('{"seed"')
    with pytest.raises(ValueError, match="is damaged"):
        Key.load(folder)
