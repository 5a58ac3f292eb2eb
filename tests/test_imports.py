import gc
import inspect
import pathlib
import subprocess
import sys
from pathlib import Path

import pytest
from gradio import Slider

from conftest import ROOT
from srgan_hub.ui.imports import quick_imports

CODE = """
import ast, contextlib, sys
from srgan_hub.ui.imports import quick_imports

def written(*arguments):
    raise SystemExit("a stub")

ast.get_source_segment = written
with quick_imports() if sys.argv[1] == "quick" else contextlib.nullcontext():
    import gradio
assert gradio.Slider(1, 5).maximum == 5
"""


@pytest.mark.parametrize(("how", "said"), [("quick", ""), ("as usual", "a stub\n")])
def test_gradio_writes_no_stubs(how, said):
    done = subprocess.run([sys.executable, "-c", CODE, how], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == said


def fail() -> None:
    assert not gc.isenabled()
    assert inspect.getfile(Path) == pathlib.__file__
    with pytest.raises(OSError):  # noqa: PT011
        inspect.getfile(Slider)
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
    gc.disable()
    try:
        with quick_imports():
            kept = inspect.getfile
            inspect.getfile = replaced = lambda of: kept(of)
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
    assert inspect.getfile is replaced
    assert inspect.getfile(Slider).endswith("slider.py")
