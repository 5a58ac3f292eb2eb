"""With a stand-in for the package `spaces`, which does what that does to a function: arguments, steps and results go to
another process and back (here: are pickled), a generator's result is lost, and so is every error that is not Gradio's."""

import pickle
import sys
from importlib.util import module_from_spec, spec_from_file_location

import gradio as gr
import pytest

import app
from conftest import ROOT
from srgan_hub.imaging.io import ImageError
from srgan_hub.ui import jobs, models

SPACES = """
import functools, pickle

decorated = []

def GPU(task):
    decorated.append(task.__qualname__)
    @functools.wraps(task)
    def handler(*args, **kwargs):
        args, kwargs = pickle.loads(pickle.dumps((args, kwargs)))
        try:
            for step in task(*args, **kwargs):
                yield pickle.loads(pickle.dumps(step))
        except Exception:
            raise RuntimeError("GPU task aborted") from None
    return handler
"""


@pytest.fixture
def spaces(tmp_path, monkeypatch):
    (tmp_path / "spaces.py").write_text(SPACES)
    monkeypatch.syspath_prepend(tmp_path)
    import spaces

    monkeypatch.setattr(jobs, "GPU", spaces.GPU)
    yield tmp_path
    sys.modules.pop("spaces")


def counted(upto, closed=None):
    try:
        if upto == 0:
            raise ImageError("nothing to count")
        yield from range(upto)
        return "counted"
    finally:
        if closed is not None:
            closed.append(upto)


def doubled(number):
    if number == 0:
        raise ImageError("nothing to double")
    return 2 * number


def test_without_the_package_functions_are_left_alone():
    assert jobs.lent(counted) is counted


def test_steps_result_and_mistakes_come_back(spaces):
    steps = jobs.lent(counted)(2)
    assert [next(steps), next(steps)] == [0, 1]
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == "counted"
    with pytest.raises(ImageError, match="nothing to count"):
        next(jobs.lent(counted)(0))
    assert jobs.lent(doubled)(3) == 6
    with pytest.raises(ImageError, match="nothing to double"):
        jobs.lent(doubled)(0)


def test_closing_ends_what_computes_there(spaces, monkeypatch):
    monkeypatch.setattr(pickle, "dumps", lambda content: content)
    monkeypatch.setattr(pickle, "loads", lambda content: content)
    closed = []
    steps = jobs.lent(counted)(2, closed)
    next(steps)
    steps.close()
    assert closed == [2]


def test_what_computes_is_decorated(spaces):
    for name in ("check", "enlarge", "view"):  # once more: they were imported without it
        spec = spec_from_file_location(name, ROOT / "srgan_hub" / "ui" / f"{name}.py")
        spec.loader.exec_module(module_from_spec(spec))
    assert sys.modules["spaces"].decorated == ["evaluate", "enlarge", "look"]


def test_there_models_are_placed_before_the_first_visitor(monkeypatch):
    monkeypatch.setenv("SRGAN_MODELS", "srgan-x4-lite")
    monkeypatch.setattr(jobs, "PLACED_FIRST", True)
    monkeypatch.setattr(app, "own_folder", lambda: None)
    monkeypatch.setattr(gr.Blocks, "launch", lambda page, **settings: None)
    models._open.cache_clear()
    app.main()
    assert models._open.cache_info().currsize == 1
