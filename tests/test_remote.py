import io
from urllib.error import HTTPError

import numpy as np
import pytest

from conftest import flat, write_files, zipped
from srgan_hub.data import remote
from srgan_hub.data.remote import WebFile, fetch


@pytest.fixture
def served(hub):
    """Files behind an address: what the loopback Hub gives out is a web server's file."""

    def serve(**files: bytes) -> str:
        hub.seed("dataset", "lab/files", files)
        return f"{hub.url}/datasets/lab/files/resolve/main"

    return serve


@pytest.fixture
def impatient(monkeypatch):
    slept = []
    monkeypatch.setattr(remote.time, "sleep", slept.append)
    return slept


def test_bytes_and_paths_on_this_disk_come_as_they_are():
    assert fetch({"bytes": b"PNG", "path": "1.png"}) == b"PNG"
    assert fetch({"bytes": None, "path": "/photos/1.png"}) == "/photos/1.png"
    for nothing in (None, {"bytes": None, "path": None}, {"bytes": None, "path": ""}):
        assert fetch(nothing) == b""


def test_a_file_inside_a_zip_here_or_on_a_web_server(tmp_path, served):
    archive = zipped({"HR/1.png": flat(1), "HR/2.png": flat(2)})
    write_files(tmp_path, {"a.zip": archive})
    for place in (tmp_path / "a.zip", served(**{"a.zip": archive}) + "/a.zip"):
        for value in (2, 1, 2):
            assert fetch({"bytes": None, "path": f"zip://HR/{value}.png::{place}"}) == flat(value)


def test_a_zip_on_a_web_server_is_read_in_pieces_and_its_contents_once(served, hub, monkeypatch):
    monkeypatch.setattr(remote, "AHEAD", 1000)
    noise = np.random.default_rng(0).bytes(10_000)
    place = served(**{"b.zip": zipped({f"{n}.png": noise for n in range(20)})}) + "/b.zip"
    fetch({"bytes": None, "path": f"zip://0.png::{place}"})
    before = len(hub.requests)
    fetch({"bytes": None, "path": f"zip://1.png::{place}"})
    assert 0 < len(hub.requests) - before < 15


def test_web_file_reads_as_the_same_file_on_disk_does(served):
    content = np.random.default_rng(1).bytes(5000)
    with WebFile(served(**{"noise.bin": content}) + "/noise.bin") as web:
        one, other = io.BufferedReader(web, 700), io.BytesIO(content)
        steps = [(0, 0, 10), (3000, 0, 1500), (-20, 2, 50), (-40, 1, 3), (17, 1, 0), (0, 0, -1), (9000, 0, 4)]
        for offset, whence, size in steps:
            assert one.seek(offset, whence) == other.seek(offset, whence)
            assert one.read(size) == other.read(size)
            assert one.tell() == other.tell()


def test_what_cannot_be_had_is_one_sentence(tmp_path, served, impatient):
    place = served(**{"c.zip": zipped({"1.png": flat(1)})})
    write_files(tmp_path, {"broken.zip": b"no zip"})
    for path in (
        f"zip://2.png::{place}/c.zip",
        f"zip://1.png::{place}/gone.zip",
        f"zip://1.png::{tmp_path}/broken.zip",
        f"zip://1.png::{tmp_path}/gone.zip",
        f"{place}/gone.png",
        "nosuchprotocol://1.png",
    ):
        with pytest.raises(ValueError, match="cannot be fetched: ") as caught:
            fetch({"bytes": None, "path": path})
        assert path in str(caught.value) and "\n" not in str(caught.value)
    assert not impatient  # a 404 is final


def test_a_broken_connection_is_tried_again(served, monkeypatch, impatient):
    address = served(**{"1.png": flat(1)}) + "/1.png"
    broken = [HTTPError("", 503, "busy", None, None), TimeoutError(), OSError("reset")]
    open_url = remote.urlopen

    def flaky(request, timeout):
        if broken:
            raise broken.pop()
        return open_url(request, timeout=timeout)

    monkeypatch.setattr(remote, "urlopen", flaky)
    assert fetch({"bytes": None, "path": address}) == flat(1)
    assert impatient == [1, 2, 4]
    monkeypatch.setattr(remote, "urlopen", lambda *args, **more: (_ for _ in ()).throw(OSError("no route")))
    with pytest.raises(ValueError, match="cannot be fetched: no route"):
        fetch({"bytes": None, "path": address})


def test_a_server_of_whole_files_only_is_refused(monkeypatch):
    class Whole(io.BytesIO):
        status = 200

    monkeypatch.setattr(remote, "urlopen", lambda *args, **more: Whole())
    with pytest.raises(ValueError, match="only serves whole files"):
        fetch({"bytes": None, "path": "http://127.0.0.1/1.png"})
