"""What the fake Hub answers to each request."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.hub.store import Entry, Repository, git_oid_of_pointer

if TYPE_CHECKING:
    from harness.hub.server import FakeHub

LFS = (".parquet", ".mp4", ".bin")
MOST_OPERATIONS = 25_000


@dataclass(frozen=True)
class Answer:
    """What is sent back: a document, or a part of a file."""

    document: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    start: int = 0
    length: int = 0
    kind: str = "application/json"

    @property
    def data(self) -> bytes:
        """Return the document as it is sent."""
        return json.dumps(self.document).encode()


@dataclass(frozen=True)
class Asked:
    """A request: parts of its path, its query and its body."""

    hub: FakeHub
    values: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: bytes
    token: str
    stream: BufferedIOBase
    size: int
    range: str | None

    @property
    def json(self) -> Any:
        """Return the document that was sent."""
        return json.loads(self.body)

    @property
    def user(self) -> str | None:
        """Return whose token it is, None if it is nobody's."""
        return self.hub.tokens[self.token][0] if self.token in self.hub.tokens else None

    @property
    def repository(self) -> Repository | None:
        """Return the dataset that is asked for, None where the asker may not know of it."""
        found = self.hub.store.repositories.get(self.values["repo"])
        is_hidden = found is not None and found.is_private and self.user != found.name.split("/")[0]
        return None if is_hidden else found

    def may_write(self, name: str) -> bool:
        """Return whether the asker may write to a repository."""
        return self.hub.tokens.get(self.token, ("", "")) == (name.split("/", maxsplit=1)[0], "write")


def failure(code: str, status: int = 404, text: str = "") -> Answer:
    """Answer with an error, as the real Hub spells it."""
    return Answer({"error": text or code}, status, {"X-Error-Code": code, "X-Error-Message": text or code})


def missing(asked: Asked) -> Answer:
    """Answer that a repository does not exist."""
    # The real Hub does not tell strangers whether there is a private repository.
    return failure("RepoNotFound", 404 if asked.user else 401, "Repository not found")


FORBIDDEN = Answer({"error": "You don't have the rights to do this"}, 403)
UNKNOWN = Answer({"error": "Invalid username or password."}, 401)


def whoami(asked: Asked) -> Answer:
    """Answer who asks."""
    if asked.user is None:
        return UNKNOWN
    role = asked.hub.tokens[asked.token][1]
    return Answer({"type": "user", "name": asked.user, "auth": {"accessToken": {"role": role}}, "orgs": []})


def create(asked: Asked) -> Answer:
    """Create a repository."""
    document = asked.json
    name = f"{document.get('organization') or asked.user}/{document['name']}"
    if asked.user is None:
        return UNKNOWN
    if not asked.may_write(name):
        return FORBIDDEN
    with asked.hub.lock:
        is_new = name not in asked.hub.store.repositories
        if is_new:
            is_private = document.get("private") is True or document.get("visibility") == "private"
            asked.hub.store.create(name, is_private=is_private)
    url = f"{asked.hub.url}/datasets/{name}"
    return Answer(
        {"url": url, **({} if is_new else {"error": "You already created this dataset repo"})}, 200 if is_new else 409
    )


def info(asked: Asked) -> Answer:
    """Describe a repository at a revision."""
    repository = asked.repository
    if repository is None:
        return missing(asked)
    sha = repository.resolve(asked.values.get("rev", "main"))
    if sha is None:
        return failure("RevisionNotFound")
    siblings = [{"rfilename": path} for path in sorted(repository.commits[sha])]
    facts = {
        "id": repository.name,
        "sha": sha,
        "private": repository.is_private,
        "gated": False,
        "tags": [],
        "disabled": False,
    }
    return Answer({**facts, "siblings": siblings})


def tree(asked: Asked) -> Answer:
    """List the files of a revision, by pages."""
    repository = asked.repository
    if repository is None:
        return missing(asked)
    sha = repository.resolve(asked.values["rev"])
    if sha is None:
        return failure("RevisionNotFound")
    files = sorted(repository.commits[sha].items())
    start, page = int(asked.query.get("cursor", ["0"])[0]), asked.hub.page
    headers = {}
    if start + page < len(files):
        query = f"recursive=True&expand=False&cursor={start + page}"
        headers["Link"] = f'<{asked.hub.url}/api/datasets/{repository.name}/tree/{sha}?{query}>; rel="next"'
    return Answer([_row(path, entry) for path, entry in files[start : start + page]], headers=headers)


def _row(path: str, entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {"type": "file", "path": path, "size": entry.size, "oid": entry.git_oid}
    if entry.is_lfs:
        row["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": 134}
    return row


def refs(asked: Asked) -> Answer:
    """List branches and tags."""
    repository = asked.repository
    if repository is None:
        return missing(asked)

    def named(found: Mapping[str, str], kind: str) -> list[dict[str, str]]:
        return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": sha} for name, sha in found.items()]

    return Answer(
        {"branches": named(repository.branches, "heads"), "tags": named(repository.tags, "tags"), "converts": []}
    )


def branch(asked: Asked) -> Answer:
    """Create a branch."""
    repository, name = asked.repository, asked.values["rev"]
    if repository is None:
        return missing(asked)
    if not asked.may_write(repository.name):
        return FORBIDDEN
    if name in repository.branches:
        return Answer({"error": "Reference already exists"}, 409)
    start = (asked.json if asked.body else {}).get("startingPoint", "main")
    repository.branches[name] = repository.resolve(start) or ""
    return Answer({})


def tag(asked: Asked) -> Answer:
    """Put a tag on a revision."""
    repository = asked.repository
    if repository is None:
        return missing(asked)
    if not asked.may_write(repository.name):
        return FORBIDDEN
    name, sha = asked.json["tag"], repository.resolve(asked.values["rev"])
    if sha is None:
        return failure("RevisionNotFound")
    if name in repository.tags:
        return Answer({"error": "Tag reference exists already"}, 409)
    repository.tags[name] = sha
    return Answer({})


def untag(asked: Asked) -> Answer:
    """Remove a tag."""
    repository = asked.repository
    if repository is None:
        return missing(asked)
    if not asked.may_write(repository.name):
        return FORBIDDEN
    return Answer({}) if repository.tags.pop(asked.values["rev"], None) else failure("RevisionNotFound")


def preupload(asked: Asked) -> Answer:
    """Say how each file is to be sent."""
    repository = asked.repository
    if repository is None:
        return missing(asked)
    if not asked.may_write(repository.name):
        return FORBIDDEN
    sha = repository.resolve(asked.values["rev"])
    if sha is None:
        return failure("RevisionNotFound")
    there = repository.commits[sha]
    files = []
    for file in asked.json["files"]:
        path = file["path"]
        old = there.get(path)
        oid = None if old is None else old.sha256 if old.is_lfs else old.git_oid
        ignored = ".gitignore" in there and path.endswith(".ignored")
        mode = "lfs" if path.endswith(LFS) else "regular"
        files.append({"path": path, "uploadMode": mode, "shouldIgnore": ignored, **({"oid": oid} if oid else {})})
    return Answer({"files": files})


def lfs_batch(asked: Asked) -> Answer:
    """Say where large files go."""
    repository = asked.repository
    if repository is None:
        return missing(asked)
    if not asked.may_write(repository.name):
        return FORBIDDEN
    objects = [_lfs_object(asked, each["oid"], each["size"]) for each in asked.json["objects"]]
    return Answer({"transfer": "basic", "objects": objects}, kind="application/vnd.git-lfs+json")


def _lfs_object(asked: Asked, oid: str, size: int) -> dict[str, Any]:
    if asked.hub.store.has(oid):
        return {"oid": oid, "size": size}
    url, chunk = f"{asked.hub.url}/lfs/{oid}", asked.hub.chunk
    if chunk is None or size <= chunk:
        upload: dict[str, Any] = {"href": url, "header": {}}
    else:
        parts = {str(n + 1): f"{url}/part/{n + 1}" for n in range(-(-size // chunk))}
        upload = {"href": f"{url}/complete", "header": {"chunk_size": str(chunk), **parts}}
    return {"oid": oid, "size": size, "actions": {"upload": upload}}


def lfs_put(asked: Asked) -> Answer:
    """Receive a large file."""
    return Answer({}, 200 if asked.hub.store.receive(asked.values["oid"], asked.stream, asked.size) else 400)


def lfs_part(asked: Asked) -> Answer:
    """Receive a part of a large file."""
    number = int(asked.values["number"])
    asked.hub.store.receive_part(asked.values["oid"], number, asked.stream, asked.size)
    return Answer({}, headers={"ETag": f'"{number}"'})


def lfs_complete(asked: Asked) -> Answer:
    """Join the parts of a large file."""
    numbers = [part["partNumber"] for part in asked.json["parts"]]
    return Answer({}, 200 if asked.hub.store.join(asked.values["oid"], numbers) else 400)


lfs_put.streams = lfs_part.streams = True  # type: ignore[attr-defined]


def commit(asked: Asked) -> Answer:
    """Make a commit of additions and deletions."""
    repository, name = asked.repository, asked.values["rev"]
    if repository is None:
        return missing(asked)
    if not asked.may_write(repository.name):
        return FORBIDDEN
    if name not in repository.branches:
        return failure("RevisionNotFound")
    lines = [json.loads(line) for line in asked.body.splitlines()]
    if len(lines) > MOST_OPERATIONS + 1:
        return Answer({"error": "too many files in one commit"}, 413)
    header, operations = lines[0]["value"], lines[1:]
    with asked.hub.lock:
        head = repository.branches[name]
        if header.get("parentCommit") not in (None, head):
            return Answer({"error": "A commit has happened since. Please refresh and try again."}, 412)
        files = dict(repository.commits[head])
        for operation in operations:
            if (problem := _apply(asked, files, operation["key"], operation["value"])) is not None:
                return problem
        sha = repository.commit(name, files, header["summary"])
    url = f"{asked.hub.url}/datasets/{repository.name}/commit/{sha}"
    return Answer({"success": True, "commitOid": sha, "commitUrl": url, "hookOutput": ""})


def _apply(asked: Asked, files: dict[str, Entry], key: str, value: Any) -> Answer | None:
    path = value["path"]
    if key == "file":
        files[path] = asked.hub.store.add(base64.b64decode(value["content"]))
    elif key == "lfsFile":
        if not asked.hub.store.has(value["oid"]):
            return Answer({"error": f"the contents of {path} were not uploaded"}, 400)
        pointer = git_oid_of_pointer(value["oid"], value["size"])
        files[path] = Entry(value["oid"], value["size"], pointer, is_lfs=True)
    elif key == "deletedFile":
        files.pop(path)
    elif key == "deletedFolder":
        for inner in [each for each in files if each.startswith(path)]:
            files.pop(inner)
    return None


def resolve(asked: Asked) -> Answer:
    """Send a file."""
    repository = asked.repository
    if repository is None:
        return missing(asked)
    if repository.is_gated and asked.user != repository.name.split("/")[0]:
        return failure("GatedRepo", 403, "Access to this dataset is restricted")
    sha = repository.resolve(asked.values["rev"])
    if sha is None:
        return failure("RevisionNotFound")
    entry = repository.commits[sha].get(asked.values["path"])
    if entry is None:
        return failure("EntryNotFound")
    etag = entry.sha256 if entry.is_lfs else entry.git_oid
    headers = {"X-Repo-Commit": sha, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
    if entry.is_lfs:
        headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(entry.size)}
    return part_of(asked.hub.store.blobs / entry.sha256, headers, asked.range)


def validate_yaml(_: Asked) -> Answer:
    """Accept every card."""
    return Answer({"errors": [], "warnings": []})


_NAME = r"(?P<repo>[^/]+/[^/]+)"
_REPO = rf"/api/datasets/{_NAME}"
ROUTES: list[tuple[str, str, Callable[[Asked], Answer]]] = [
    ("GET", "/api/whoami-v2", whoami),
    ("POST", "/api/repos/create", create),
    ("POST", "/api/validate-yaml", validate_yaml),
    ("GET", rf"{_REPO}/refs", refs),
    ("GET", rf"{_REPO}/revision/(?P<rev>.+)", info),
    ("GET", rf"{_REPO}/tree/(?P<rev>[^/]+)", tree),
    ("POST", rf"{_REPO}/branch/(?P<rev>.+)", branch),
    ("POST", rf"{_REPO}/tag/(?P<rev>.+)", tag),
    ("DELETE", rf"{_REPO}/tag/(?P<rev>.+)", untag),
    ("POST", rf"{_REPO}/preupload/(?P<rev>.+)", preupload),
    ("POST", rf"{_REPO}/commit/(?P<rev>.+)", commit),
    ("GET", _REPO, info),
    ("POST", rf"/datasets/{_NAME}\.git/info/lfs/objects/batch", lfs_batch),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", lfs_put),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})/part/(?P<number>\d+)", lfs_part),
    ("POST", r"/lfs/(?P<oid>[0-9a-f]{64})/complete", lfs_complete),
    ("GET", rf"/datasets/{_NAME}/resolve/(?P<rev>[^/]+)/(?P<path>.+)", resolve),
]


def part_of(file: Path, headers: dict[str, str], wanted: str | None) -> Answer:
    """Return a file, or the range of it that was asked for."""
    size = file.stat().st_size
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted or "")
    if found is None:
        return Answer(None, 200, headers, file, 0, size, "application/octet-stream")
    start, stop = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
    if start >= size:
        return Answer({"error": "range"}, 416, {**headers, "Content-Range": f"bytes */{size}"})
    headers = {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"}
    return Answer(None, 206, headers, file, start, stop - start, "application/octet-stream")
