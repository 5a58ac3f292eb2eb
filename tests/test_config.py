from __future__ import annotations

import dataclasses

import pytest

from srgan_hub.losses import VARIANTS
from srgan_hub.training.config import parse_options, seconds, weights_of
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
        ("name: [a, b]", "must hold lines of NAME: VALUE"),
        ("- steps", "must hold lines of NAME: VALUE"),
        ("a: [", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_holds_no_options_is_one_sentence(tmp_path, text, sentence):
    file = tmp_path / "a.yaml"
    if text:
        file.write_text(text)
    with pytest.raises(ValueError, match=sentence) as caught:
        parse_options(Options, ["--config", str(file)], "")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["stepps: 5", "step: 5", "steps: many", "steps: 5.7", "fast: 1", "steps: true"])
def test_a_wrong_option_in_a_file_is_refused_as_on_the_command_line(tmp_path, capsys, text):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(SystemExit) as stopped:
        parse_options(Options, ["--config", str(tmp_path / "a.yaml")], "")
    assert stopped.value.code == 2
    assert text.partition(":")[0] in capsys.readouterr().err.splitlines()[-1]


def test_a_file_takes_words_as_they_are_written(tmp_path):
    (tmp_path / "a.yaml").write_text("name: no\nrate: null\n")
    assert parse_options(Options, ["--config", str(tmp_path / "a.yaml")], "") == Options(name="no")


def test_durations():
    assert [seconds(text) for text in ("90m", "1h30m", "45s", "2h", "0.5h", "1h1m1s")] == [5400, 5400, 45, 7200, 1800, 3661]
    assert seconds(None) is None
    for wrong in ("", "90", "m", "1h 2", "-3m"):
        with pytest.raises(ValueError, match="90m, 1h30m or 45s"):
            seconds(wrong)


def test_flags_override_the_variant():
    assert weights_of(Config(variant="srgan-vgg54")) == VARIANTS["srgan-vgg54"]._replace(d_lr=1e-4)  # the generator's
    same = dict(gan="relativistic", lr=3e-4, d_lr=1e-5)
    changed = weights_of(Config(variant="srgan-vgg54", content_layers="vgg22,vgg44", pixel_weight=0.5, **same))
    assert changed == VARIANTS["srgan-vgg54"]._replace(layers=("vgg22", "vgg44"), pixel=0.5, **same)
    assert weights_of(Config(variant="srgan-plus", adversarial_weight=0.0)).d_warmup == 0  # there is nobody to warm up


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (dict(variant="srgan"), "--variant must be one of srresnet-mse"),
        (dict(mixed_precision="fp8"), "--mixed_precision must be one of bf16, fp16, no"),
        (dict(ema_decay=2.0), "--ema_decay must be from 0 to below 1, got 2.0"),
        (dict(keep=0.5), "give them with --pretrained"),
        (dict(freeze_norm=True), "give a generator that has them with --pretrained"),
        (dict(grid_side=0), "--grid_side must be from 1"),
        (dict(content_weight=1.0), "has no content layer"),
        (dict(content_layers="vgg22,vgg99"), "no layer vgg99; there are vgg12"),
        (dict(content_layers="vgg22,stage1"), "must be of one network"),
        (dict(content_layers="stage1", vgg_weights="vgg.safetensors"), "--vgg_weights is not used for stage1"),
        (dict(variant="srgan-plus", content_layers="stage2,stage5", crop=16), "--crop must be at least 32 for stage2, stage5"),
        (dict(pixel_weight=-1.0), "--pixel_weight must be from 0"),
        (dict(pixel_weight=0.0), "every weight is 0"),
        (dict(degradation="blurry"), "--degradation must be one of bicubic"),
        (dict(max_train_time="soon"), "90m, 1h30m or 45s, got 'soon'"),
        (dict(seed=-1), "--seed must be from 0 to below 4294967296, got -1"),
        (dict(variant="srresnet-vgg22", content_layers="vgg22,vgg54", crop=8), "--crop must be at least 16 for vgg22, vgg54"),
        (dict(optimizer="sgd"), "--optimizer must be one of adam, muon, got 'sgd'"),
        (dict(optimizer="muon", mixed_precision="fp16"), "muon cannot skip steps"),
        (dict(variant="srgan-plus", max_train_steps=50), "leave none of 50 for the generator"),
    ],
)
def test_senseless_options_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        weights_of(Config(**changes))
