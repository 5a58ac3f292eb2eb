"""A token goes to the Hub that is configured and to nobody else, and is not in what is written or said."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import ROOT, checkpoint_files, client, flat

TOKEN = "hf_test"  # the one that the Hub takes
WRONG = "hf_Wrong" + "Secret" * 4


class Store(BaseHTTPRequestHandler):
    """Another host, which has the files; what it was told is in `heard`: (path, headers)."""

    def do_GET(self):
        self.server.heard.append((self.path, str(self.headers)))
        data = self.server.files[self.path.rpartition("/")[2]]
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def store():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    server.heard, server.files = [], {}
    server.url = f"http://localhost:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


NETWORK = "from srgan_hub import SRGANGenerator; print(SRGANGenerator.from_pretrained('user/net').width)"
PHOTOGRAPH = """
from srgan_hub.data.cache import decode
from srgan_hub.data.sources import open_splits
(images,) = open_splits("user/photos").values()
print(decode(images[0]).max())
"""


@pytest.mark.parametrize(
    ("kind", "id", "code", "says"), [("model", "user/net", NETWORK, "4"), ("dataset", "user/photos", PHOTOGRAPH, "9")]
)
def test_a_token_does_not_follow_a_file_to_another_host(hub, store, kind, id, code, says):
    files = checkpoint_files() if kind == "model" else {"train/0.png": flat(9)}
    hub.seed(kind, id, files, private=True)  # nothing of it comes without a token
    store.files = {name.rpartition("/")[2]: data for name, data in files.items()}
    hub.send_next(100, store.url, "/resolve/")
    done = client(hub, "-c", code, cwd=ROOT)
    assert (done.returncode, done.stdout.strip()) == (0, says), done.stderr
    assert store.heard
    assert not [headers for _, headers in store.heard if TOKEN in headers or "authorization" in headers.lower()]
    assert TOKEN not in done.stdout + done.stderr


COMMANDS = """
import json, logging, os, sys
from srgan_hub.cli import main

logging.basicConfig(level=logging.DEBUG)  # whatever a user may have switched on
for token, command in json.loads(sys.argv[1]):
    os.environ["HF_TOKEN"] = token
    print("status", main(command), command)
"""


def test_no_command_says_the_token_or_writes_it_down(hub, tmp_path, tiny_generator):
    """Taken or refused, and with logging of everything."""
    hub.seed("model", "user/net", checkpoint_files(), private=True)
    tiny_generator.save_pretrained(tmp_path / "net")
    (tmp_path / "a.png").write_bytes(flat(3))
    hub.fail_next(9, 403, "/user/broken/commit/")
    push, enlarge = ["push", tmp_path / "net"], ["upscale", tmp_path / "a.png", "-o", tmp_path / "out", "--force", "--model"]
    space = ["space", "push", "user/space", "--dry-run", tmp_path / "space", "--model", "user/net"]
    calls = [(TOKEN, command) for command in ([*enlarge, "user/net"], [*push, "user/mine"], space)]
    calls += [(TOKEN, [*push, "user/broken"]), (WRONG, [*push, "user/mine"]), (WRONG, [*enlarge, "user/other"])]
    done = client(hub, "-c", COMMANDS, json.dumps([(token, list(map(str, command))) for token, command in calls]))
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert (said.count("status 0"), said.count("status 2")) == (3, 3), said
    assert "DEBUG" in said  # all was logged
    assert TOKEN not in said and WRONG not in said
    hub.take_strays()
    written = [path for path in [*tmp_path.rglob("*"), *hub.home.rglob("*")] if path.is_file()]
    assert len(written) > 10
    assert not [path for path in written if TOKEN.encode() in path.read_bytes() or WRONG.encode() in path.read_bytes()]
    for repo in hub.repos.values():
        for commit in repo.commits.values():
            for file in commit.files.values():
                assert TOKEN.encode() not in (hub.blobs / file.sha256).read_bytes()
