import gradio as gr
import numpy as np
import pytest

from conftest import smooth_photo
from srgan_hub.evaluation.opinion.ratings import rater_of
from srgan_hub.evaluation.opinion.study import make_study
from srgan_hub.ui.rate import RATINGS, STUDY, build, memory, opened, results, study_of_environment


@pytest.fixture
def study(tmp_path, monkeypatch):
    pairs = [(f"{n}", smooth_photo(8, 8, seed=n), np.asarray(smooth_photo(32, 32, seed=n))) for n in range(2)]
    make_study(tmp_path / "study", {"Mine": pairs[:1]}, {}, pairs[1:], repeats=0)
    monkeypatch.setenv(STUDY, str(tmp_path / "study"))
    monkeypatch.setenv(RATINGS, str(tmp_path / "ratings"))
    return tmp_path / "study"


def test_no_study_no_tab(monkeypatch):
    monkeypatch.delenv(STUDY, raising=False)
    assert study_of_environment() is None


def test_key_shows_results_and_public_part_alone_does_not(study, monkeypatch):
    sessions, key = study_of_environment()
    assert key
    text, figure = results(sessions, key)
    assert "not rated" in text and figure is None
    for score in (2, 4):
        sessions.rate("me", sessions.turn("me", 2).shown, score)
    text, figure = results(sessions, key)
    assert "2.00 (1)" in text and "4.00 (1)" in text and figure.width > 400
    monkeypatch.setenv(STUDY, str(study / "public"))
    again, key = study_of_environment()
    assert key is None
    assert again.turn("me", 2).picture is None, "the ratings are found again"


def test_folder_without_a_study_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv(STUDY, str(tmp_path))
    monkeypatch.setenv(RATINGS, str(tmp_path / "ratings"))
    with pytest.raises(ValueError, match="holds no study"):
        study_of_environment()


def test_tab_tells_no_method_and_keeps_its_events_private(study):
    sessions, _ = study_of_environment()
    with gr.Blocks() as page:
        build(page, memory(sessions.study), sessions, None)
    config = str(page.get_config_file())
    assert "nearest" not in config and "Mine" not in config
    assert not page.get_api_info()["named_endpoints"]


SECRET = "0123456789abcdef" * 2


def test_what_a_browser_says_is_looked_at():
    assert opened({"name": SECRET, "examples": 2}) == (rater_of(SECRET), 2)
    wrong_examples = ({"name": SECRET, "examples": wrong} for wrong in (-1, True, "2", 1.5))
    wrong_names = ({"name": wrong, "examples": 2} for wrong in (SECRET + "/../x", None))
    for other in (None, [], SECRET, {}, {"name": SECRET}, *wrong_examples, *wrong_names):
        with pytest.raises(ValueError, match="start again"):
            opened(other)
