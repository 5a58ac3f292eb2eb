import json

import numpy as np
import pytest

from conftest import encoded, read, smooth_photo, write_files
from simulated_raters import rate
from srgan_hub import SRGANGenerator
from srgan_hub.cli import main
from srgan_hub.evaluation.opinion.study import Key, Study
from srgan_hub.imaging.resize import crop_to_multiple
from srgan_hub.models.srresnet.initialization import pass_through


@pytest.fixture
def sets(tmp_path):
    for name, count in (("Set5", 3), ("Mine", 2)):
        for number in range(count):
            photo = smooth_photo(48, 32, seed=number + 10 * count)
            files = {f"HR/{number}.png": encoded(photo), f"LR_x4/{number}.png": encoded(photo.reduce(4))}
            write_files(tmp_path / "sets" / name, files)
    return tmp_path / "sets"


@pytest.fixture
def model(tmp_path):
    generator = SRGANGenerator(width=4, blocks=1)
    pass_through(generator)
    generator.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def planned(sets, model, tmp_path, capsys):
    assert main(["mos", "plan", "--data", str(sets), "--models", str(model), "-o", str(tmp_path / "study"), "--seed", "3"]) == 0
    return tmp_path / "study", capsys.readouterr().out


def test_plan_makes_a_study_of_the_sets(planned):
    folder, printed = planned
    key, study = Key.load(folder), Study.load(folder / "public")
    assert key.methods == ("nearest", "bicubic", "tiny", "HR")
    assert len(key.items) == 5 * 4
    assert (study.seed, study.repeats, len(study.calibration)) == (3, 6, 8)
    assert "20 pictures per rater, 4 methods" in printed
    shown = {path.read_bytes() for path in map(study.picture, key.items)}
    assert not [e for e in study.calibration if study.picture(e.item).read_bytes() in shown]  # mirrored


def test_calibration_photographs_of_ones_own(sets, model, tmp_path):
    photo = smooth_photo(41, 38, seed=9)
    write_files(tmp_path / "others", {"a.png": encoded(photo), "notes.txt": b"no picture"})
    command = ["mos", "plan", "--data", str(sets), "--models", str(model), "-o", str(tmp_path / "study"), "--repeats", "0"]
    assert main([*command, "--calibration", str(tmp_path / "others")]) == 0
    study = Study.load(tmp_path / "study" / "public")
    assert study.repeats == 0
    worst, best = (np.asarray(read(study.picture(example.item))) for example in study.calibration)
    assert np.array_equal(best, crop_to_multiple(np.asarray(photo), 4))
    assert np.array_equal(worst[::4, ::4].repeat(4, 0).repeat(4, 1), worst)


def test_a_stopped_plan_leaves_nothing(sets, model, tmp_path, capsys, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("srgan_hub.evaluation.benchmark.Upscaler.__call__", stop)
    assert main(["mos", "plan", "--data", str(sets), "--models", str(model), "-o", str(tmp_path / "new" / "study")]) == 130
    assert "no study was made" in capsys.readouterr().err
    assert not list((tmp_path / "new").iterdir())


def test_report_of_programs_says_not_rated(planned, tmp_path, capsys):
    folder, _ = planned
    key, study = Key.load(folder), Study.load(folder / "public")
    lines = [json.dumps(rating._asdict()) for rating in rate_alike(key, study)]
    (tmp_path / "r.jsonl").write_text("\n".join(lines) + '\n{"torn')
    assert main(["mos", "report", str(folder), "--ratings", str(tmp_path / "r.jsonl"), "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert printed.count("not rated") == 8
    assert "1 unreadable" in printed
    assert (tmp_path / "out" / "report.md").read_text() == printed.rstrip("\n") + "\n"
    assert not (tmp_path / "out" / "histograms.png").exists()


def rate_alike(key, study):
    """The tiny network is another name than those whose opinions are known."""
    known = {item: (*names[:2], "model" if names[2] == "tiny" else names[2]) for item, names in key.items.items()}
    return rate(Key(key.version, key.methods, known, key.rules), study, raters=4)


def test_report_draws_what_people_rated(planned, tmp_path, capsys, monkeypatch):
    """Only here, and only in memory, a program's ratings pass for a person's: to see the command's last steps."""
    folder, _ = planned
    key, study = Key.load(folder), Study.load(folder / "public")
    ratings = [rating._replace(simulated=False) for rating in rate_alike(key, study)]
    monkeypatch.setattr("srgan_hub.evaluation.opinion.command.read", lambda path: (ratings, 0))
    (tmp_path / "r.jsonl").write_text("")
    assert main(["mos", "report", str(folder), "--ratings", str(tmp_path / "r.jsonl"), "-o", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out" / "report.md").read_text()
    assert "of 4 raters" in text
    assert "](histograms.png)" in text
    assert read(tmp_path / "out" / "histograms.png").width > 700


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "--data", "{sets}", "--models", "{model}", "-o", "{sets}"], "already exists"),
        (["plan", "--data", "{sets}/none", "--models", "{model}", "-o", "{sets}/s"], "there is no folder"),
        (["plan", "--data", "{sets}", "--models", "none", "-o", "{sets}/s"], "no checkpoint 'none'"),
        (["plan", "--data", "{sets}", "--models", "{model}", "{model}", "-o", "{sets}/s"], "named twice"),
        (["plan", "--data", "{sets}", "--models", "{model}", "-o", "{sets}/s", "--repeats", "9"], "repeats must be 0 to 6"),
        (["plan", "--data", "{sets}", "--models", "{model}", "-o", "{sets}/s", "--calibration", "{sets}"], "no pictures to"),
        (["report", "{sets}", "--ratings", "{model}/config.json"], "holds no study"),
        (["report", "{study}", "--ratings", "{sets}/none"], "there is no file"),
        (["report", "{study}", "--ratings", "{model}/README.md"], "is not a rating"),
    ],
)
def test_mistakes_are_one_sentence(planned, sets, model, capsys, arguments, message):
    (model / "README.md").write_text('{"score": 3}\n')
    places = {"sets": sets, "model": model, "study": planned[0]}
    assert main(["mos", *(argument.format(**places) for argument in arguments)]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("srgan-hub: ")
    assert message in error
    assert len(error.splitlines()) == 1
