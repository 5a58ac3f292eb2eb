import subprocess
import sys

import pytest

import app
from conftest import ROOT
from srgan_hub.ui.models import Limits


@pytest.fixture(scope="module")
def page():
    return app.build(Limits(queue=3, jobs=2, kept=99))


def test_named_endpoints_say_what_they_do_and_nothing_else_is_public(page):
    public = page.get_api_info()["named_endpoints"]
    assert public.keys() == {"/upscale", "/compare", "/evaluate"}
    for info in public.values():
        assert len(info["description"]) > 20


def test_what_waits_in_our_line_waits_in_none_of_gradios(page):
    unbounded = {function.name for function in page.fns.values() if function.concurrency_limit is None}
    assert unbounded == {"run_one", "run_many", "run", "upscale", "compare", "evaluate"}
    assert page._queue.max_size is None
    assert page.delete_cache == (99, 99)


def test_building_the_page_loads_no_model():
    code = (
        "import app; from srgan_hub.ui import models; from srgan_hub.ui.models import Limits; app.build(Limits()); "
        "import sys; print(models._open.cache_info().currsize, 'openvino' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["0", "False"]


def test_a_wrong_variable_is_one_sentence(monkeypatch):
    monkeypatch.setenv("SRGAN_MAX_MEGAPIXELS", "many")
    with pytest.raises(SystemExit, match="SRGAN_MAX_MEGAPIXELS must be a number above 0"):
        app.main()


def test_gradio_tells_nobody():
    import os

    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
