"""The page spoken to byte by byte, as no client of gradio's does, and requests that no client of gradio's sends."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from hypothesis import strategies as st

API = "/gradio_api"
SECONDS = 30  # until an answer is called late
BOUNDARY = "----------part"

Part = tuple[str, str | None, bytes]  # name of the field, name of the file, content


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self):
        return json.loads(self.body)


class Raw:
    """One page, at an address."""

    def __init__(self, url: str):
        self.url, self.place = url, (urlsplit(url).hostname, urlsplit(url).port)
        self.config = self.get("/config").json

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None) -> Answer:
        with closing(http.client.HTTPConnection(*self.place, timeout=SECONDS)) as connection:
            connection.putrequest(method, path, skip_accept_encoding=True)
            length = {} if body is None else {"Content-Length": str(len(body))}
            for name, value in (length | (headers or {})).items():
                connection.putheader(name, value)
            with suppress(OSError):  # refused before it was heard out: the answer says so
                connection.endheaders(body)
            answer, body, end = connection.getresponse(), b"", time.monotonic() + SECONDS
            with suppress(http.client.IncompleteRead):  # so gradio ends a stream that nothing is known of
                while chunk := answer.read1():
                    body += chunk
                    if time.monotonic() > end:
                        raise TimeoutError(f"{path} goes on for ever: {body[-300:]}")
            return Answer(answer.status, body, {name.lower(): value for name, value in answer.getheaders()})

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, content) -> Answer:
        """content: bytes as they are, or what becomes JSON."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.ask("POST", API + path, body, {"Content-Type": "application/json"})

    def upload(self, *parts: Part) -> Answer:
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        return self.ask("POST", f"{API}/upload", multipart(parts), kind)

    def uploaded(self, content: bytes, name: str = "a.png") -> dict:
        """What an event takes for a file."""
        (path,) = self.upload(("files", name, content)).json
        return filedata(path)

    def call(self, name: str, data: list) -> str:
        """Ask for an endpoint's work; its event, which may be waited for."""
        answer = self.post(f"/call/{name}", {"data": data})
        assert answer.status == 200, answer
        return answer.json["event_id"]

    def outcome(self, name: str, event: str) -> tuple[str, object]:
        """("complete", what came) or ("error", the error), once there is one."""
        text = self.get(f"{API}/call/{name}/{event}").body.decode()
        kind, _, data = text.strip().split("\n\n")[-1].partition("\n")
        return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    def done(self, name: str, data: list) -> tuple[str, object]:
        return self.outcome(name, self.call(name, data))

    def press(self, element: str, data: list, session: str) -> dict:
        """What comes of a press on that button of the page, in somebody's session."""
        ids = {c["props"].get("elem_id"): c["id"] for c in self.config["components"]}
        event = next(d["id"] for d in self.config["dependencies"] if [ids[element], "click"] in d["targets"])
        answer = self.post("/queue/join", {"fn_index": event, "data": data, "session_hash": session})
        assert answer.status == 200, answer
        return self.completed(session)

    def completed(self, session: str) -> dict:
        """The output of the first event that ends in that session."""
        text = self.get(f"{API}/queue/data?session_hash={session}").body.decode()
        for line in text.split("\n\n"):
            message = json.loads(line.removeprefix("data: ") or "{}")
            if message.get("msg") == "process_completed":
                return message["output"]
        raise AssertionError(f"no event was completed: {text}")

    def connected(self) -> socket.socket:
        return socket.create_connection(self.place, timeout=SECONDS)

    def started(self, path: str, content: bytes, length: int) -> socket.socket:
        """A request that says it has so many bytes, of which only those have come."""
        connection = self.connected()
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        head = f"POST {API}{path} HTTP/1.1\r\nHost: page\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode() + content)
        return connection


def filedata(path, **more) -> dict:
    return {"path": path, "meta": {"_type": "gradio.FileData"}} | more


def multipart(parts: Iterable[Part], end: bool = True) -> bytes:
    body = b""
    for field, file, content in parts:
        name = "" if file is None else f'; filename="{file}"'
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"{name}\r\n\r\n'
        body += head.encode("utf-8", "surrogatepass") + content + b"\r\n"
    return body + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


# Requests, for Hypothesis. Text may hold lone surrogates, numbers may be nan or inf: json.dumps writes what json.loads takes.
TEXT = st.text(st.characters(), max_size=20) | st.sampled_from(["", "\ud800", "\0", "../" * 9 + "etc/passwd", "x" * 10_000])
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.just(10**400),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=8,
)  # fmt: skip
