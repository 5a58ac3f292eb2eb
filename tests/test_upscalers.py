from types import SimpleNamespace

import pytest

from srgan_hub.hub.load import CheckpointError
from srgan_hub.ui import models
from srgan_hub.ui.models import open_upscaler, partner


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


def test_partners():
    assert partner("srgan-x4-photo") == "srresnet-x4-photo"
    assert partner("srresnet-x4") is None


def test_each_is_compiled_once_and_no_texture_is_the_partner_itself(opened):
    assert open_upscaler("srgan-x4") is open_upscaler("srgan-x4", 1.0)
    open_upscaler("srgan-x4", 0.25)
    assert open_upscaler("srgan-x4", 0) is open_upscaler("srresnet-x4")
    assert opened == [("srgan-x4", 1.0), ("srgan-x4", 0.25), ("srresnet-x4", 1.0)]


def test_tiles_are_small_where_little_is_computed_twice(opened):
    assert open_upscaler("srgan-x4").tile == 160
    assert open_upscaler("srgan-x4-photo-large").tile == 256


def test_ten_at_most_are_kept(opened):
    for number in range(12):
        open_upscaler("srgan-x4", 1 - number / 20)
    assert models._open.cache_info().currsize == 10


@pytest.mark.parametrize("name", ["/etc", "..", "user/model", "", None, ["srgan-x4"]])
def test_a_visitor_names_no_folder_and_no_hub_id(opened, monkeypatch, name):
    monkeypatch.delenv("SRGAN_HUB_MODELS", raising=False)
    with pytest.raises(CheckpointError, match=r"there is no model .* choose one of srgan-x4-photo"):
        open_upscaler(name)
    assert not opened


@pytest.mark.parametrize("name", ["/etc", "user/model"])
def test_nor_is_its_config_read(monkeypatch, name):
    monkeypatch.delenv("SRGAN_HUB_MODELS", raising=False)
    monkeypatch.setattr(models, "fetch", lambda *asked: pytest.fail(f"read {asked}"))
    with pytest.raises(CheckpointError, match="there is no model"):
        partner(name)


def test_a_folder_is_no_hub_id_and_no_partner_of_one(opened, monkeypatch, tmp_path):
    """Whoever may name Hub ids may not have this machine's folders by them."""
    monkeypatch.setenv("SRGAN_HUB_MODELS", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "secret").mkdir(parents=True)
    with pytest.raises(CheckpointError, match="there is no model"):
        open_upscaler("runs/secret")
    (tmp_path / "config.json").write_text('{"partner": "runs/secret"}')
    monkeypatch.setattr(models, "fetch", lambda *asked: tmp_path / "config.json")
    with pytest.raises(CheckpointError, match="user/model names the partner 'runs/secret', which is not a checkpoint on the Hub"):
        open_upscaler("user/model", 0.5)
    assert not opened


def test_hub_ids_are_loaded_where_that_is_allowed(opened, monkeypatch):
    monkeypatch.setenv("SRGAN_HUB_MODELS", "1")
    open_upscaler("user/model")
    assert opened == [("user/model", 1.0)]
    with pytest.raises(CheckpointError):
        open_upscaler("/etc")


@pytest.mark.parametrize(
    ("model", "texture", "said"), [("srresnet-x4", 0.5, "no faithful partner"), ("srgan-x4", 2, "from 0 to 1")]
)
def test_texture_that_cannot_be_had_is_a_sentence(opened, model, texture, said):
    with pytest.raises(CheckpointError, match=said):
        open_upscaler(model, texture)
