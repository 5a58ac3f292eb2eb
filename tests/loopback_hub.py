"""A Hub of our own on 127.0.0.1, for the real clients `huggingface_hub` and `datasets` to talk to.

Repositories are commits in memory, their files lie in a folder. It speaks what these clients speak without Xet, hence
HF_HUB_DISABLE_XET=1 in `environment`. It never answers 5xx: the clients would try again for half a minute."""

from __future__ import annotations

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
from urllib.parse import parse_qs, unquote

import uvicorn
import yaml
from starlette.applications import Starlette
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
SDKS, COLOURS = ("gradio", "docker", "static"), ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
ROOT = Path(__file__).parent.parent
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
    variables: dict[str, str] = field(default_factory=dict)  # of a Space
    refs: dict[str, str] = field(default_factory=dict)  # "refs/heads/main", "refs/tags/v1", "refs/convert/parquet" -> sha
    commits: dict[str, Commit] = field(default_factory=dict)

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
    """An answer that is an error; the clients tell its kind by `code`: RepoNotFound, RevisionNotFound or EntryNotFound."""

    def __init__(self, status: int, message: str, code: str | None = None):
        super().__init__(message)
        headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
        self.answer = JSONResponse({"error": message}, status, headers)


def git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def goes_to_lfs(path: str, sample: bytes, size: int) -> bool:
    return size > 0 and (PurePosixPath(path).suffix in LFS_SUFFIXES or size > REGULAR or b"\0" in sample)


def front_matter(card: str) -> dict:
    """The metadata of a README.md; raises yaml.YAMLError."""
    return (yaml.safe_load(card.split("---\n")[1]) or {}) if card.startswith("---\n") and card.count("---\n") > 1 else {}


def faults_of_a_space(data: dict) -> list[str]:
    """What the Hub refuses of what stands in a Space's front matter (its docs, spaces-config-reference.md)."""
    wanted = {
        "sdk": (f"one of {SDKS}", lambda it: it in SDKS),
        "sdk_version": ("a version", lambda it: re.fullmatch(r"\d+(\.\d+)+", str(it))),
        "python_version": ("a string 3.x", lambda it: isinstance(it, str) and re.fullmatch(r"3\.\d+(\.\d+)?", it)),
        "emoji": ("an emoji", lambda it: re.fullmatch(r"[^\x00-\u203b]{1,8}", str(it))),
        "short_description": ("of at most 60 characters", lambda it: len(it) <= 60),
        **dict.fromkeys(("colorFrom", "colorTo"), (f"one of {COLOURS}", lambda it: it in COLOURS)),
        **dict.fromkeys(("models", "tags", "preload_from_hub"), ("a list", lambda it: isinstance(it, list))),
    }
    return [f'"{key}" must be {what}' for key, (what, takes) in wanted.items() if key in data and not takes(data[key])]


class LoopbackHub:
    """The server, in a thread of its own as a context manager. `kind` is "model", "dataset" or "space" throughout."""

    def __init__(self, folder: Path):
        self.blobs, self.home = folder / "blobs", folder / "home"
        self.blobs.mkdir(parents=True)
        self.repos: dict[tuple[str, str], Repo] = {}  # ("datasets", "user/name") -> repository
        self.requests: list[str] = []  # "GET /api/whoami-v2", in the order of arrival
        self.subscribed = True  # or gradio and docker Spaces are refused
        self._refusals: list[int] = []
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

        This is its proxy too: what it asks of any other host ends here as a 404, and shows in `requests`."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and not k.lower().endswith("_proxy")}
        own = {"HF_ENDPOINT": self.url, "HF_TOKEN": "hf_test", "HF_HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        proxies = {"http_proxy": self.url, "https_proxy": self.url, "no_proxy": "127.0.0.1,localhost"}
        return inherited | own | proxies | dict.fromkeys(SWITCHES, "1")

    def seed(self, kind: str, id: str, files: dict[str, bytes], revision: str = "main", private: bool = False) -> str:
        """Commit files on top of a branch, or of a full ref such as "refs/convert/parquet", made where absent; -> sha."""
        repo = self.repos.setdefault((f"{kind}s", id), Repo(private))
        parent = repo.refs.get(repo.ref(revision))
        before = repo.commits[parent].files if parent else {}
        stored = {path: self._store(path, data) for path, data in files.items()}
        return repo.add(repo.ref(revision), Commit(before | stored, "seed", parent=parent)).sha

    def files(self, kind: str, id: str, revision: str = "main") -> dict[str, bytes]:
        """Every file at a branch, tag, full ref or commit. Raises KeyError if there is no such repository."""
        at = self.repos[f"{kind}s", id].at(revision).files
        return {path: (self.blobs / file.sha256).read_bytes() for path, file in at.items()}

    def fail_next(self, n: int, status: int = 403) -> None:
        """Refuse the next n commits with a 4xx status; their LFS uploads are still taken, as on the Hub."""
        self._refusals = [status] * n

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

    def _token(self, request: Request) -> str | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or None
        if token and token not in TOKENS:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return token

    def _may_write(self, request: Request, namespace: str, kind: str) -> None:
        if not (token := self._token(request)):
            raise Refusal(401, "Invalid username or password.")
        if TOKENS[token] != "write" or namespace not in NAMESPACES:
            raise Refusal(403, f"You don't have the rights to write to a {kind} under the namespace \"{namespace}\"")

    def _repo(self, request: Request, write: bool = False) -> tuple[str, str, Repo]:
        """(kind in the plural, "user/name", repository) that a URL names."""
        kind, user = request.path_params.get("kind", "models"), request.path_params["user"]
        id = f"{user}/{request.path_params['name']}"
        repo, token = self.repos.get((kind, id)), self._token(request)
        if repo is None or (repo.private and not token):
            raise Refusal(404 if token else 401, "Repository not found", "RepoNotFound")
        if write:
            self._may_write(request, user, kind[:-1])
        return kind, id, repo

    def _revision(self, request: Request) -> str:
        return unquote(request.path_params.get("revision", "main"))

    # --- answers

    async def whoami(self, request):
        if not (token := self._token(request)):
            raise Refusal(401, "Invalid username or password.")
        access = {"accessToken": {"displayName": "tests", "role": TOKENS[token]}}
        organisations = [{"type": "org", "name": name} for name in NAMESPACES if name != USER]
        return JSONResponse({"type": "user", "name": USER, "orgs": organisations, "auth": {"type": "access_token", **access}})

    async def repository(self, request):
        """POST creates, DELETE removes."""
        wanted = await request.json()
        namespace, kind = wanted.get("organization") or USER, wanted.get("type") or "model"
        self._may_write(request, namespace, kind)
        key = f"{kind}s", f"{namespace}/{wanted['name']}"
        answer = {"url": f"{self.url}/{PREFIXES[key[0]]}{key[1]}", "name": key[1]}
        if request.method == "DELETE":
            if self.repos.pop(key, None) is None:
                raise Refusal(404, "Repository not found", "RepoNotFound")
        elif key in self.repos:
            return JSONResponse({"error": f"You already created this {kind} repo", **answer}, 409)
        elif kind == "space" and wanted.get("sdk") not in SDKS:
            raise Refusal(400, f"sdk must be one of {SDKS}")
        elif kind == "space" and wanted["sdk"] != "static" and not self.subscribed:
            raise Refusal(402, "Subscribe to PRO to create a Space of this kind")
        else:
            repo = self.repos[key] = Repo(wanted.get("visibility") == "private", wanted.get("sdk"))
            repo.add("refs/heads/main", Commit({}, "initial commit"))
        return JSONResponse(answer)

    async def validate_yaml(self, request):
        asked = await request.json()
        try:
            data = front_matter(asked["content"])
            faults = faults_of_a_space(data) if asked.get("repoType") == "space" else []
            if data.get("license", "other") not in LICENSES:
                faults.append(f'"license" must be one of {sorted(LICENSES)}')
            wrong = [{"message": fault} for fault in faults]
        except (yaml.YAMLError, AttributeError) as error:
            wrong = [{"message": str(error)}]
        return JSONResponse({"errors": wrong, "warnings": []}, 400 if wrong else 200)

    async def info(self, request):
        kind, id, repo = self._repo(request)
        commit = repo.at(self._revision(request))
        siblings = [{"rfilename": path} for path in commit.files]
        if "blobs" in request.query_params:
            for sibling, file in zip(siblings, commit.files.values(), strict=True):
                sibling |= {"size": file.size, "blobId": file.oid}
                sibling |= {"lfs": file.lfs | {"sha256": file.sha256}} if file.lfs else {}
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
        return JSONResponse(self._described(commit, below, request.query_params.get("expand") == "true"))

    async def paths_info(self, request):
        commit, form = self._repo(request)[2].at(self._revision(request)), parse_qs((await request.body()).decode())
        asked = {PurePosixPath(path) for path in form.get("paths", [])}
        return JSONResponse(self._described(commit, asked & self._entries(commit), form.get("expand") == ["true"]))

    def _entries(self, commit: Commit) -> set[PurePosixPath]:
        files = {PurePosixPath(path) for path in commit.files}
        return files | {folder for path in files for folder in path.parents if folder != PurePosixPath()}

    def _described(self, commit: Commit, paths: set[PurePosixPath], expand: bool) -> list[dict]:
        last = {"lastCommit": {"id": commit.sha, "title": commit.title, "date": commit.date}} if expand else {}
        folder = {"type": "directory", "size": 0}
        return [
            (file.described(path) if (file := commit.files.get(path)) else folder | {"path": path, "oid": git_oid(path.encode())})
            | last
            for path in sorted(map(str, paths))
        ]

    async def refs(self, request):
        repo = self._repo(request)[2]

        def under(start: str) -> list[dict]:
            found = [(ref, sha) for ref, sha in repo.refs.items() if ref.startswith(start)]
            return [{"name": ref.removeprefix(start), "ref": ref, "targetCommit": sha} for ref, sha in found]

        answer = {"branches": under("refs/heads/"), "tags": under("refs/tags/"), "converts": under("refs/convert/")}
        return JSONResponse(answer | {"pullRequests": under("refs/pr/")})

    async def commits(self, request):
        repo, history = self._repo(request)[2], []
        commit = repo.at(self._revision(request))
        while commit:
            about = {"id": commit.sha, "title": commit.title, "message": commit.message, "date": commit.date}
            history.append(about | {"authors": [{"user": USER}]})
            commit = repo.commits.get(commit.parent)
        return JSONResponse(history)

    async def variables(self, request):
        kind, _, repo = self._repo(request, write=True)
        if kind != "spaces" or request.method != "GET":
            raise Refusal(404, "no such route")
        return JSONResponse({key: {"key": key, "value": value} for key, value in repo.variables.items()})

    async def pointer(self, request):
        """POST makes a branch or a tag, DELETE removes it."""
        repo, body = self._repo(request, write=True)[2], json.loads(await request.body() or "{}")
        if "branch" in request.path_params:
            name, start = unquote(request.path_params["branch"]), body.get("startingPoint", "main")
            ref = f"refs/heads/{name}"
        else:  # a DELETE names the tag in the URL, a POST the revision to tag
            start = unquote(request.path_params["tag"])
            name = body.get("tag", start)
            ref = f"refs/tags/{name}"
        if request.method == "DELETE":
            if repo.refs.pop(ref, None) is None:
                raise Refusal(404, f"Invalid rev id: {name}", "RevisionNotFound")
        elif ref in repo.refs:
            raise Refusal(409, f"Reference already exists: {ref}")
        else:
            repo.refs[ref] = repo.at(start).sha
        return JSONResponse({})

    async def preupload(self, request):
        """Which files go to LFS, and what the revision has at their paths now: the client leaves out what is the same."""
        files = self._repo(request, write=True)[2].at(self._revision(request)).files

        def judged(file: dict) -> dict:
            lfs = goes_to_lfs(file["path"], base64.b64decode(file["sample"]), file["size"])
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
        if hashlib.sha256(data).hexdigest() != oid:
            raise Refusal(400, f"what came is not {oid}")
        (self.blobs / oid).write_bytes(data)
        return Response()

    async def lfs_verify(self, request):
        asked = await request.json()
        if self._linked(asked["oid"]).size != asked["size"]:
            raise Refusal(400, f"{asked['oid']} is not of {asked['size']} bytes")
        return JSONResponse({})

    async def commit(self, request):
        kind, id, repo = self._repo(request, write=True)
        lines = [json.loads(line) for line in (await request.body()).splitlines() if line]
        if self._refusals:
            raise Refusal(self._refusals.pop(), "refused by the test")
        parent, ref = repo.at(self._revision(request)), repo.ref(self._revision(request))
        if "create_pr" in request.query_params:
            ref = f"refs/pr/{1 + sum(name.startswith('refs/pr/') for name in repo.refs)}"
        head, files = {}, dict(parent.files)
        for line in lines:
            key, value = line["key"], line["value"]
            if key == "header":
                head = value
            elif key == "file":
                files[value["path"]] = self._store(value["path"], base64.b64decode(value["content"]), lfs=False)
            elif key == "lfsFile":
                files[value["path"]] = self._linked(value["oid"])
            elif key in ("deletedFile", "deletedFolder"):
                gone = {p for p in files if p == value["path"] or p.startswith(value["path"].rstrip("/") + "/")}
                if not gone:
                    raise Refusal(404, "A file with this name doesn't exist", "EntryNotFound")
                files = {path: file for path, file in files.items() if path not in gone}
        if head.get("parentCommit", parent.sha) != parent.sha:
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        sha = repo.add(ref, Commit(files, head["summary"], head.get("description", ""), parent.sha)).sha
        page = f"{self.url}/{PREFIXES[kind]}{id}"
        request_url = f"{page}/discussions/{ref.split('/')[-1]}" if ref.startswith("refs/pr/") else None
        return JSONResponse({"commitUrl": f"{page}/commit/{sha}", "commitOid": sha, "pullRequestUrl": request_url})

    async def resolve(self, request):
        commit, path = self._repo(request)[2].at(self._revision(request)), unquote(request.path_params["path"])
        if not (file := commit.files.get(path)):
            raise Refusal(404, "Entry not found", "EntryNotFound")
        headers = {"X-Repo-Commit": commit.sha, "ETag": f'"{file.sha256 if file.lfs else file.oid}"'}
        if file.lfs:
            headers |= {"X-Linked-ETag": f'"{file.sha256}"', "X-Linked-Size": str(file.size)}
        return FileResponse(self.blobs / file.sha256, headers=headers)  # which answers HEAD and Range

    async def asgi(self, scope, receive, send) -> None:
        """Every request; routed by the path as it came, since "refs%2Fconvert%2Fparquet" is one part of it."""
        scope["path"] = scope["raw_path"].decode()
        self.requests.append(f"{scope['method']} {scope['path']}")
        await self._app(scope, receive, send)

    def _routed(self) -> Starlette:
        of_the_api = {
            "": self.info,
            "/revision/{revision}": self.info,
            "/tree/{revision}": self.tree,
            "/tree/{revision}/{path:path}": self.tree,
            "/paths-info/{revision}": self.paths_info,
            "/refs": self.refs,
            "/commits/{revision}": self.commits,
            "/variables": self.variables,
            "/branch/{branch}": self.pointer,
            "/tag/{tag}": self.pointer,
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

        async def broken(request, error):
            return JSONResponse({"error": f"the loopback Hub failed: {error!r}"}, 400)

        routes = [Route(path, handler, methods=["GET", "POST", "PUT", "DELETE"]) for path, handler in handlers.items()]
        return Starlette(routes=routes, exception_handlers={Refusal: refused, Exception: broken})
