from __future__ import annotations

import dataclasses

import pytest

from srgan_hub.training.config import parse_options, seconds
from train_accelerate import Config


@dataclasses.dataclass(frozen=True)
class Options:
    steps: int = 10            # how many
    rate: float | None = None  # how fast; 50 % is half
    name: str = "x"            # what
    fast: bool = False         # whether


def test_flags_override_the_file_which_overrides_the_defaults(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("steps: 5\nrate: 1e-4\nfast: true\n")
    assert parse_options(Options, [], "") == Options()
    assert parse_options(Options, ["--config", str(file)], "") == Options(steps=5, rate=1e-4, fast=True)
    assert parse_options(Options, ["--config", str(file), "--steps", "7", "--no-fast"], "") == Options(steps=7, rate=1e-4)


def test_home_is_found_in_the_file_as_by_a_shell(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    (tmp_path / "a.yaml").write_text("name: ~/photos\n")
    assert parse_options(Options, ["--config", str(tmp_path / "a.yaml")], "").name == "/home/me/photos"
    assert parse_options(Options, ["--name=~/photos"], "").name == "/home/me/photos"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("stepps: 5", "has options that do not exist: stepps"),
        ("steps: many", "steps must be int, got 'many'"),
        ("steps: true", "steps must be int, got True"),
        ("fast: 1", "fast must be bool, got 1"),
        ("steps: .inf", "steps must be int, got inf"),
        ("steps: 5.7", "steps must be int, got 5.7"),
        ("name:", "name must be str, got None"),
        ("name: no", "name must be str, got False; words like no, on and yes need quotes"),
        ("name: [a, b]", r"name must be str, got \['a', 'b'\]"),
        ("- steps", "must hold lines of NAME: VALUE"),
        ("a: [", "cannot be read"),
    ],
)
def test_wrong_file_is_one_sentence(tmp_path, text, sentence):
    file = tmp_path / "a.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=sentence) as caught:
        parse_options(Options, ["--config", str(file)], "")
    assert "\n" not in str(caught.value)


def test_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        parse_options(Options, ["--config", str(tmp_path / "none.yaml")], "")


def test_every_option_of_the_trainer_is_explained_and_none_twice(capsys):
    with pytest.raises(SystemExit):
        parse_options(Config, ["--help"], "")
    text = capsys.readouterr().out
    for field in dataclasses.fields(Config):
        assert f"--{field.name}" in text
    assert "[None]" not in text
    assert "how fast; 50 % is half" not in text


def test_durations():
    assert [seconds(text) for text in ("90m", "1h30m", "45s", "2h", "0.5h", "1h1m1s")] == [5400, 5400, 45, 7200, 1800, 3661]
    assert seconds(None) is None
    for wrong in ("", "90", "m", "1h 2", "-3m"):
        with pytest.raises(ValueError, match="90m, 1h30m or 45s"):
            seconds(wrong)
