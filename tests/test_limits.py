from dataclasses import fields

import pytest

from conftest import ROOT
from srgan_hub import SRGANGenerator
from srgan_hub.ui.models import Limits, is_quick


def test_every_limit_is_set_by_its_variable_and_the_readme_lists_it(monkeypatch):
    readme = (ROOT / "README.md").read_text()
    for one in fields(Limits):
        monkeypatch.setenv(one.metadata["name"], "7")
        assert f"`{one.metadata['name']}`" in readme
    assert Limits.from_environment() == Limits(7, 7, 7, 7, 7, 7, 7)


def test_unset_is_the_default(monkeypatch):
    for one in fields(Limits):
        monkeypatch.delenv(one.metadata["name"], raising=False)
    monkeypatch.setenv("SRGAN_JOBS", " ")
    assert Limits.from_environment() == Limits()


@pytest.mark.parametrize(
    ("name", "text"),
    [("SRGAN_MAX_MEGAPIXELS", "two"), ("SRGAN_MAX_MEGAPIXELS", "nan"), ("SRGAN_JOBS", "1.5"), ("SRGAN_QUEUE", "0"),
     ("SRGAN_MAX_FILE_MB", "inf")],
)  # fmt: skip
def test_nonsense_is_a_sentence_that_names_the_variable(monkeypatch, name, text):
    monkeypatch.setenv(name, text)
    with pytest.raises(ValueError, match=f"{name} must be a .*number above 0 .*got '{text}'"):
        Limits.from_environment()


def test_what_a_model_computes_says_how_many_pixels_it_may_have(monkeypatch, tmp_path):
    limits, slow = Limits(megapixels=2.0), tmp_path / "slow-lite"
    SRGANGenerator(width=72, blocks=30, norm="none").save_pretrained(slow)
    monkeypatch.setenv("SRGAN_MODELS", f"srgan-x4 srgan-x4-lite {slow}")
    assert limits.pixels("srgan-x4") == 2_000_000
    assert limits.pixels("srgan-x4-lite") == 6_000_000 and is_quick("srgan-x4-lite")
    assert limits.pixels(str(slow)) == 1_240_000 and not is_quick(str(slow))
    assert limits.pixels("user/unknown") == 2_000_000


def test_the_sentence_has_the_numbers():
    limits = Limits(megapixels=2.0)
    assert limits.sentence((2000, 1000), "srgan-x4") is None
    sentence = limits.sentence((4000, 3000), "srgan-x4")
    assert "12.0 megapixels (4000×3000)" in sentence
    assert "up to 2 " in sentence
