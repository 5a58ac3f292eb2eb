import asyncio
import gzip
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from gradio import processing_utils

from srgan_hub.ui import server
from srgan_hub.ui.models import Limits
from srgan_hub.ui.server import JSON, Guard, keep_swept

LIMITS = Limits(file_megabytes=1, files=2)

# --- the guard


async def reads(scope, receive, send):
    """Answers with how many bytes came."""
    count, more = 0, True
    while more:
        message = await receive()
        count, more = count + len(message["body"]), message["more_body"]
    await server.refuse(send, 200, f"{count} bytes")


async def stumbles(scope, receive, send):
    raise KeyError("foreign")


async def breaks_off(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise OSError("gone")


async def answers_500(scope, receive, send):
    await server.refuse(send, 500, "a mistake")


def asked(app, path, bodies=(b"",), announced=None, method="POST", home="/"):
    """(status, sentence) of a request whose body comes in those parts."""
    headers = [] if announced is None else [(b"content-length", str(announced).encode())]
    parts, sent = list(bodies), []

    async def receive():
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "method": method, "headers": headers}
    asyncio.run(Guard(app, LIMITS, home)(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])["detail"]


@pytest.mark.parametrize(
    "path",
    ["/gradio_api/process_recording", "/gradio_api/component_server", "/gradio_api/deep_link", "/gradio_api/proxy=http://a",
     "/gradio_api/vibe-edit/", "/gradio_api/api/upscale", "/monitoring/summary", "/gradio_api/file=https://a/b.png"],
)  # fmt: skip
def test_what_no_part_of_it_uses_is_shut(path):
    assert asked(reads, path)[0] == 404


@pytest.mark.parametrize(
    ("path", "most"),
    [("/gradio_api/queue/join", JSON), ("/gradio_api/upload", 2_000_000 + JSON), ("/gradio_api/mcp/", 1_333_333 + JSON)],
)
def test_a_request_has_a_largest_size_whether_it_says_it_or_not(path, most):
    half = bytes(most // 2)
    assert asked(reads, path, [half, half], most) == (200, f"{most // 2 * 2} bytes")
    assert asked(reads, path, [half, half, bytes(2)])[0] == 413
    assert asked(reads, path, [b""], announced=most + 1) == (413, f"A request may have at most {most / 1e6:.1f} MB here.")


def test_uploads_leave_room_on_the_disk(monkeypatch):
    monkeypatch.setattr(server.shutil, "disk_usage", lambda _: type("", (), {"free": server.ROOM - 1}))
    status, sentence = asked(reads, "/gradio_api/upload")
    assert status == 507 and "no room" in sentence
    assert asked(reads, "/gradio_api/queue/join")[0] == 200


def test_what_gradio_stumbles_over_is_refused_and_named_in_the_log_without_its_content(caplog):
    status, sentence = asked(stumbles, "/gradio_api/call/" + "x" * 1000)
    assert (status, sentence) == (400, server.STUMBLED)
    (record,) = caplog.records
    assert "KeyError" in record.message and "foreign" not in record.message and len(record.message) < 200
    assert asked(answers_500, "/gradio_api/run/predict")[0] == 400  # so gradio answers every mistake there
    assert asked(answers_500, "/")[0] == 500  # any other is ours, and told
    with pytest.raises(OSError, match="gone"):
        asked(breaks_off, "/")


# --- photos by address

MOST = 100_000


class Answers(BaseHTTPRequestHandler):
    """/small, /endless, /packed, /slow, and /away: to an address of the own network."""

    def do_GET(self):
        self.send_response(302 if self.path == "/away" else 200)
        if self.path == "/away":
            self.send_header("Location", "http://localhost:1/")
        if self.path == "/packed":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        try:
            if self.path == "/small":
                self.wfile.write(b"a photo")
            elif self.path == "/packed":
                self.wfile.write(gzip.compress(bytes(10 * MOST)))
            while self.path in ("/endless", "/slow"):
                self.wfile.write(bytes(1000 if self.path == "/endless" else 1))
                self.server.sent += 1
                time.sleep(0.02 if self.path == "/slow" else 0)
        except OSError:
            pass  # the other side has had enough

    def log_message(self, *_):
        pass


@pytest.fixture
def public(monkeypatch):
    """A server that is taken for a public one, under the name "photos"."""

    async def validated(host):
        if host != "photos":
            raise ValueError(f"Hostname {host} failed validation")
        return "127.0.0.1"

    monkeypatch.setattr(server.safehttpx, "async_validate_url", validated)
    monkeypatch.setattr(processing_utils, "async_transport", server.Bounded(MOST))
    monkeypatch.setattr(server, "SECONDS", 0.3)
    running = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    running.sent = 0
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def fetched(server, path, folder):
    url = f"http://photos:{server.server_port}{path}"
    return asyncio.run(processing_utils.async_ssrf_protected_download(url, str(folder)))


def test_a_photo_at_an_address_is_fetched_and_what_is_too_much_is_given_up(public, tmp_path):
    for path, says in (("/endless", "100000 bytes"), ("/packed", "compressed"), ("/slow", "0.3 seconds"),
                       ("/away", "failed validation")):  # fmt: skip
        with pytest.raises(Exception, match=says):
            fetched(public, path, tmp_path)
        assert not [file for file in tmp_path.rglob("*") if file.is_file()]
        assert path != "/endless" or public.sent < 5000
    assert Path(fetched(public, "/small", tmp_path)).read_bytes() == b"a photo"


# --- folders


def test_what_is_old_is_deleted_and_what_the_page_shows_stays(tmp_path):
    for name in ("half an upload", "hash/example.png", "job/photo_x4.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    standing = {str(tmp_path / "hash" / "example.png")}
    keep_swept(tmp_path, 0.2, lambda: standing)
    assert len(list(tmp_path.rglob("*"))) == 5  # all are new
    for _ in range(200):
        time.sleep(0.02)
        if not (tmp_path / "job").exists():
            break
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["example.png", "hash"]
