"""What the fake Hub keeps: repositories with commits, branches and tags; contents in files by their hash."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Entry:
    """A file of a commit."""

    sha256: str
    size: int
    git_oid: str
    is_lfs: bool


Tree = Mapping[str, Entry]


@dataclass
class Repository:
    """A dataset repository."""

    name: str
    is_private: bool
    is_gated: bool = False
    commits: dict[str, Tree] = field(default_factory=dict)
    parents: dict[str, str | None] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, branch: str, tree: Tree, title: str) -> str:
        """Put a commit on a branch and return its name."""
        sha = secrets.token_hex(20)
        self.commits[sha], self.parents[sha], self.titles[sha] = dict(tree), self.branches.get(branch), title
        self.branches[branch] = sha
        return sha

    def resolve(self, revision: str) -> str | None:
        """Return the commit that a branch, a tag or a commit's name means."""
        revision = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        known = self.branches.get(revision) or self.tags.get(revision)
        return known or (revision if revision in self.commits else None)

    def history(self, branch: str = "main") -> list[str]:
        """Return the titles of a branch's commits, the newest first."""
        titles, sha = [], self.branches.get(branch)
        while sha is not None:
            titles.append(self.titles[sha])
            sha = self.parents[sha]
        return titles


class Store:
    """Repositories, and the contents of their files."""

    def __init__(self, folder: Path) -> None:
        self.blobs = folder / "blobs"
        self.parts = folder / "parts"
        self.blobs.mkdir(parents=True)
        self.parts.mkdir()
        self.repositories: dict[str, Repository] = {}

    def create(self, name: str, *, is_private: bool) -> Repository:
        """Begin a repository."""
        repository = self.repositories[name] = Repository(name, is_private)
        attributes = self.add(b"*.parquet filter=lfs\n*.mp4 filter=lfs\n")
        repository.commit("main", {".gitattributes": attributes}, "initial commit")
        return repository

    def add(self, data: bytes) -> Entry:
        """Keep contents and describe them."""
        sha256 = hashlib.sha256(data).hexdigest()
        (self.blobs / sha256).write_bytes(data)
        return Entry(sha256, len(data), git_oid(data), is_lfs=False)

    def has(self, sha256: str) -> bool:
        """Return whether contents are kept."""
        return (self.blobs / sha256).is_file()

    def receive(self, sha256: str, stream: BufferedIOBase, size: int) -> bool:
        """Take the contents of a file; return whether they are what was announced."""
        return self._keep(sha256, stream, size, self.blobs / sha256)

    def receive_part(self, sha256: str, number: int, stream: BufferedIOBase, size: int) -> None:
        """Keep a part of contents."""
        self._keep(None, stream, size, self.parts / f"{sha256}-{number}")

    def join(self, sha256: str, numbers: Iterable[int]) -> bool:
        """Join parts; return whether they have the hash."""
        found = hashlib.sha256()
        whole = self.parts / sha256
        with whole.open("wb") as target:
            for number in numbers:
                with (self.parts / f"{sha256}-{number}").open("rb") as part:
                    while data := part.read(1 << 20):
                        found.update(data)
                        target.write(data)
        if found.hexdigest() != sha256:
            return False
        whole.replace(self.blobs / sha256)
        return True

    def _keep(self, sha256: str | None, stream: BufferedIOBase, size: int, target: Path) -> bool:
        partial = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
        found = hashlib.sha256()
        left = size
        with partial.open("wb") as file:
            while left and (data := stream.read(min(left, 1 << 20))):
                found.update(data)
                file.write(data)
                left -= len(data)
        if left or (sha256 is not None and found.hexdigest() != sha256):
            partial.unlink()
            return False
        partial.replace(target)
        return True

    def files(self, name: str, revision: str = "main") -> dict[str, bytes]:
        """Return the files of a revision, without what the Hub makes itself."""
        repository = self.repositories[name]
        tree = repository.commits[repository.resolve(revision) or ""]
        return {path: (self.blobs / e.sha256).read_bytes() for path, e in tree.items() if path != ".gitattributes"}

    def write(self, name: str, changes: Mapping[str, bytes | None], title: str = "by somebody else") -> str:
        """Make a commit as somebody else would; None deletes."""
        repository = self.repositories[name]
        tree: dict[str, Any] = dict(repository.commits[repository.branches["main"]])
        for path, data in changes.items():
            if data is None:
                tree.pop(path)
            else:
                tree[path] = self.add(data)
        return repository.commit("main", tree, title)

    def clear(self) -> None:
        """Forget everything."""
        self.repositories.clear()
        for folder in (self.blobs, self.parts):
            shutil.rmtree(folder)
            folder.mkdir()


def git_oid(data: bytes) -> str:
    """Return the name that Git gives to contents."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def git_oid_of_pointer(sha256: str, size: int) -> str:
    """Return the name that Git gives to the pointer of a large file."""
    return git_oid(f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode())
