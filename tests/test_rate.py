import gradio as gr
import pytest

from simulated_raters import small_study
from srgan_hub.ui.rate import RATINGS, STUDY, build, memory, sessions_of_environment


def test_tab_tells_no_method_and_keeps_its_events_private(tmp_path, monkeypatch):
    small_study(tmp_path / "study", images=1)
    monkeypatch.setenv(RATINGS, str(tmp_path / "ratings"))
    for folder in (tmp_path / "study", tmp_path / "study" / "public"):
        monkeypatch.setenv(STUDY, str(folder))
        sessions = sessions_of_environment()
    with gr.Blocks() as page:
        build(page, memory(sessions.study), sessions)
    config = str(page.get_config_file())
    assert "nearest" not in config and "Mine" not in config
    assert not page.get_api_info()["named_endpoints"]


def test_no_study_no_tab_and_a_folder_without_one_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.delenv(STUDY, raising=False)
    assert sessions_of_environment() is None
    monkeypatch.setenv(STUDY, str(tmp_path))
    with pytest.raises(ValueError, match="holds no study"):
        sessions_of_environment()
