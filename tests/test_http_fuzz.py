"""The real app under attack over HTTP: nothing crashes, nothing leaks, nothing sticks, and afterwards it works as before.

A few of the random requests in `make test`, many in `make soak`."""

import json
import os
import re
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.clients import megabytes, served
from conftest import encoded, flat, smooth_photo
from raw_http import ANY, API, BOUNDARY, Raw, filedata, multipart
from srgan_hub.evaluation.opinion.ratings import read as read_ratings
from srgan_hub.evaluation.opinion.study import make_study

MODEL = "srgan-x4-lite"
SECRET, TOKEN = b"what nobody may read", "hf_" + "Secret" * 5
MORE = 150  # MB that the server may have taken for good: 300 sessions of 0.25 MB, and what the allocator keeps
REFUSED = {507}  # of the statuses from 500: no room on the disk
ORDER = [MODEL, 100, "x4", "PNG"]
ROUTES = ("/queue/join", "/call/{}", "/call/v2/{}", "/run/{}", "/api/{}", "/cancel", "/reset", "/component_server", "/stream/x",
          "/process_recording", "/vibe-edit", "/vibe-code", "/login", "/upload")  # fmt: skip
PLACES = (f"{API}/file=", f"{API}/file/", f"{API}/proxy=", "/static/", "/assets/", "/svelte/", "/config?deep_link=",
          "/?deep_link=", f"{API}/deep_link?session_hash=", f"{API}/info?page=", "/monitoring/", f"{API}/stream/",
          f"{API}/call/upscale/", f"{API}/custom_component/", "/pwa_icon/", "/")  # fmt: skip
AS_JSON = {"Content-Type": "application/json"}
FIELDS = ("data", "session_hash", "fn_index", "event_id", "event_data", "trigger_id", "component_id", "fn_name", "prompt", "code")
HEADERS = ("Range", "X-Forwarded-Host", "X-Forwarded-Proto", "Cookie", "Accept-Encoding", "Origin", "If-Range")
ODD = ("bytes=1-2-3", "bytes=9-1", "bytes=1-2,3-4", "http://[", "a:b:c", "evil.example:x", "\xff", "x" * 5000)
NAMES = ("<img src=x onerror=alert(1)>.png", "'\"><script>1</script>.png", "../../../x.png", "..\\..\\x.png", "a/b\\c.png", " ",
         "x" * 2000 + ".png", "\u202egnp.exe", "é" * 300 + ".png", ".png", "-rf.png", "CON", "a\tb.png", "$(id).png")  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a secret, a blind study, room for ratings and uploads, and what the app writes in `log`."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "secret.png").write_bytes(SECRET)
    (folder / "uploads").mkdir()
    pairs = [(f"{n}", smooth_photo(8, 8, seed=n), np.asarray(smooth_photo(32, 32, seed=n))) for n in range(2)]
    make_study(folder / "study", {"Mine": pairs[:1]}, {}, pairs[1:])
    return folder


@pytest.fixture(scope="module")
def server(place):
    """The app, as main() starts it, small: its address and its process. In the end it has told no secret, and left nothing."""
    variables = {
        "SRGAN_MODELS": MODEL, "SRGAN_MAX_FILE_MB": "1", "SRGAN_MAX_FILES": "2", "SRGAN_QUEUE": "4", "OMP_NUM_THREADS": "1",
        "SRGAN_STUDY": str(place / "study" / "public"), "SRGAN_RATINGS": str(place / "ratings"), "HF_TOKEN": TOKEN,
        "GRADIO_TEMP_DIR": str(place / "uploads"),
    }  # fmt: skip
    with served(place / "log", **variables) as (url, process):
        yield url, process
    log = (place / "log").read_bytes()
    assert TOKEN.encode() not in log and SECRET not in log
    assert not list((place / "uploads").glob("srgan_hub-*"))


@pytest.fixture(scope="module")
def page(server):
    page = Raw(server[0])
    works(page)  # the model is there now
    return page


def works(page: Raw) -> None:
    """Soon, a normal request is answered, and nobody is before it in the line."""
    for _ in range(200):
        event = page.call("upscale", [page.uploaded(flat(4)), *ORDER])
        text = page.get(f"{API}/call/upscale/{event}").body.decode()
        if "event: complete" in text and "in the queue" not in text:
            return
        time.sleep(0.1)
    raise AssertionError(f"somebody is still in the line: {text[:300]}")


def requests(page: Raw):
    """(method, path, body, headers) of anything from nearly right to nonsense."""
    photo = page.uploaded(flat(50))
    endpoints = page.get(f"{API}/info").json["named_endpoints"]
    names = st.sampled_from([name[1:] for name in endpoints] + ["nothing", "lambda", "%00"])
    argument = st.sampled_from([photo, MODEL, 100, 640, "x2", "PNG", ["bicubic"], "Slider", "", None]) | ANY

    @st.composite
    def called(draw):
        """What may be taken: an endpoint's arguments, or those of an event of the page, and its session."""
        if draw(st.booleans()):
            name = draw(st.sampled_from(sorted(endpoints)))
            data = [draw(argument) for _ in endpoints[name]["parameters"]]
            return "POST", f"{API}/call{name}", json.dumps({"data": data}).encode(), AS_JSON
        event = draw(st.sampled_from(page.config["dependencies"]))
        data = [draw(argument) for _ in event["inputs"]]
        body = {"fn_index": event["id"], "data": data, "session_hash": uuid4().hex, "event_data": draw(st.none() | ANY)}
        return "POST", f"{API}/queue/join", json.dumps(body).encode(), AS_JSON

    @st.composite
    def posted(draw):
        fields = draw(st.sets(st.sampled_from(FIELDS), max_size=4)) | draw(st.sampled_from([{"data"}, set()]))
        value = st.lists(argument, max_size=7) | st.integers(-1, 60) | ANY
        body = json.dumps(draw(st.fixed_dictionaries(dict.fromkeys(sorted(fields), value)) | ANY)).encode()
        body = body[: draw(st.sampled_from([None, None, None, len(body) // 2]))]
        body = draw(st.sampled_from([body] * 8 + [b"[" * 100_000, b"\xff\xfe", b"9" * 5000, b'{"data":' + b"[" * 900]))
        kind = draw(st.sampled_from(["application/json"] * 6 + ["text/plain", "multipart/form-data; boundary=x", "\xff"]))
        return "POST", API + draw(st.sampled_from(ROUTES)).format(draw(names)), body, {"Content-Type": kind}

    @st.composite
    def sent_up(draw):
        visible = st.text(st.characters(exclude_characters='"\r\n\0'), max_size=40)
        part = st.tuples(st.sampled_from(["files", "other", ""]), st.none() | visible, st.binary(max_size=30))
        body = multipart(draw(st.lists(part, max_size=3)), end=draw(st.booleans()))
        boundary = draw(st.sampled_from([BOUNDARY] * 6 + ["", "y" * 3000, "other"]))
        charset = draw(st.sampled_from(["", "; charset=utf-16", "; charset=nonsense"]))
        query = draw(st.sampled_from(["", "?upload_id=", "?upload_id=a"]))
        return "POST", f"{API}/upload{query}", body, {"Content-Type": f"multipart/form-data; boundary={boundary}{charset}"}

    @st.composite
    def asked(draw):
        rest = draw(st.text(st.characters(codec="utf-8"), max_size=20)).encode()
        path = draw(st.sampled_from(PLACES)) + "".join(f"%{byte:02x}" for byte in rest)
        if draw(st.booleans()):
            path = f"{API}/file={photo['path']}"
        return "GET", path, None, draw(st.dictionaries(st.sampled_from(HEADERS), st.sampled_from(ODD), max_size=2))

    return called() | posted() | sent_up() | asked()


@pytest.mark.parametrize("examples", [100, pytest.param(20_000, marks=pytest.mark.soak)])
def test_any_request_is_answered_or_refused(page, server, place, examples, report):
    """No crash, no traceback to the visitor, no secret; what was accepted ends, and is right or an error."""
    statuses, ends, before = Counter(), Counter(), megabytes(server[1])
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]

    @settings(max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=slow)
    @given(requests(page))
    def holds(request):
        answer = page.ask(*request)
        statuses[answer.status] += 1
        assert answer.status < 500 or answer.status in REFUSED, answer
        assert SECRET not in answer.body and TOKEN.encode() not in answer.body and b"Traceback" not in answer.body
        if answer.status == 200 and answer.body.startswith(b'{"event_id":"'):
            if "/call/" in request[1]:
                ends[page.outcome("upscale", answer.json["event_id"])[0]] += 1
            elif re.fullmatch("[0-9a-f]{32}", session := str(json.loads(request[2]).get("session_hash"))):
                ends["error" if "error" in page.completed(session) else "complete"] += 1

    holds()
    works(page)
    grown = megabytes(server[1]) - before
    assert {200, 400} <= statuses.keys() and "error" in ends  # some came through, some were refused
    report(requests=examples, statuses=dict(sorted(statuses.items())), ended=dict(ends), megabytes_more=round(grown))
    assert grown < MORE


def paths_to(file: Path) -> list[str]:
    """Ways to say a file's path."""
    text = str(file)
    quoted = "".join(f"%{ord(letter):02x}" for letter in text)
    dotted = "../" * 20 + text[1:], f"{file.parent}/./{file.name}", os.path.relpath(file), f"{text}%00.png"
    return [text, f"/{text}", quoted, quoted.replace("%", "%25"), f"file://{text}", f"/proc/self/root{text}", *dotted]


def test_no_file_outside_the_cache_is_read(page, place):
    """By no route, and in no argument; symbolic links and archives among the uploads are nothing but files."""
    mine = page.uploaded(flat(12))
    assert page.get(f"{API}/file={mine['path']}").body == flat(12)  # what is in it, is read: these attacks could succeed
    home, secret = Path(mine["path"]).parent, place / "secret.png"
    tried = [*paths_to(secret), f"{home}/{os.path.relpath(secret, home)}", f"{mine['path']}/../../../../secret.png"]
    for start in PLACES:
        for path in tried:
            answer = page.get(start + path)
            assert SECRET not in answer.body
            assert answer.status < 500
    for path in ("/proc/self/environ", "app.py", "/etc/passwd", str(next((place / "study").rglob("*.png")))):
        assert page.get(f"{API}/file={path}").status == 403
    events = [("evaluate", [filedata(str(secret)), ["bicubic"]])]
    for path in [*tried, "/proc/self/environ", "/etc/passwd", str(place), str(home.parent), "", "\0"]:
        photos = filedata(path), filedata(path, url=path, is_stream=True), {"path": path}, [filedata(path)], path
        events += [("upscale", [photo, *ORDER]) for photo in photos]
        events += [("upscale", [mine, path, 100, "x4", "PNG"]), ("upscale", [mine, MODEL, 100, path, "PNG"])]
    with ThreadPoolExecutor(2) as pool:
        for (name, data), (kind, said) in zip(events, pool.map(lambda event: page.done(*event), events), strict=True):
            assert kind == "error", (name, data)
            assert SECRET.decode() not in json.dumps(said)
    settings = ["Slider", "bicubic", MODEL, 100, "×4", 3840, "PNG"]
    for path, wrong in ((str(secret), True), (mine["path"], False)):
        output = page.press("take-region", [640, filedata(path), None, None, *settings], uuid4().hex)
        assert ("error" in output) == wrong


def test_no_request_goes_to_an_address_of_the_own_network(page):
    """Nor to any, by routes of gradio that pass on what they fetch."""
    hits = []

    def listen(listener):
        while True:
            try:
                hits.append(listener.accept()[1])
            except OSError:
                return

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=listen, args=(listener,), daemon=True).start()
        port = listener.getsockname()[1]
        hosts = "127.0.0.1", "localhost", "0x7f.1", "2130706433", "127.1", "0.0.0.0", "[::ffff:127.0.0.1]", "u:p@127.0.0.1"
        addresses = [f"http://{host}:{port}/a.png" for host in hosts]
        addresses += [f"https://127.0.0.1:{port}/a.png", f"HTTP://127.0.0.1:{port}/", f"ftp://127.0.0.1:{port}/", page.url]
        mine = page.uploaded(flat(13))
        for address in addresses:
            assert page.get(f"{API}/file={address}").status in (403, 404)
            assert page.get(f"{API}/proxy={address}").status == 404
            kind, said = page.done("upscale", [filedata(address), *ORDER])
            assert kind == "error"
            kind, said = page.done("upscale", [mine | {"url": address}, *ORDER])
            assert (kind, said[1]["given"]) == ("complete", [24, 20])  # of the file that is here
        assert not hits
        with closing(socket.create_connection(("127.0.0.1", port))):
            time.sleep(0.1)
        assert hits  # it would have been heard


def test_an_upload_runs_nowhere_and_its_name_is_a_name(page):
    scripts = {"a.html": b"<script>1</script>", "a.svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='1'/>", "a.js": b"1",
               "a.xhtml": b"<html/>", "a.png.htm": b"<b>", "a.mht": b"x", "noend": b"<script>1</script>"}  # fmt: skip
    for name, content in scripts.items():
        answer = page.get(f"{API}/file={page.uploaded(content, name)['path']}")
        assert (answer.status, answer.body) == (200, content)
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["content-type"] == "application/octet-stream"
    photo = flat(14)
    for name in NAMES:
        answer = page.upload(("files", name.replace('"', "%22"), photo))
        assert answer.status == 200
        path = Path(answer.json[0])
        assert path.parent.parent == Path(page.uploaded(photo)["path"]).parent.parent
        assert not set('<>"/\\\0') & set(path.name) and len(path.name.encode()) < 256
        kind, said = page.done("upscale", [filedata(str(path)), *ORDER])
        assert kind == "complete", (name, said)
    assert page.upload(("files", "x" * 10_000, photo)).status == 413
    assert page.upload(("files", "..", photo)).status == 400


def test_what_is_too_large_is_refused(page):
    assert page.upload(("files", "a.png", bytes(1_000_001))).status == 413
    assert page.upload(("files", "a.png", bytes(999_999)), ("files", "b.png", bytes(999_999))).status == 200
    assert page.upload(*(("files", f"{n}.png", bytes(800_000)) for n in range(3))).status == 413  # together
    assert page.upload(("text", None, bytes(3_000_000))).status == 413
    assert page.post("/queue/join", {"fn_index": 0, "data": ["x" * 300_000], "session_hash": "a"}).status == 413
    assert page.post("/call/upscale", b'{"data":' + b"[" * 100_000).status < 500
    with closing(page.started("/queue/join", b"{", 10**12)) as lying:
        assert lying.recv(100).startswith(b"HTTP/1.1 413")
    bomb = encoded(Image.new("1", (9000, 9000)))
    kind, said = page.done("upscale", [page.uploaded(bomb), *ORDER])
    assert kind == "error" and said["error"]


# --- storms


def dribbles(page: Raw) -> None:
    """An upload that comes byte by byte, and is given up."""
    body = multipart([("files", "slow.png", flat(1))])
    with closing(page.started("/upload", b"", len(body))) as upload:
        for start in range(0, len(body), 40):
            upload.sendall(body[start : start + 20])
            time.sleep(0.05)


def hangs_up(page: Raw) -> None:
    """An upload whose visitor is gone in the middle."""
    body = multipart([("files", "half.png", os.urandom(200_000))])
    page.started("/upload", body[: len(body) // 2], len(body)).close()


def stops_listening(page: Raw) -> None:
    """A job whose visitor hears a little of it and is gone."""
    event = page.call("upscale", [page.uploaded(encoded(smooth_photo(300, 200))), *ORDER])
    with closing(page.connected()) as stream:
        stream.sendall(f"GET {API}/call/upscale/{event} HTTP/1.1\r\nHost: page\r\n\r\n".encode())
        stream.recv(200)


def never_listens(page: Raw) -> None:
    page.call("upscale", [page.uploaded(flat(2)), *ORDER])


def cancels(page: Raw) -> None:
    """A job that is cancelled: at once or later, once or more often, and by somebody who guesses."""
    session, photo = uuid4().hex, page.uploaded(encoded(smooth_photo(200, 150)))
    job = page.post("/call/upscale", {"data": [photo, *ORDER], "session_hash": session}).json["event_id"]
    (number,) = (one["id"] for one in page.config["dependencies"] if one["api_name"] == "upscale")
    for event, hash, fn in ((job, "guess", number), ("guess", session, 0), (job, session, 7), *2 * [(job, session, number)]):
        answer = page.post("/cancel", {"event_id": event, "session_hash": hash, "fn_index": fn})
        assert answer.status == 200


def enlarges(page: Raw) -> str:
    """A normal request in the middle of it all: enlarged, or told that too many wait."""
    kind, said = page.done("upscale", [page.uploaded(flat(3)), *ORDER])
    assert kind == "complete" or "The queue is full (4 waiting)" in said["error"], said
    return kind


def storm(page: Raw, rounds: int) -> Counter:
    """Everything at once, so often; how the normal requests among it ended."""
    kinds = [dribbles, hangs_up, stops_listening, never_listens, cancels, enlarges]
    with ThreadPoolExecutor(12) as pool:
        return Counter(pool.map(lambda number: kinds[number % len(kinds)](page), range(rounds * len(kinds))))


@pytest.mark.parametrize("rounds", [4, pytest.param(300, marks=pytest.mark.soak)])
def test_after_a_storm_all_is_as_before(page, server, rounds, report):
    """Nothing waits or works on, connections and memory are back."""
    process: psutil.Process = server[1]
    storm(page, 2)
    works(page)
    before = megabytes(process)
    start, ended = time.monotonic(), storm(page, rounds)
    works(page)
    assert page.get(f"{API}/queue/status").json["queue_size"] == 0
    assert len(page.ask("GET", "/config").json["dependencies"]) > 40
    for _ in range(50):
        if (open_ := len([one for one in process.net_connections() if one.status == "ESTABLISHED"])) == 0:
            break
        time.sleep(0.1)
    grown = megabytes(process) - before
    report(attacks=6 * rounds, seconds=round(time.monotonic() - start), enlarged=ended["complete"], refused=ended["error"],
           megabytes_more=round(grown), connections=open_)  # fmt: skip
    assert open_ == 0
    assert ended["complete"] + ended["error"] == rounds
    assert grown < MORE


# --- ratings


def rated(place: Path) -> list:
    return read_ratings((place / "ratings").glob("*.jsonl"))


class Rater:
    """Who rates over HTTP: `browser` is what their browser keeps, and says."""

    def __init__(self, page: Raw, browser=None, session: str | None = None):
        self.page, self.browser, self.session = page, browser, session or uuid4().hex

    def press(self, element: str, *state) -> str | None:
        """What was wrong; None if nothing was."""
        output = self.page.press(element, [self.browser, *state], self.session)
        if "data" in output:
            self.browser = output["data"][0]
        return output.get("error")


def test_nobody_rates_for_somebody_else(page, place):
    """Not with what is kept of them, nor from their session; nor twice, nor without a picture, nor under a name of one's own."""
    anna = Rater(page)
    for element, state in (("rate-begin", []), ("rate-next", [None]), ("rate-next", [None]), ("score-4", [None])):
        assert anna.press(element, *state) is None
    (rating,) = rated(place)
    assert rating.score == 4
    for thief in (Rater(page, rating.rater), Rater(page, rating.rater, anna.session)):  # who has read the ratings
        thief.press("rate-begin")
        thief.press("score-1", None)
    assert Rater(page, "f" * 32).press("score-1", None) == "The rating was not saved: no picture was shown."
    for name in (anna.browser[:-1], f"../{rating.rater}", "x" * 5000, 7, [anna.browser]):
        nobody = Rater(page, name, anna.session)
        assert nobody.press("score-1", None)
        assert "not issued by this page" in nobody.press("rate-begin")
    assert [again for again in rated(place) if again.rater == rating.rater] == [rating]
    assert anna.press("rate-begin") is None  # the thief has used her session
    for score in (5, 1, 1):
        anna.press(f"score-{score}", None)
    assert [again.score for again in rated(place) if again.rater == rating.rater] == [4, 5]
