import gc
import inspect

import pytest
from gradio import Slider

from srgan_hub.ui.imports import quick_imports


def fail() -> None:
    assert not gc.isenabled()
    with pytest.raises(OSError):  # noqa: PT011
        inspect.getfile(Slider)  # gradio writes no stub for a class without a file
    raise ImportError


def test_all_is_as_before_afterwards_even_when_an_import_fails():
    file_of = inspect.getfile
    with pytest.raises(ImportError), quick_imports():
        fail()
    assert inspect.getfile is file_of
    assert gc.isenabled()
    gc.unfreeze()  # what other tests made is theirs to lose


def test_what_an_import_puts_in_its_place_stays(monkeypatch):
    monkeypatch.setattr(inspect, "getfile", inspect.getfile)
    with quick_imports():
        kept = inspect.getfile
        inspect.getfile = replaced = lambda of: kept(of)
    gc.unfreeze()
    assert inspect.getfile is replaced
    assert inspect.getfile(Slider).endswith("slider.py")
