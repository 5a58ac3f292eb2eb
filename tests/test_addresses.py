import asyncio
import gzip
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from gradio import processing_utils

from srgan_hub.ui import server

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
    monkeypatch.setattr(processing_utils, "async_transport", None)
    monkeypatch.setattr(server, "SECONDS", 0.3)
    server.limit(MOST)
    running = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    running.sent = 0
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def fetched(server, path, folder):
    url = f"http://photos:{server.server_port}{path}"
    return asyncio.run(processing_utils.async_ssrf_protected_download(url, str(folder)))


def test_an_answer_is_fetched_as_before(public, tmp_path):
    with open(fetched(public, "/small", tmp_path), "rb") as file:
        assert file.read() == b"a photo"


@pytest.mark.parametrize(("path", "says"), [("/endless", "100000 bytes"), ("/packed", "compressed"), ("/slow", "0.3 seconds"),
                                            ("/away", "failed validation")])  # fmt: skip
def test_what_is_too_much_is_given_up(public, tmp_path, path, says):
    start = time.monotonic()
    with pytest.raises(Exception, match=says):
        fetched(public, path, tmp_path)
    assert time.monotonic() - start < 3
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]
    assert path != "/endless" or public.sent < 5000
