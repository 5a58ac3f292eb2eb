import os

import pytest

import app
from srgan_hub.ui import models
from srgan_hub.ui.models import Limits


def test_the_page_has_two_endpoints_its_own_queue_and_no_model_yet():
    models._open.cache_clear()
    page = app.build(Limits(queue=3, kept=99))
    assert models._open.cache_info().currsize == 0
    public = page.get_api_info()["named_endpoints"]
    assert public.keys() == {"/upscale", "/evaluate"}
    assert all(len(info["description"]) > 20 for info in public.values())
    unbounded = {function.name for function in page.fns.values() if function.concurrency_limit is None}
    assert unbounded == {"run", "upscale", "evaluate"}
    assert page._queue.max_size is None
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"


def test_a_wrong_variable_is_one_sentence(monkeypatch):
    monkeypatch.setenv("SRGAN_MAX_MEGAPIXELS", "many")
    with pytest.raises(SystemExit, match="SRGAN_MAX_MEGAPIXELS must be a number above 0"):
        app.main()
