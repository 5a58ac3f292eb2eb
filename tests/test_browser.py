"""The app in a real Chromium, as a visitor uses it. `make browser` installs what it needs. SCREENSHOTS names a folder to keep
pictures of the page in."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from base64 import b64encode
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT, flat, read, smooth_photo
from srgan_hub.evaluation.opinion.ratings import read as read_ratings
from srgan_hub.evaluation.opinion.study import make_study
from srgan_hub.ui.models import open_upscaler
from srgan_hub.ui.use import snippets
from srgan_hub.ui.view import SHIPPED as MODEL

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip
# Every connection that the app opens to another machine is refused and written down.
GUARD = """
import os, socket
connect = socket.socket.connect
def guarded(self, address):
    if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost", "0.0.0.0"):
        open(os.environ["GUARDED"], "a").write(f"{address}\\n")
        raise OSError("the network is not there")
    return connect(self, address)
socket.socket.connect = guarded
"""
QUICKER = "Photo, quicker"  # the model of a photo of .1 megapixels, the limit here; the default may have half of that
SECONDS = 120_000  # ms that a result may take on a busy machine


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """Where connections to other machines are written down."""
    folder = tmp_path_factory.mktemp("guard")
    (folder / "sitecustomize.py").write_text(GUARD)
    return folder / "connections"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A blind study of one picture by nearest and as it is, with one photograph of examples; ratings go beside it."""
    folder = tmp_path_factory.mktemp("study")
    pairs = [(f"{n}", smooth_photo(16, 12, seed=n), np.asarray(smooth_photo(64, 48, seed=n))) for n in range(2)]
    make_study(folder / "study", {"Mine": pairs[:1]}, {}, pairs[1:])
    return folder


@pytest.fixture(scope="module")
def url(guarded, study, tmp_path_factory):
    """The app as `make demo` starts it, on a free port, with a limit of a tenth of a megapixel and a study to rate."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {
        "GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "1", "SRGAN_MAX_MEGAPIXELS": "0.1", "SRGAN_MAX_FILES": "3",
        "SRGAN_STUDY": str(study / "study"), "SRGAN_RATINGS": str(study / "ratings"),
        "PYTHONPATH": str(guarded.parent), "GUARDED": str(guarded), "GRADIO_TEMP_DIR": str(tmp_path_factory.mktemp("uploads")),
    }  # fmt: skip
    server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=os.environ | variables)
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
    assert not list(Path(variables["GRADIO_TEMP_DIR"]).glob("srgan_hub-*"))  # what visitors left is gone
    assert not guarded.exists(), guarded.read_text()


@pytest.fixture(scope="module")
def browser():
    if not Path(CHROMIUM).exists():
        pytest.skip(f"needs {CHROMIUM}; `make browser` installs it")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


def opened(browser, url, width=1280, height=900, **options):
    page = browser.new_page(viewport={"width": width, "height": height}, accept_downloads=True, **options)
    page.requested = []
    page.on("request", lambda request: page.requested.append(request.url))
    page.goto(url)
    page.wait_for_selector("#enlarge")
    return page


@pytest.fixture
def page(browser, url):
    """Every test ends with the proof that nothing was asked of another machine."""
    page = opened(browser, url)
    yield page
    kept = page.evaluate("() => Object.keys(localStorage)")
    page.close()
    assert not [name for name in kept if "history" in name], kept
    assert not [wanted for wanted in page.requested if not wanted.startswith((url, "data:", "blob:"))]


def upload(page, path):
    page.set_input_files("#photo input[type=file]", str(path))
    page.wait_for_selector("#photo img")


def choose(page, label):
    page.get_by_label(label, exact=True).check()


def seen(page):
    """The two pictures of the slider, once they are there: where from, and [natural, shown] widths."""
    page.wait_for_selector("#pair img >> nth=1", timeout=SECONDS)
    page.wait_for_function("[...document.querySelectorAll('#pair img')].every(i => i.complete && i.naturalWidth)")
    return page.locator("#pair img").evaluate_all("all => all.map(i => i.src)")


def wait_for_other(page, before, number=1):
    """Until that picture of the slider is another one."""
    script = "([before, number]) => (document.querySelectorAll('#pair img')[number] || {src: before}).src != before"
    page.wait_for_function(script, arg=[before[number], number], timeout=SECONDS)
    return seen(page)


def download(page, folder):
    with page.expect_download() as downloaded:
        page.click("#result a[download]", timeout=SECONDS)
    downloaded.value.save_as(folder / downloaded.value.suggested_filename)
    return folder / downloaded.value.suggested_filename


def slider_percent(page):
    clip = page.locator("#pair img.fixed").evaluate("image => getComputedStyle(image).clipPath")
    return float(re.search(r"([\d.]+)%", clip)[1])


def tab_to(page, selector):
    """Press Tab until that has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")


def toast(page):
    return page.wait_for_selector("[data-testid=toast-body]", timeout=20_000).inner_text()


def keep(page, name):
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def test_a_photo_is_seen_at_once_pixel_by_pixel_and_downloaded_whole(page, tmp_path):
    smooth_photo(220, 200, seed=3).save(tmp_path / "holiday.png")
    upload(page, tmp_path / "holiday.png")
    seen(page)
    sizes = page.locator("#pair img").evaluate_all("all => all.map(i => [i.naturalWidth, i.getBoundingClientRect().width])")
    assert all(natural == shown > 700 for natural, shown in sizes)

    before = slider_percent(page)
    handle = page.locator("#pair .inner").bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 150, y, steps=8)
    page.mouse.up()
    assert slider_percent(page) < before - 5

    page.click("#enlarge")
    file = download(page, tmp_path)
    keep(page, "enlarged")
    assert file.name == "holiday_x4.png"
    expected = open_upscaler(MODEL)(read(tmp_path / "holiday.png"))
    assert np.abs(np.asarray(read(file)).astype(int) - np.asarray(expected)).max() <= 1
    numbers = page.locator("#numbers").inner_text()
    for part in ("220×200 → 880×800 pixels", "Time", "Computed by"):
        assert part in numbers


def test_the_region_moves_by_a_click_on_the_thumbnail_and_by_buttons(page, tmp_path):
    smooth_photo(400, 240, seed=3).save(tmp_path / "a.png")
    upload(page, tmp_path / "a.png")
    first = seen(page)
    page.locator("#thumbnail img").click(position={"x": 5, "y": 5})
    second = wait_for_other(page, first)
    page.click("#go-right")
    wait_for_other(page, second)


def test_model_left_side_texture_and_size_change_what_is_seen(page, tmp_path):
    smooth_photo(120, 90, seed=3).save(tmp_path / "a.png")
    upload(page, tmp_path / "a.png")
    now = seen(page)
    choose(page, "Clean")
    now = wait_for_other(page, now)
    assert "Clean model" in page.locator("#caption").inner_text()
    page.focus("#texture input[type=range]")
    page.keyboard.press("ArrowLeft")
    now = wait_for_other(page, now)
    assert "texture 75%" in page.locator("#caption").inner_text()
    page.click("#left input")
    page.get_by_role("option", name="Clean, faithful").click()
    now = wait_for_other(page, now, number=0)
    page.click("#size input")
    page.get_by_role("option", name="×2").click()
    wait_for_other(page, now)
    assert "240×180 pixels" in page.locator("#caption").inner_text()
    choose(page, "Clean, faithful")
    page.wait_for_selector("#texture", state="hidden")
    page.click("#size input")
    page.get_by_role("option", name="Longest side").click()
    page.wait_for_function("document.querySelector('#longest input')?.value == '480'")  # what the photo can have
    page.fill("#longest input", "200")
    page.keyboard.press("Enter")
    page.wait_for_function("/200×150 pixels/.test(document.querySelector('#caption')?.innerText)", timeout=SECONDS)
    page.click("#enlarge")
    file = download(page, tmp_path)
    assert file.name == "a_200.png"
    assert read(file).size == (200, 150)


def test_side_by_side_and_where_detail_was_invented_by_keyboard_alone(page):
    tab_to(page, "#examples button")
    page.keyboard.press("Enter")
    seen(page)
    tab_to(page, "#mode input[value='Side by side']")
    page.keyboard.press("Space")
    page.wait_for_selector("#before img")
    page.wait_for_selector("#after img")
    tab_to(page, "#mode input[value='Where detail was invented']")
    page.keyboard.press("Space")
    page.wait_for_selector("#changed img", timeout=SECONDS)
    assert "no faithful partner" in page.locator("#doubted").inner_text()
    tab_to(page, "#model input[value='srgan-x4-photo']")
    page.keyboard.press("Space")
    page.locator("#doubted", has_text="in dark areas are not evidence").wait_for(timeout=SECONDS)
    keep(page, "invented")
    tab_to(page, "#enlarge")
    page.keyboard.press("Enter")
    page.wait_for_selector("#result a[download]", timeout=SECONDS)


def test_a_new_photo_ends_the_run_of_the_one_before(page, tmp_path):
    for name, seed in (("a", 3), ("b", 4)):
        smooth_photo(400, 249, seed=seed).save(tmp_path / f"{name}.png")
    choose(page, QUICKER)
    upload(page, tmp_path / "a.png")
    first = seen(page)
    page.click("#enlarge")
    page.wait_for_function("/tile [1-9]/.test(document.querySelector('#status')?.innerText)", timeout=SECONDS)
    page.set_input_files("#photo input[type=file]", str(tmp_path / "b.png"))
    wait_for_other(page, first)
    page.wait_for_selector("#enlarge", timeout=SECONDS)
    page.wait_for_timeout(1000)
    assert page.locator("#result a[download]").count() == 0 and page.locator("#numbers").inner_text() == ""


def test_cancel_stops_the_work_and_frees_the_button(page, tmp_path):
    smooth_photo(400, 249, seed=3).save(tmp_path / "a.png")
    choose(page, QUICKER)
    upload(page, tmp_path / "a.png")
    seen(page)
    page.click("#enlarge")
    page.wait_for_selector("#status progress")
    page.wait_for_function("/tile [1-9]/.test(document.querySelector('#status')?.innerText)", timeout=SECONDS)
    assert "left" in page.locator("#status").inner_text()
    page.click("#cancel")
    page.wait_for_function("/Canceled/.test(document.querySelector('#status')?.innerText)", timeout=SECONDS)
    page.wait_for_selector("#enlarge", timeout=SECONDS)  # it is there again as soon as the computing has ended
    page.click("#enlarge")
    page.wait_for_function("/tile [1-9]/.test(document.querySelector('#status')?.innerText)", timeout=SECONDS)
    assert page.locator("#result a[download]").count() == 0
    page.wait_for_selector("#result a[download]", timeout=SECONDS)


@pytest.fixture
def too_large(page, tmp_path):
    """A photo of .48 megapixels where .1 are allowed, and .3 for the quick model."""
    smooth_photo(800, 600, seed=3).save(tmp_path / "phone.jpg")
    choose(page, QUICKER)
    upload(page, tmp_path / "phone.jpg")
    page.wait_for_selector("#over:visible")
    page.wait_for_function("/0.5 megapixels .800×600.; up to 0.1 /.test(document.querySelector('#why')?.innerText)")
    seen(page)  # it is shown all the same
    return page


@pytest.mark.parametrize(
    ("way", "size"), [("#take-region", (1460, 1092)), ("#take-shrunk", (1460, 1092)), ("#take-quick", (2528, 1896))]
)
def test_over_the_limit_there_are_three_ways_on(too_large, way, size, tmp_path):
    page = too_large
    keep(page, "over")
    page.click(way)
    if way == "#take-region":
        page.wait_for_selector("#pick img")
        page.locator("#pick img").click(position={"x": 5, "y": 5})
        keep(page, "region")
        page.wait_for_function("/A region of 365×273/.test(document.querySelector('#why')?.innerText)")
    else:
        page.wait_for_function("/The photo is shrunk to/.test(document.querySelector('#why')?.innerText)")
    page.wait_for_timeout(500)
    page.click("#enlarge")
    assert read(download(page, tmp_path)).size == size


def test_a_region_lies_around_what_is_looked_at_and_other_ways_and_photos_stay_open(too_large, tmp_path):
    page = too_large
    first = seen(page)
    page.locator("#thumbnail img").click(position={"x": 5, "y": 5})
    second = wait_for_other(page, first)
    thumbnail = page.locator("#thumbnail img").get_attribute("src")
    page.click("#take-region")
    page.wait_for_selector("#pick img")
    page.wait_for_function("before => document.querySelector('#thumbnail img').src != before", arg=thumbnail, timeout=SECONDS)
    frame = """() => {
        const image = document.querySelector('#pick img'), canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        return [...context.getImageData(20, 0, 1, 1).data];
    }"""
    assert page.evaluate(frame)[:3] == [255, 255, 255]  # its frame runs along the photo's upper edge
    page.locator("#thumbnail img").click(position={"x": 5, "y": 5})
    third = wait_for_other(page, second)
    page.click("#take-shrunk")
    page.wait_for_function("/The photo is shrunk to/.test(document.querySelector('#why')?.innerText)")
    page.wait_for_selector("#pick", state="hidden")
    wait_for_other(page, third)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n not a picture")
    page.set_input_files("#photo input[type=file]", str(tmp_path / "broken.png"))
    page.wait_for_selector("#over", state="hidden")  # nothing is left of the photo before
    page.wait_for_selector("#pair", state="hidden")
    assert "broken.png: not a readable image" in toast(page)


def test_nothing_chosen_and_wrong_type_get_a_sentence(page, tmp_path):
    page.click("#enlarge")
    assert "Choose a photo first" in toast(page)
    (tmp_path / "notes.txt").write_text("not a picture")
    page.get_by_role("tab", name="Several").click()
    page.set_input_files("#photos input[type=file]", str(tmp_path / "notes.txt"))
    page.wait_for_function("[...document.querySelectorAll('[data-testid=toast-body]')].some(t => /type/i.test(t.innerText))")


def test_several_give_a_zip_and_the_bad_one_is_named(page, tmp_path):
    smooth_photo(60, 40, seed=1).save(tmp_path / "one.png")
    smooth_photo(800, 600, seed=2).save(tmp_path / "large.jpg")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    page.get_by_role("tab", name="Several").click()
    page.set_input_files("#photos input[type=file]", [str(tmp_path / name) for name in ("one.png", "large.jpg", "broken.png")])
    page.wait_for_selector("#photos .file-preview, #photos table")
    page.wait_for_selector("#enlarge", state="hidden")  # it is for one photo
    page.click("#enlarge-many")
    file = download(page, tmp_path)
    keep(page, "several")
    with zipfile.ZipFile(file) as zipped:
        assert zipped.namelist() == ["one_x4.png", "large_x4.png"]
    assert "broken.png: not a readable image." in page.locator("#numbers").inner_text()


def test_what_stands_in_a_files_name_is_shown_and_not_run(page):
    """Its letters, where they are shown as they were given, and what the server has left of them in sentences."""
    name = "<img src=x onerror=hit()>&lt;img src=x onerror=hit()&gt;'.png"
    page.evaluate("() => { window.hits = 0; window.hit = () => window.hits++; }")
    broken, sound = ({"name": f"{n}{name}", "mimeType": "image/png", "buffer": data} for n, data in enumerate((b"x", flat(9))))
    page.set_input_files("#photo input[type=file]", broken)
    assert "not a readable image" in toast(page)
    page.get_by_role("tab", name="Several").click()
    page.set_input_files("#photos input[type=file]", [broken, sound])
    page.wait_for_function("document.querySelector('#photos')?.innerText.includes('<img src=x onerror')")
    page.click("#enlarge-many")
    page.wait_for_selector("#result a[download]", timeout=SECONDS)
    assert "0img src=x onerror=hit()&lt;img src=x onerror=hit()&gt;'.png: not a readable" in page.locator("#numbers").inner_text()
    assert page.locator("#numbers :is(img, script), #photos img[src=x], [data-testid=toast-body] img").count() == 0
    assert page.evaluate("window.hits") == 0
    page.set_content("<img src=x onerror='window.hits = 1'>")
    page.wait_for_function("window.hits == 1")  # it would have been counted


HAND_OVER = """([place, event, photos]) => {
    const data = new DataTransfer();
    for (const [name, bytes] of photos)
        data.items.add(new File([Uint8Array.from(atob(bytes), c => c.charCodeAt())], name, {type: 'image/png'}));
    const kind = event == 'paste' ? ClipboardEvent : DragEvent;
    const settings = {bubbles: true, cancelable: true, clipboardData: data, dataTransfer: data};
    document.querySelector(place).dispatchEvent(new kind(event, settings));
}"""


def test_photos_may_be_pasted_and_dropped_anywhere_one_or_several(page):
    photos = [[f"{grey}.png", b64encode(flat(grey)).decode()] for grey in (10, 200)]
    page.evaluate(HAND_OVER, ["body", "paste", photos[:1]])
    first = seen(page)
    page.evaluate(HAND_OVER, ["#view", "drop", photos[1:]])  # in the place of the first
    wait_for_other(page, first)
    page.evaluate(HAND_OVER, ["#photo", "drop", photos])
    page.wait_for_selector("#photos:visible")
    page.wait_for_function("['10', '200'].every(name => document.querySelector('#photos')?.innerText.includes(name))")
    page.evaluate(HAND_OVER, ["body", "paste", photos[:1]])
    page.wait_for_selector("#photo:visible")


def test_check_on_a_sharp_picture(page):
    page.locator("#examples button").first.click()
    seen(page)
    page.get_by_text("Check on a sharp picture").click()
    page.click("#check")
    page.wait_for_selector("#scores table", timeout=SECONDS)
    rows = page.locator("#scores tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == ["Bicubic", "Photo"]
    page.wait_for_selector("#restored img >> nth=1")
    before = page.locator("#restored img").first.get_attribute("src")
    page.locator("#which").get_by_label("Bicubic").check()
    page.wait_for_function("before => document.querySelector('#restored img').src != before", arg=before)
    keep(page, "check")


# What is wrong with what can be seen: too wide, pictures and fields without a name, text with less contrast than WCAG AA asks.
FAULTS = """() => {
    const faults = [], width = document.documentElement.scrollWidth;
    if (width > innerWidth) faults.push(`${width} pixels wide`);
    const seen = element => element.checkVisibility({opacityProperty: true, visibilityProperty: true});
    for (const image of document.querySelectorAll('img'))
        if (seen(image) && !image.alt) faults.push('no alt: ' + image.outerHTML);
    for (const field of document.querySelectorAll('input, textarea, select'))
        if (seen(field) && field.type != 'file' && !field.labels?.length && !field.ariaLabel && !field.title && !field.placeholder
            && !field.getAttribute('aria-labelledby')) faults.push('no name: ' + field.outerHTML);
    for (const button of document.querySelectorAll('button, a, [role=button]'))
        if (seen(button) && !button.innerText.trim() && !button.ariaLabel && !button.title
            && !button.querySelector('img[alt], [aria-label]'))
            faults.push('no name: ' + button.outerHTML);
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const paint = colours => {  // one over the other
        canvas.clearRect(0, 0, 1, 1);
        for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = rgb => rgb.slice(0, 3).map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; node = texts.nextNode();) {
        const element = node.parentElement, style = getComputedStyle(element);
        if (!node.textContent.trim() || !seen(element) || element.closest('style, script, [disabled], svg')) continue;
        if (element.getBoundingClientRect().width < 2) continue;  // for screen readers
        const under = [];
        for (let one = element; one; one = one.parentElement) under.unshift(getComputedStyle(one).backgroundColor);
        const [low, high] = [paint(under), paint([...under, style.color])].map(luminance).sort((a, b) => a - b);
        const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && style.fontWeight >= 700);
        const ratio = (high + .05) / (low + .05);
        if (ratio < (large ? 3 : 4.5)) faults.push(`${ratio.toFixed(1)}:1 "${node.textContent.trim()}" ${element.outerHTML}`);
    }
    return faults;
}"""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_tab_fits_the_screen_has_names_and_can_be_read(browser, url, width, height, scheme):
    page = opened(browser, f"{url}/?__theme={scheme}", width, height, color_scheme=scheme)
    name = f"{'phone' if width < 500 else 'desktop'}-{scheme}"

    faults = []

    def check(what):
        page.mouse.move(0, 0)
        page.wait_for_timeout(300)  # gradio fades from one colour to the other
        keep(page, f"{name}-{what}")
        faults.extend(f"{what}: {fault}" for fault in page.evaluate(FAULTS))

    check("empty")
    page.locator("#examples button").first.click()
    seen(page)
    natural, shown = page.locator("#pair img").first.evaluate("i => [i.naturalWidth, i.getBoundingClientRect().width]")
    assert natural == shown  # pixel by pixel here too
    page.click("#enlarge")
    page.wait_for_selector("#result a[download]", timeout=SECONDS)
    check("enlarge")
    for mode, picture in (("Side by side", "#before img"), ("Where detail was invented", "#changed img")):
        page.get_by_label(mode).check()
        page.wait_for_selector(picture, timeout=SECONDS)
        check(mode.split()[0].lower())
    page.get_by_text("Check on a sharp picture").click()
    page.wait_for_selector("#check:visible")
    check("check")
    for tab, part in (("Several", "#enlarge-many"), ("Use it", "#snippet-curl"), ("Rate", "#rate-begin")):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_selector(f"{part}:visible")
        if tab == "Use it":
            page.wait_for_function("url => document.querySelector('#snippet-curl')?.innerText.includes(url)", arg=url)
        check(tab.split()[0].lower())
    page.close()
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)])
def test_a_rating_session_goes_on_in_the_same_browser_and_is_kept(browser, url, study, width, height):
    visitor = browser.new_context(viewport={"width": width, "height": height})

    def rate_tab():
        page = visitor.new_page()
        page.goto(url)
        page.get_by_role("tab", name="Rate").click()
        return page

    def says(page, words):
        page.wait_for_function("words => document.body.innerText.includes(words)", arg=words, timeout=20_000)

    page = rate_tab()
    page.click("#rate-begin")
    says(page, "Example 1 of 2")
    says(page, "this is 1, bad")
    page.keyboard.press("Enter")
    says(page, "this is 5, excellent")
    page.click("#rate-next")
    says(page, "Picture 1 of 2")
    page.wait_for_function("document.querySelector('#rate-picture img')?.naturalWidth == 64")
    assert page.locator("#rate-picture img").evaluate("i => i.getBoundingClientRect().width") == 64  # pixel by pixel
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    keep(page, f"rate-{width}")
    page.keyboard.press("4")
    says(page, "Picture 2 of 2")
    page.close()
    page = rate_tab()
    says(page, "Picture 2 of 2")
    page.click("#score-2")
    says(page, "You have rated all 2 pictures")
    ratings = read_ratings((study / "ratings").glob("*.jsonl"))
    rater = ratings[-1].rater
    assert [rating.score for rating in ratings if rating.rater == rater] == [4, 2]
    visitor.close()


@pytest.mark.parametrize("number", [1, 2], ids=["gradio_client", "curl"])
def test_the_snippets_run(url, number, tmp_path):
    smooth_photo(24, 16).save(tmp_path / "photo.jpg")
    code = snippets(url, MODEL)[number]
    command = [sys.executable, "-c", code] if number == 1 else ["bash", "-euo", "pipefail", "-c", code]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    assert read(tmp_path / "photo_x4.png").size == (96, 64)


def test_endpoints_answer_a_client(url, tmp_path):
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    smooth_photo(120, 90).save(tmp_path / "a.png")
    photo, client = handle_file(tmp_path / "a.png"), Client(url, verbose=False)
    file, numbers = client.predict(photo, "srresnet-x4", size="x2", format="WebP", api_name="/upscale")
    assert read(file).size == (240, 180)
    assert numbers["taken"] == [120, 90]
    scores = client.predict(photo, ["bicubic", "srresnet-x4"], api_name="/evaluate")
    assert scores["srresnet-x4"]["psnr"] > 20
    for mistake, said in ((("/etc", 100, "x4", "PNG"), "no model '/etc'"), (("srgan-x4", 100, "x9", "PNG"), "from 1 to"),
                          (("srresnet-x4", 50, "x4", "PNG"), "no faithful partner")):  # fmt: skip
        with pytest.raises(AppError, match=said):
            client.predict(photo, *mistake, api_name="/upscale")


def test_who_waits_sees_the_place_and_a_client_that_cancels_makes_way(page, url, tmp_path):
    from gradio_client import Client, handle_file

    smooth_photo(400, 249).save(tmp_path / "a.png")
    smooth_photo(20, 14).save(tmp_path / "b.png")
    upload(page, tmp_path / "b.png")
    seen(page)
    client = Client(url, verbose=False)
    job = client.submit(handle_file(tmp_path / "a.png"), "srgan-x4-photo", api_name="/upscale")
    while not job.outputs():
        time.sleep(0.1)
    page.click("#enlarge")
    page.wait_for_function("/number 1 of 1 in the queue/.test(document.querySelector('#status')?.innerText)")
    keep(page, "waiting")
    job.cancel()
    start = time.monotonic()
    page.wait_for_selector("#result a[download]", timeout=SECONDS)
    assert time.monotonic() - start < 8
