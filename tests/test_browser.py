"""The app in a real Chromium: upload, enlarge, drag the slider, download. `make browser` installs what it needs."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from app import DEFAULT
from conftest import ROOT, read, smooth_photo

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip


@pytest.fixture(scope="module")
def url():
    """The app as `make demo` starts it, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment)
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(address)
            break
        except OSError:
            assert server.poll() is None, "the app did not start"
            time.sleep(0.5)
    yield address
    server.terminate()
    server.wait()


@pytest.fixture(scope="module")
def browser():
    if not Path(CHROMIUM).exists():
        pytest.skip(f"needs {CHROMIUM}; `make browser` installs it")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, url):
    page = browser.new_page(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page.requested = []
    page.on("request", lambda request: page.requested.append(request.url))
    page.goto(url)
    page.wait_for_selector("#enlarge")
    yield page
    page.close()


def enlarge(page, path):
    page.set_input_files("#photo input[type=file]", str(path))
    page.wait_for_selector("#photo img")
    page.click("#enlarge")
    page.wait_for_selector("#pair img >> nth=1", timeout=120_000)


def slider_percent(page):
    clip = page.locator("#pair img.fixed").evaluate("image => getComputedStyle(image).clipPath")
    return float(re.search(r"([\d.]+)%", clip)[1])


def test_visitor_uploads_enlarges_drags_and_downloads(page, url, tmp_path):
    smooth_photo(90, 60, seed=3).save(tmp_path / "holiday.png")
    enlarge(page, tmp_path / "holiday.png")
    sizes = page.locator("#pair img").evaluate_all("images => images.map(i => [i.naturalWidth, i.naturalHeight])")
    assert sizes == [[360, 240]] * 2

    before = slider_percent(page)
    handle = page.locator("#pair .inner").bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 150, y, steps=8)
    page.mouse.up()
    assert slider_percent(page) < before - 5
    page.screenshot(path=str(Path(os.environ.get("SCREENSHOTS", tmp_path)) / "enlarged.png"), full_page=True)

    with page.expect_download() as download:
        page.click("#result a[download]")
    assert download.value.suggested_filename == "holiday_x4.png"
    download.value.save_as(tmp_path / "down.png")
    from srgan_hub import Upscaler

    expected = Upscaler.from_pretrained(DEFAULT)(read(tmp_path / "holiday.png"))
    assert np.abs(np.asarray(read(tmp_path / "down.png")).astype(int) - np.asarray(expected)).max() <= 1
    assert not [wanted for wanted in page.requested if not wanted.startswith((url, "data:", "blob:"))]


def test_example_and_other_model(page, tmp_path):
    page.get_by_label("Clean, faithful").check()
    page.locator("#examples button").first.click()
    page.wait_for_selector("#photo img")
    page.click("#enlarge")
    page.wait_for_selector("#pair img >> nth=1", timeout=120_000)


def test_damaged_file_gets_a_sentence(page, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n not a picture")
    page.set_input_files("#photo input[type=file]", str(tmp_path / "broken.png"))
    page.wait_for_selector("#photo img")
    page.click("#enlarge")
    toast = page.wait_for_selector("[data-testid=toast-body]", timeout=20_000)
    assert "not a picture that can be read" in toast.inner_text()


def test_endpoint_answers_a_client(url, tmp_path):
    from gradio_client import Client, handle_file

    smooth_photo(24, 16).save(tmp_path / "a.png")
    pair, file = Client(url, verbose=False).predict(handle_file(tmp_path / "a.png"), "srresnet-x4", api_name="/upscale")
    assert len(pair) == 2
    assert read(file).size == (96, 64)
