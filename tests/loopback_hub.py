"""A Hub of our own on 127.0.0.1, for the real clients `huggingface_hub` and `datasets` to talk to.

Repositories are commits in memory, their files lie in a folder. It speaks what these clients speak without Xet, hence
HF_HUB_DISABLE_XET=1 in `environment`. It is strict: what a client asks for that it should not, or leaves out, is kept in
`strays`, which the fixture `hub` wants empty. Left to itself it never answers 5xx, after which the clients would try again for
half a minute; `fail_next` and `cut_next` break what a test wants broken, and `send_next` sends clients elsewhere."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

USER, NAMESPACES = "user", ("user", "lab")  # who the tokens belong to, and where these may write
TOKENS = {"hf_test": "write", "hf_read": "read"}
PREFIXES = {"models": "", "datasets": "datasets/", "spaces": "spaces/"}  # of a repository's page
# what goes to LFS: these, whatever holds a zero byte, and what is larger than REGULAR (the Hub's own rule is its secret)
LFS_SUFFIXES = {".parquet", ".safetensors", ".bin", ".pt", ".zip", ".tar", ".npz", ".arrow", ".onnx"}
REGULAR = 10 * 2**20  # bytes
LICENSES = {"other", "unknown", "mit", "apache-2.0", "cc0-1.0", "cc-by-4.0", "cc-by-nc-4.0", "openrail"}  # of the Hub's 80
SDKS, COLORS = ("gradio", "docker", "static"), ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
ROOT = Path(__file__).parent.parent
POSTED = ("repository", "validate_yaml", "preupload", "lfs_batch", "lfs_verify", "commit")  # handlers of POST
PROBES = ("http://datasets-server.", "s3.amazonaws.com:443")  # where datasets looks for a viewer and counts; it does without
SWITCHES = (
    "HF_HUB_DISABLE_XET",
    "HF_HUB_DISABLE_TELEMETRY",
    "HF_HUB_DISABLE_PROGRESS_BARS",
    "HF_DATASETS_DISABLE_PROGRESS_BARS",
)


@dataclass(frozen=True)
class File:
    sha256: str
    size: int  # bytes
    oid: str  # git's name for the content, or for the pointer that stands for it in LFS
    lfs: dict | None = None

    def described(self, path: str) -> dict:
        return {"type": "file", "path": path, "size": self.size, "oid": self.oid, **({"lfs": self.lfs} if self.lfs else {})}


@dataclass(frozen=True)
class Commit:
    files: dict[str, File]
    title: str
    message: str = ""
    parent: str | None = None
    date: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))

    @property
    def sha(self) -> str:
        content = sorted((path, file.oid) for path, file in self.files.items())
        return hashlib.sha1(json.dumps([content, self.title, self.parent, self.date]).encode()).hexdigest()


@dataclass
class Repo:
    private: bool = False
    sdk: str | None = None  # of a Space
    refs: dict[str, str] = field(default_factory=dict)  # "refs/heads/main", "refs/tags/v1", "refs/convert/parquet" -> sha
    commits: dict[str, Commit] = field(default_factory=dict)
    gated: bool = False  # its files are for who has agreed to its terms, which nobody here has

    def ref(self, revision: str) -> str:
        """The full name of a revision that need not exist; a bare name that is no tag is a branch."""
        if revision.startswith("refs/"):
            return revision
        return f"refs/tags/{revision}" if f"refs/tags/{revision}" in self.refs else f"refs/heads/{revision}"

    def at(self, revision: str) -> Commit:
        sha = self.refs.get(self.ref(revision))
        found = [sha] if sha else [sha for sha in self.commits if len(revision) >= 7 and sha.startswith(revision)]
        if not found:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[found[0]]

    def add(self, ref: str, commit: Commit) -> Commit:
        self.commits[commit.sha] = commit
        self.refs[ref] = commit.sha
        return commit


class Refusal(Exception):
    """An answer that is an error; clients tell its kind by `code`: RepoNotFound, RevisionNotFound, EntryNotFound or GatedRepo."""

    def __init__(self, status: int, message: str, code: str | None = None):
        super().__init__(message)
        line = " ".join(message.encode("ascii", "replace").decode().split())  # what a header can hold
        headers = {"X-Error-Message": line, **({"X-Error-Code": code} if code else {})}
        self.answer = JSONResponse({"error": message}, status, headers)


def git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def goes_to_lfs(path: str, sample: bytes, size: int) -> bool:
    return size > 0 and (PurePosixPath(path).suffix in LFS_SUFFIXES or size > REGULAR or b"\0" in sample)


def front_matter(card: str) -> dict:
    """The metadata of a README.md; raises yaml.YAMLError."""
    if not card.startswith("---\n"):
        return {}
    if not (block := re.match(r"---\n(.*?\n)?---(\n|$)", card, re.DOTALL)):
        raise yaml.YAMLError("the metadata has no end: a line of ---")
    return yaml.safe_load(block[1] or "") or {}


def card_faults(card: str) -> list[str]:
    """Why the Hub would not take this README.md, a sentence each."""
    try:
        data = front_matter(card)
    except yaml.YAMLError as error:
        return [str(error)]
    license, index = data.get("license", "other"), data.get("model-index", [])
    wrong = [] if license in LICENSES else [f'"license" must be one of {sorted(LICENSES)}']

    def need(what: str, value: object, *keys: str) -> bool:
        lacking = [key for key in keys if not isinstance(value, dict) or value.get(key) in (None, "", [])]
        wrong.extend(f'"{what}.{key}" is required' for key in lacking)
        return not lacking

    for model in index:
        for result in model["results"] if need("model-index", model, "name", "results") else ():
            if need("model-index.results", result, "task", "dataset", "metrics"):
                need("model-index.results.task", result["task"], "type")
                need("model-index.results.dataset", result["dataset"], "type", "name")
                for metric in result["metrics"]:
                    need("model-index.results.metrics", metric, "type", "value")
    return wrong


@dataclass
class Fault:
    """What befalls the next `left` requests with `at` in their path: a status, "cut", or to go to another host."""

    at: str
    how: int | str
    left: int


def faults_of_a_space(data: dict) -> list[str]:
    """What the Hub refuses of what stands in a Space's front matter (its docs, spaces-config-reference.md)."""
    wanted = {
        "sdk": (f"one of {SDKS}", lambda it: it in SDKS),
        "sdk_version": ("a version", lambda it: re.fullmatch(r"\d+(\.\d+)+", str(it))),
        "python_version": ("a string 3.x", lambda it: isinstance(it, str) and re.fullmatch(r"3\.\d+(\.\d+)?", it)),
        "emoji": ("an emoji", lambda it: re.fullmatch(r"[^\x00-\u203b]{1,8}", str(it))),
        "short_description": ("of at most 60 characters", lambda it: len(it) <= 60),
        **dict.fromkeys(("colorFrom", "colorTo"), (f"one of {COLORS}", lambda it: it in COLORS)),
        **dict.fromkeys(("models", "tags"), ("a list", lambda it: isinstance(it, list))),
    }
    return [f'"{key}" must be {what}' for key, (what, takes) in wanted.items() if key in data and not takes(data[key])]


class LoopbackHub:
    """The server, in a thread of its own as a context manager. `kind` is "model", "dataset" or "space" throughout."""

    def __init__(self, folder: Path):
        self.blobs, self.home = folder / "blobs", folder / "home"
        self.blobs.mkdir(parents=True)
        self.repos: dict[tuple[str, str], Repo] = {}  # ("datasets", "user/name") -> repository
        self.requests: list[str] = []  # "GET /api/whoami-v2", in the order of arrival
        self.strays: list[str] = []  # what no client should have sent
        self._faults: list[Fault] = []
        self._app = self._routed()

    def __enter__(self) -> LoopbackHub:
        config = uvicorn.Config(self.asgi, port=0, interface="asgi3", lifespan="off", ws="none", log_level="critical")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *error) -> None:
        self._server.should_exit = True
        self._thread.join()

    # --- what tests use

    @property
    def environment(self) -> dict[str, str]:
        """os.environ for a subprocess whose Hub this is; its cache starts empty and is shared by a test's subprocesses.

        This is its proxy too: what it asks of any other host ends here as a 404, and is a stray if none of PROBES."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and not k.lower().endswith("_proxy")}
        own = {"HF_ENDPOINT": self.url, "HF_TOKEN": "hf_test", "HF_HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        proxies = {"http_proxy": self.url, "https_proxy": self.url, "no_proxy": "127.0.0.1,localhost"}
        return inherited | own | proxies | dict.fromkeys(SWITCHES, "1")

    def seed(self, kind: str, id: str, files: dict[str, bytes], revision="main", private=False, gated=False) -> str:
        """Commit files on top of a branch, or of a full ref such as "refs/convert/parquet", made where absent; -> sha."""
        repo = self.repos.setdefault((f"{kind}s", id), Repo(private, gated=gated))
        parent = repo.refs.get(repo.ref(revision))
        before = repo.commits[parent].files if parent else {}
        stored = {path: self._store(path, data) for path, data in files.items()}
        return repo.add(repo.ref(revision), Commit(before | stored, "seed", parent=parent)).sha

    def files(self, kind: str, id: str, revision: str = "main") -> dict[str, bytes]:
        """Every file at a branch, tag, full ref or commit. Raises KeyError if there is no such repository."""
        at = self.repos[f"{kind}s", id].at(revision).files
        return {path: (self.blobs / file.sha256).read_bytes() for path, file in at.items()}

    def fail_next(self, n: int, status: int = 403, at: str = "/commit/") -> None:
        """Answer the next n requests with `at` in their path with that status; of a refused commit the LFS files are kept, as
        on the Hub. A 5xx on the way of an LFS file or of a download the clients try again, after 1, 2, 4, 8 and 8 seconds; on
        the commit itself they give up."""
        self._break(n, status, at)

    def cut_next(self, n: int, at: str) -> None:
        """Close the connection half-way through the next n uploads to, or downloads from, paths with `at` in them."""
        self._break(n, "cut", at)

    def send_next(self, n: int, url: str, at: str) -> None:
        """Answer the next n requests for paths with `at` in them by the same path at another address, as a store's."""
        self._break(n, url, at)

    def take_strays(self) -> list[str]:
        """What no client should have sent, for tests whose clients do; the list is empty afterwards."""
        taken, self.strays = self.strays, []
        return taken

    def _break(self, n: int, how: int | str, at: str) -> None:
        self._faults = [fault for fault in self._faults if (fault.at, type(fault.how)) != (at, type(how))] + [Fault(at, how, n)]

    # --- storage

    def _store(self, path: str, data: bytes, lfs: bool | None = None) -> File:
        sha256 = hashlib.sha256(data).hexdigest()
        (self.blobs / sha256).write_bytes(data)
        if goes_to_lfs(path, data[:512], len(data)) if lfs is None else lfs:
            return self._linked(sha256)
        return File(sha256, len(data), git_oid(data))

    def _linked(self, sha256: str) -> File:
        if not (self.blobs / sha256).is_file():
            raise Refusal(400, f"LFS pointer points to a file that does not exist: {sha256}")
        size = (self.blobs / sha256).stat().st_size
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
        return File(sha256, size, git_oid(pointer), {"oid": sha256, "size": size, "pointerSize": len(pointer)})

    # --- who asks for what

    def _stray(self, request: Request, why: str, status: int = 400) -> Refusal:
        self.strays.append(f"{request.method} {request.url.path}: {why}")
        return Refusal(status, why)

    def _token(self, request: Request, needed: bool = False) -> str | None:
        if needed and "authorization" not in request.headers:
            self._stray(request, "no token")
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or None
        if token and token not in TOKENS:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return token

    def _may_write(self, request: Request, namespace: str, kind: str) -> None:
        if not (token := self._token(request, needed=True)):
            raise Refusal(401, "Invalid username or password.")
        if TOKENS[token] != "write" or namespace not in NAMESPACES:
            raise Refusal(403, f"You don't have the rights to write to a {kind} under the namespace \"{namespace}\"")

    def _repo(self, request: Request, write: bool = False) -> tuple[str, str, Repo]:
        """(kind in the plural, "user/name", repository) that a URL names."""
        kind, user = request.path_params.get("kind", "models"), request.path_params["user"]
        id = f"{user}/{request.path_params['name']}"
        repo = self.repos.get((kind, id))
        token = self._token(request, needed=bool(repo and repo.private))
        if repo is None or (repo.private and not token):
            raise Refusal(404 if token else 401, "Repository not found", "RepoNotFound")
        if write:
            self._may_write(request, user, kind[:-1])
        return kind, id, repo

    def _revision(self, request: Request) -> str:
        return unquote(request.path_params.get("revision", "main"))

    # --- answers

    async def whoami(self, request):
        if not (token := self._token(request, needed=True)):
            raise Refusal(401, "Invalid username or password.")
        access = {"accessToken": {"displayName": "tests", "role": TOKENS[token]}}
        organisations = [{"type": "org", "name": name} for name in NAMESPACES if name != USER]
        return JSONResponse({"type": "user", "name": USER, "orgs": organisations, "auth": {"type": "access_token", **access}})

    async def repository(self, request):
        wanted = await request.json()
        namespace, kind = wanted.get("organization") or USER, wanted.get("type") or "model"
        self._may_write(request, namespace, kind)
        key = f"{kind}s", f"{namespace}/{wanted['name']}"
        answer = {"url": f"{self.url}/{PREFIXES[key[0]]}{key[1]}", "name": key[1]}
        if key in self.repos:
            return JSONResponse({"error": f"You already created this {kind} repo", **answer}, 409)
        repo = self.repos[key] = Repo(wanted.get("visibility") == "private", wanted.get("sdk"))
        repo.add("refs/heads/main", Commit({}, "initial commit"))
        return JSONResponse(answer)

    async def validate_yaml(self, request):
        asked = await request.json()
        faults = card_faults(asked["content"])
        if asked.get("repoType") == "space" and not faults:
            faults = faults_of_a_space(front_matter(asked["content"]))
        wrong = [{"message": message} for message in faults]
        return JSONResponse({"errors": wrong, "warnings": []}, 400 if wrong else 200)

    async def info(self, request):
        kind, id, repo = self._repo(request)
        commit = repo.at(self._revision(request))
        siblings = [{"rfilename": path} for path in commit.files]
        card = commit.files.get("README.md")
        about = {"id": id, "sha": commit.sha, "lastModified": commit.date, "private": repo.private, "siblings": siblings}
        with contextlib.suppress(yaml.YAMLError):
            about |= {"cardData": front_matter((self.blobs / card.sha256).read_text())} if card else {}
        about |= {"sdk": repo.sdk, "runtime": {"stage": "RUNNING"}} if kind == "spaces" else {}
        return JSONResponse(about)

    async def tree(self, request):
        commit = self._repo(request)[2].at(self._revision(request))
        folder = PurePosixPath(unquote(request.path_params.get("path", "")))
        below = {p for p in self._entries(commit) if folder in p.parents}
        if not below and folder != PurePosixPath():
            raise Refusal(404, f"{folder} does not exist on \"{self._revision(request)}\"", "EntryNotFound")
        if request.query_params.get("recursive") != "true":
            below = {p for p in below if p.parent == folder}
        files = {path: commit.files.get(path) for path in sorted(map(str, below))}
        folder = {"type": "directory", "size": 0, "oid": git_oid(b"")}
        return JSONResponse([file.described(path) if file else folder | {"path": path} for path, file in files.items()])

    def _entries(self, commit: Commit) -> set[PurePosixPath]:
        files = {PurePosixPath(path) for path in commit.files}
        return files | {folder for path in files for folder in path.parents if folder != PurePosixPath()}

    async def preupload(self, request):
        """Which files go to LFS, and what the revision has at their paths now: the client leaves out what is the same."""
        repo = self._repo(request, write=True)[2]
        files = repo.at(self._revision(request)).files

        def judged(file: dict) -> dict:
            sample = base64.b64decode(file["sample"], validate=True)
            lfs = goes_to_lfs(file["path"], sample, file["size"])
            old = files.get(file["path"])
            oid = {"oid": old.sha256 if lfs else old.oid} if old and bool(old.lfs) == lfs else {}
            return {"path": file["path"], "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False} | oid

        return JSONResponse({"files": [judged(file) for file in (await request.json())["files"]]})

    async def lfs_batch(self, request):
        self._repo(request, write=True)
        objects = (await request.json())["objects"]
        for found in objects:
            if not (self.blobs / found["oid"]).is_file():
                href = {"href": f"{self.url}/lfs/{found['oid']}"}
                found["actions"] = {"upload": href, "verify": {"href": f"{self.url}/lfs/{found['oid']}/verify"}}
        return JSONResponse({"transfer": "basic", "objects": objects}, media_type="application/vnd.git-lfs+json")

    async def lfs_put(self, request):
        data, oid = await request.body(), request.path_params["oid"]
        if "authorization" in request.headers:  # the address is signed, and the store refuses a second proof
            raise self._stray(request, "a token for the file store")
        (self.blobs / oid).write_bytes(data)
        return Response()

    async def lfs_verify(self, request):
        self._linked((await request.json())["oid"])
        return JSONResponse({})

    async def commit(self, request):
        kind, id, repo = self._repo(request, write=True)
        lines = [json.loads(line) for line in (await request.body()).splitlines() if line]
        parent, ref = repo.at(self._revision(request)), repo.ref(self._revision(request))
        head, files = {}, dict(parent.files)
        for line in lines:
            key, value = line["key"], line["value"]
            if key == "header":
                head = value
            elif key == "file":
                files[value["path"]] = self._regular(value)
            elif key == "lfsFile":
                files[value["path"]] = self._linked(value["oid"])
            elif key == "deletedFile":
                del files[value["path"]]
            else:
                raise self._stray(request, f"{key} is not known in a commit")
        if head.get("parentCommit", parent.sha) != parent.sha:
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        sha = repo.add(ref, Commit(files, head["summary"], head.get("description", ""), parent.sha)).sha
        page = f"{self.url}/{PREFIXES[kind]}{id}"
        return JSONResponse({"commitUrl": f"{page}/commit/{sha}", "commitOid": sha})

    def _regular(self, value: dict) -> File:
        """A file that comes within a commit; refused if it is a card that the Hub does not take."""
        path, data = value["path"], base64.b64decode(value["content"], validate=True)
        if path == "README.md" and (wrong := card_faults(data.decode())):
            raise Refusal(400, f"Invalid metadata in README.md: {'; '.join(wrong)}")
        return self._store(path, data, lfs=False)

    async def resolve(self, request):
        _, id, repo = self._repo(request)
        if repo.gated:
            message = f"Access to model {id} is restricted and you are not in the authorized list."
            raise Refusal(403 if self._token(request) else 401, message, "GatedRepo")
        commit, path = repo.at(self._revision(request)), unquote(request.path_params["path"])
        if not (file := commit.files.get(path)):
            raise Refusal(404, "Entry not found", "EntryNotFound")
        headers = {"X-Repo-Commit": commit.sha, "ETag": f'"{file.sha256 if file.lfs else file.oid}"'}
        if file.lfs:
            headers |= {"X-Linked-ETag": f'"{file.sha256}"', "X-Linked-Size": str(file.size)}
        return FileResponse(self.blobs / file.sha256, headers=headers)  # which answers HEAD and Range

    async def asgi(self, scope, receive, send) -> None:
        """Every request; routed by the path as it came, since "refs%2Fconvert%2Fparquet" is one part of it."""
        scope["path"] = scope["raw_path"].decode()
        line = f"{scope['method']} {scope['path']}"
        self.requests.append(line)
        if scope["method"] == "CONNECT" or "://" in scope["path"]:  # another host, of which this is the proxy
            if not scope["path"].startswith(PROBES):
                self.strays.append(f"{line}: another host")
            await Response(status_code=404)(scope, receive, send)
            return
        match self._fault(scope):
            case int(status):
                await Request(scope, receive).body()
                answer = {"error": "broken by the test"}
                await JSONResponse(answer, status, {"X-Error-Message": "broken by the test"})(scope, receive, send)
            case "cut" if scope["method"] == "PUT":
                await receive()  # the first of it
                await self._hang_up(scope, "abort")
            case "cut":
                await self._app(scope, receive, self._half(scope, send))
            case str(url):
                await self._app(scope, receive, self._elsewhere(send, url + scope["path"]))
            case None:
                await self._app(scope, receive, send)

    def _fault(self, scope) -> int | str | None:
        for fault in self._faults:
            takes = fault.how != "cut" or scope["method"] in ("GET", "PUT")
            if fault.left and fault.at in scope["path"] and takes:
                fault.left -= 1
                return fault.how
        return None

    def _elsewhere(self, send, url: str):
        """A `send` whose answer is that url, with what the Hub states of the file."""

        async def sent(message):
            if message["type"] == "http.response.start" and message["status"] == 200:
                given = {name.lower(): value for name, value in message["headers"]}
                stated = {b"x-linked-etag": given[b"etag"], b"x-linked-size": given[b"content-length"], b"location": url.encode()}
                stated |= {name: value for name, value in given.items() if name.startswith(b"x-")}
                message = message | {"status": 302, "headers": list(stated.items())}
            elif message["type"] == "http.response.body":
                message = message | {"body": b""}
            await send(message)

        return sent

    async def _hang_up(self, scope, how: str) -> None:
        """Abort a connection, or close it once what has been written is out."""
        for connection in list(self._server.server_state.connections):
            if connection.client == scope["client"]:
                getattr(connection.transport, how)()
        await asyncio.sleep(0)  # so that uvicorn has noticed before it looks for an answer

    def _half(self, scope, send):
        async def half(message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
            elif body := message.get("body"):
                await send(message | {"body": body[: len(body) // 2], "more_body": True})
                await self._hang_up(scope, "close")

        return half

    def _routed(self) -> Starlette:
        of_the_api = {
            "": self.info,
            "/revision/{revision}": self.info,
            "/tree/{revision}": self.tree,
            "/tree/{revision}/{path:path}": self.tree,
            "/preupload/{revision}": self.preupload,
            "/commit/{revision}": self.commit,
        }
        of_the_page = {".git/info/lfs/objects/batch": self.lfs_batch, "/resolve/{revision}/{path:path}": self.resolve}
        handlers = {
            "/api/whoami-v2": self.whoami,
            "/api/repos/{verb}": self.repository,
            "/api/validate-yaml": self.validate_yaml,
            "/lfs/{oid}": self.lfs_put,
            "/lfs/{oid}/verify": self.lfs_verify,
            **{"/api/{kind}/{user}/{name}" + end: handler for end, handler in of_the_api.items()},
            **{"/{kind}/{user}/{name}" + end: handler for end, handler in of_the_page.items()},
            **{"/{user}/{name}" + end: handler for end, handler in of_the_page.items()},
        }

        async def refused(request, error):
            return error.answer

        async def unknown(request, error):
            self._stray(request, "no such route")
            return JSONResponse({"error": error.detail}, error.status_code)

        async def broken(request, error):
            self._stray(request, f"the loopback Hub failed: {error!r}")
            return JSONResponse({"error": f"the loopback Hub failed: {error!r}"}, 400)

        methods = {"lfs_put": ["PUT"]} | {name: ["POST"] for name in POSTED}
        routes = [Route(path, handler, methods=methods.get(handler.__name__, ["GET"])) for path, handler in handlers.items()]
        failures = {Refusal: refused, HTTPException: unknown, Exception: broken}
        return Starlette(routes=routes, exception_handlers=failures)
