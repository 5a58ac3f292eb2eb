import pytest

from srgan_hub.hub.load import CheckpointError, bundled
from srgan_hub.hub.space import LABELS, line_of, name_of, offered


def test_the_bundled_ones_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("SRGAN_MODELS", raising=False)
    assert set(offered()) == set(bundled()) == set(LABELS)
    assert offered()[0] == "srgan-x4-photo-large"


def test_ones_own(monkeypatch):
    monkeypatch.setenv("SRGAN_MODELS", " user/mine, srgan-x4 user/mine,")
    assert offered() == ["user/mine", "srgan-x4"]


def test_what_is_no_checkpoint_is_refused(monkeypatch):
    monkeypatch.setenv("SRGAN_MODELS", "srgan-x5")
    with pytest.raises(CheckpointError, match="srgan-x5"):
        offered()


def test_every_model_has_a_name_of_its_own_and_one_line():
    assert len({name_of(model) for model in LABELS}) == len(LABELS)
    assert name_of("srgan-x4-vivid") == "Clean, vivid"
    assert line_of("srgan-x4-vivid") == "More texture, more of it invented."
    assert name_of("user/mine") == "user/mine"
