import json
import re

import numpy as np
import pytest
from PIL import Image

from conftest import read
from simulated_raters import pairs, small_study
from srgan_hub.evaluation.opinion.study import Key, Study, make_study


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "study"
    return folder, *small_study(folder)


def test_every_image_is_there_once_by_every_method(made):
    _, key, study = made
    assert key.methods == ["nearest", "bicubic", "model", "HR"]
    assert sorted(key.items) == sorted(study.items)
    wanted = {(name, f"scene{number}", method) for name in ("Set5", "Mine") for number in range(5) for method in key.methods}
    assert len(key.items) == len(wanted) and set(key.items.values()) == wanted
    for item, (name, image, method) in key.items.items():
        _, lr, hr = next(pair for pair in pairs(5, 0 if name == "Set5" else 20) if pair[0] == image)
        size = (hr.shape[1], hr.shape[0])
        known = Image.fromarray(hr) if method == "HR" else lr.resize(size, {"nearest": 0, "bicubic": 3, "model": 1}[method])
        assert np.array_equal(np.asarray(read(study.picture(item))), np.asarray(known))


def test_examples_are_nearest_for_1_and_hr_for_5(made):
    _, _, study = made
    assert [score for _, score in study.calibration] == [1, 5, 1, 5]
    assert not {item for item, _ in study.calibration} & set(study.items)
    for number, (_, lr, hr) in enumerate(pairs(2, 50)):
        worst, best = (np.asarray(read(study.picture(item))) for item, _ in study.calibration[2 * number : 2 * number + 2])
        assert np.array_equal(best, hr)
        assert np.array_equal(worst, np.asarray(lr.resize((hr.shape[1], hr.shape[0]), 0)))


def test_nothing_that_raters_get_tells_a_method(tmp_path):
    """Neither names nor words, size in bytes, date, rights or metadata; nor could names be worked out from anything."""

    def told(lr):
        picture = lr.resize((4 * lr.width, 4 * lr.height))
        picture.info |= {"icc_profile": b"mine", "comment": "by model", "dpi": (300, 300)}
        return picture.convert("RGBA")

    studies = []
    for name in ("one", "other"):
        make_study(tmp_path / name, {"Set5": pairs(2)}, {"model": told}, pairs(1, 50))
        studies.append(Study.load(tmp_path / name / "public"))
    assert not set(studies[0].items) & set(studies[1].items) and studies[0].version != studies[1].version
    by_scene = {}
    for item, (_, image, _) in Key.load(tmp_path / "one").items.items():
        path, about = studies[0].picture(item), studies[0].picture(item).stat()
        assert not read(path).info
        by_scene.setdefault(image, set()).add((about.st_size, about.st_mtime, about.st_mode))
    assert [len(outside) for outside in by_scene.values()] == [1, 1]
    assert {path.suffix for path in studies[0].folder.iterdir()} == {".png", ".json"}
    words = " ".join([*(path.name for path in studies[0].folder.iterdir()), (studies[0].folder / "study.json").read_text()])
    assert not re.search("Set5|scene|nearest|model|HR", re.sub(r"\b[0-9a-f]{16}\b", "", words))


def test_every_rater_sees_every_picture_once_in_an_order_of_their_own(made):
    _, _, study = made
    assert sorted(study.order("anna")) == sorted(study.order("ben")) == sorted(study.items)
    assert study.order("anna") == Study.load(study.folder).order("anna") != study.order("ben")


def test_no_method_comes_earlier_than_another(made):
    """Mean place over 400 raters; a uniform place among 40 has a mean of 19.5 and spread of 11.5."""
    _, key, study = made
    places = {}
    for number in range(400):
        for place, item in enumerate(study.order(f"rater {number}")):
            places.setdefault(key.items[item][2], []).append(place)
    for found in places.values():
        assert np.mean(found) == pytest.approx(19.5, abs=4 * 11.5 / np.sqrt(len(found)))


def test_a_changed_key_and_what_is_no_study_are_refused(tmp_path):
    folder = tmp_path / "study"
    small_study(folder, images=1)
    with pytest.raises(ValueError, match="already exists"):
        small_study(folder)
    key = json.loads((folder / "key.json").read_text())
    key["rules"]["fewest_ratings"] = 1
    (folder / "key.json").write_text(json.dumps(key))
    with pytest.raises(ValueError, match="not the key of this study"):
        Key.load(folder)
    (folder / "key.json").write_text('{"rules"')
    for load in (Key.load, Study.load):
        with pytest.raises(ValueError, match="holds no study"):
            load(folder)
