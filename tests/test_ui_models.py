from dataclasses import fields
from types import SimpleNamespace

import pytest

from conftest import ROOT
from srgan_hub import SRGANGenerator
from srgan_hub.hub.load import CheckpointError
from srgan_hub.ui import models
from srgan_hub.ui.models import Limits, about, is_quick, open_upscaler


@pytest.fixture
def opened(monkeypatch):
    """Which checkpoints are loaded; none is."""
    loaded = []
    monkeypatch.setattr(
        models.Upscaler, "from_pretrained",
        lambda name, texture: loaded.append((name, texture)) or SimpleNamespace(tile=256, overlap=32 if "large" in name else 16),
    )  # fmt: skip
    models._open.cache_clear()
    yield loaded
    models._open.cache_clear()


def test_each_is_compiled_once_and_no_texture_is_the_partner_itself(opened):
    assert open_upscaler("srgan-x4") is open_upscaler("srgan-x4", 1.0)
    open_upscaler("srgan-x4", 0.25)
    assert open_upscaler("srgan-x4", 0) is open_upscaler("srresnet-x4")
    assert opened == [("srgan-x4", 1.0), ("srgan-x4", 0.25), ("srresnet-x4", 1.0)]
    for number in range(12):
        open_upscaler("srgan-x4", 1 - number / 20)
    assert models._open.cache_info().currsize == 10


def test_tiles_are_small_where_little_is_computed_twice(opened):
    assert open_upscaler("srgan-x4").tile == 160
    assert open_upscaler("srgan-x4-photo-large").tile == 256


@pytest.mark.parametrize("name", ["/etc", "..", "user/model", "", None, ["srgan-x4"]])
def test_a_visitor_names_no_folder_and_no_hub_id(opened, monkeypatch, name):
    monkeypatch.setattr(models, "fetch", lambda *asked: pytest.fail(f"read {asked}"))
    for ask in (open_upscaler, about):
        with pytest.raises(CheckpointError, match=r"there is no model .* choose one of srgan-x4-photo"):
            ask(name)
    assert not opened


@pytest.mark.parametrize(
    ("model", "texture", "said"), [("srresnet-x4", 0.5, "no faithful partner"), ("srgan-x4", 2, "from 0 to 1")]
)
def test_texture_that_cannot_be_had_is_a_sentence(opened, model, texture, said):
    with pytest.raises(CheckpointError, match=said):
        open_upscaler(model, texture)


def test_every_limit_is_set_by_its_variable_and_the_readme_lists_it(monkeypatch):
    readme = (ROOT / "README.md").read_text()
    monkeypatch.setenv("SRGAN_QUEUE", " ")
    assert Limits.from_environment() == Limits()
    for one in fields(Limits):
        monkeypatch.setenv(one.metadata["variable"], "7")
        assert f"`{one.metadata['variable']}`" in readme
    assert Limits.from_environment() == Limits(7, 7, 7, 7, 7)


@pytest.mark.parametrize(
    ("name", "text"),
    [("SRGAN_MAX_MEGAPIXELS", "two"), ("SRGAN_MAX_MEGAPIXELS", "nan"), ("SRGAN_MAX_FILES", "1.5"), ("SRGAN_QUEUE", "0")],
)
def test_nonsense_is_a_sentence_that_names_the_variable(monkeypatch, name, text):
    monkeypatch.setenv(name, text)
    with pytest.raises(ValueError, match=f"{name} must be a .*number above 0, got '{text}'"):
        Limits.from_environment()


def test_what_a_model_computes_says_how_many_pixels_it_may_have(monkeypatch, tmp_path):
    limits, slow = Limits(megapixels=2.0), tmp_path / "slow-lite"
    SRGANGenerator(width=72, blocks=30, norm="none").save_pretrained(slow)
    monkeypatch.setenv("SRGAN_MODELS", f"srgan-x4 srgan-x4-lite {slow}")
    assert limits.pixels("srgan-x4") == 2_000_000
    assert limits.pixels("srgan-x4-lite") == 6_000_000 and is_quick("srgan-x4-lite")
    assert limits.pixels(str(slow)) == 1_240_000 and not is_quick(str(slow))
    assert limits.pixels("user/unknown") == 2_000_000
    assert limits.sentence((2000, 1000), "srgan-x4") is None
    assert "12.0 megapixels (4000×3000)" in limits.sentence((4000, 3000), "srgan-x4")
