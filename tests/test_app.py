import subprocess
import sys

import pytest

import app
from conftest import ROOT
from srgan_hub.ui.limits import Limits


@pytest.fixture(scope="module")
def page():
    return app.build(Limits(queue=3, jobs=2, kept=99))


def test_named_endpoints_say_what_they_do_and_nothing_else_is_public(page):
    public = page.get_api_info()["named_endpoints"]
    assert public.keys() == {"/upscale", "/compare", "/evaluate"}
    for info in public.values():
        assert len(info["description"]) > 20


def test_limits_reach_the_queue_and_the_lanes(page):
    assert page.max_size if hasattr(page, "max_size") else page._queue.max_size == 3
    lanes = {f.concurrency_id: f.concurrency_limit for f in page.fns.values() if f.concurrency_id in ("compute", "view")}
    assert lanes == {"compute": 2, "view": 1}
    assert page.delete_cache == (99, 99)


def test_building_the_page_loads_no_model():
    code = (
        "import app; from srgan_hub.ui import upscalers; from srgan_hub.ui.limits import Limits; app.build(Limits()); "
        "import sys; print(upscalers._open.cache_info().currsize, 'openvino' in sys.modules)"
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
