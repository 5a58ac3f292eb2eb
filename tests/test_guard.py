import asyncio
import json

import pytest

from srgan_hub.ui import server
from srgan_hub.ui.models import Limits
from srgan_hub.ui.server import JSON, Guard

LIMITS = Limits(file_megabytes=1, files=2)


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


def test_what_the_page_uses_comes_through():
    assert asked(reads, "/gradio_api/queue/join", [b"ab", b"c"], 3) == (200, "3 bytes")


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
    assert asked(reads, path, [half, half])[0] == 200
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


def test_a_mistake_that_is_answered_directly_is_the_visitors():
    assert asked(answers_500, "/gradio_api/run/predict")[0] == 400
    assert asked(answers_500, "/")[0] == 500  # any other is ours, and told


def test_an_answer_that_breaks_off_breaks_off():
    with pytest.raises(OSError, match="gone"):
        asked(breaks_off, "/")
