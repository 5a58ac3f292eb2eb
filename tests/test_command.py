import pytest

from conftest import encoded, smooth_photo, write_files
from srgan_hub.cli import main
from srgan_hub.evaluation.opinion.ratings import Rating, append
from srgan_hub.evaluation.opinion.study import Key, Study


@pytest.fixture
def places(tiny_generator, tmp_path):
    """A set of two images, a photo for the examples, and a network."""
    for number in range(2):
        photo = smooth_photo(48, 32, seed=number)
        files = {f"HR/{number}.png": encoded(photo), f"LR_x4/{number}.png": encoded(photo.reduce(4))}
        write_files(tmp_path / "sets" / "Mine", files)
    write_files(tmp_path / "photos", {"a.png": encoded(smooth_photo(41, 38, seed=9)), "notes.txt": b"no picture"})
    tiny_generator.save_pretrained(tmp_path / "tiny")
    return tmp_path


def plan(places, **options):
    given = {"data": places / "sets", "models": places / "tiny", "calibration": places / "photos", "output": places / "study"}
    return main(["mos", "plan", *(word for name, value in (given | options).items() for word in (f"--{name}", str(value)))])


def test_from_sets_to_a_report(places, capsys):
    assert plan(places) == 0
    assert "8 pictures per rater" in capsys.readouterr().out
    key, study = Key.load(places / "study"), Study.load(places / "study" / "public")
    assert key.methods == ["nearest", "bicubic", "tiny", "HR"] and len(key.items) == 8
    assert len(study.calibration) == 2
    for rater in ("a", "b"):
        for number, (item, (_, _, method)) in enumerate(key.items.items()):
            score = {"nearest": 1, "HR": 5}.get(method, 3)
            append(places / f"{rater}.jsonl", Rating(key.version, rater, item, score, f"{number}"))
    assert main(["mos", "report", str(places / "study"), "--ratings", *(str(places / f"{r}.jsonl") for r in "ab")]) == 0
    printed = capsys.readouterr().out
    assert "by 2 raters" in printed
    assert "| Mine | HR | 5.00 | – | 4 | 0 | 0 | 0 | 0 | 4 |" in printed


def test_a_stopped_plan_leaves_nothing(places, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("srgan_hub.evaluation.benchmark.Upscaler.__call__", stop)
    assert plan(places, output=places / "new" / "study") == 130
    assert not list((places / "new").iterdir())


def test_mistakes_are_one_sentence(places, capsys):
    def mistake(status):
        assert status == 2
        error = capsys.readouterr().err.strip()
        assert error.startswith("srgan-hub: ") and len(error.splitlines()) == 1
        return error

    (places / "empty").mkdir()
    assert "already exists" in mistake(plan(places, output=places / "sets"))
    assert "there is no folder" in mistake(plan(places, data=places / "none"))
    for folder in ("empty", "none"):
        assert "no pictures to calibrate" in mistake(plan(places, calibration=places / folder))
    assert "holds no study" in mistake(main(["mos", "report", str(places / "sets"), "--ratings", "none"]))
    plan(places)
    capsys.readouterr()
    assert "No such file" in mistake(main(["mos", "report", str(places / "study"), "--ratings", str(places / "none")]))
