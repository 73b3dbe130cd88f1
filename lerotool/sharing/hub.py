"""The Hugging Face Hub as push and pull use it: through `huggingface_hub`, which alone speaks the protocol."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from lerotool.errors import HubError, UsageError
from lerotool.sharing.events import Advanced, Listener, Noted, Waiting
from lerotool.sharing.quiet_client import quiet_client
from lerotool.sharing.refusals import (
    TRANSIENT,
    HubConflictError,
    endpoint,
    in_words,
    is_logged_in,
    no_repository,
    status_of,
)
from lerotool.storage import scratch_folder
from lerotool.wording import as_argument

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    Operation = CommitOperationAdd | CommitOperationDelete

DATASET = "dataset"
_ATTEMPTS = 5
_FIRST_WAIT_S = 1.0
_BATCH_FILES = 256
_BATCH_BYTES = 64 << 20
_SHA256_DIGITS = 64
_READ_AT_ONCE = 1 << 20
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a commit."""

    path: str  # in the repository, with forward slashes
    size: int  # in bytes
    oid: str  # of its contents: SHA-256 of a large file, git's hash of another one

    def is_same(self, local: Path) -> bool:
        """Whether a file of this machine has the same contents."""
        return local.is_file() and local.stat().st_size == self.size and same_contents(local, self.oid)

    def is_bytes(self, data: bytes) -> bool:
        """Whether these are its contents."""
        return len(data) == self.size and _hash(self.oid, len(data), [data]) == self.oid


def same_contents(local: Path, oid: str) -> bool:
    """Whether a file has the contents that the Hub has by this name."""
    with local.open("rb") as file:
        return _hash(oid, local.stat().st_size, iter(lambda: file.read(_READ_AT_ONCE), b"")) == oid


def _hash(oid: str, size: int, parts: Iterator[bytes] | Sequence[bytes]) -> str:
    # The Hub names large files by SHA-256, all others as git does.
    is_large = len(oid) == _SHA256_DIGITS
    found = hashlib.sha256() if is_large else hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for part in parts:
        found.update(part)
    return found.hexdigest()


Tree = Mapping[str, RemoteFile]


def _has(tree: Tree, operations: Sequence[Operation]) -> bool:
    """Whether a commit has the contents that were sent, where names and sizes agree."""
    from huggingface_hub import CommitOperationAdd

    return all(_is_sent(tree[e.path_in_repo].oid, e) for e in operations if isinstance(e, CommitOperationAdd))


def _is_sent(oid: str, operation: CommitOperationAdd) -> bool:
    if len(oid) == _SHA256_DIGITS:
        return operation.upload_info.sha256.hex() == oid
    with operation.as_file() as file:
        return _hash(oid, operation.upload_info.size, [file.read()]) == oid


@dataclass(frozen=True, slots=True)
class Refs:
    """Where branches and tags of a repository are: commits by name."""

    branches: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def find(self, revision: str) -> str | None:
        """Return the commit of a branch or tag."""
        return self.branches.get(revision) or self.tags.get(revision)


@dataclass(frozen=True, slots=True)
class Addition:
    """A file that a commit adds or replaces."""

    path: str  # in the repository
    source: Path | bytes  # the file, or its contents
    size: int  # in bytes


class Hub:
    """One repository of datasets (``user/name``) on the Hub."""

    def __init__(self, repository: str, listen: Listener) -> None:
        self.repository = repository
        self._listen = listen
        self._api = _open_api()

    @property
    def page(self) -> str:
        """The dataset's page."""
        return f"{endpoint()}/datasets/{self.repository}"

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        with quiet_client(self._listen), in_words(self.repository, what):
            yield

    def _patiently(self, ask: Callable[[], _T], look: Callable[[], _T | None] = lambda: None) -> _T:
        """Ask again where the client does not: what can be asked twice without harm, or if a look does not find it."""
        wait_s = _FIRST_WAIT_S
        for _ in range(_ATTEMPTS - 1):
            try:
                return ask()
            except Exception as error:
                if status_of(error) not in (0, *TRANSIENT):
                    raise
                told_s = _told_wait(error)
                self._wait(error, wait_s if told_s is None else told_s)
            wait_s *= 2
            if (found := look()) is not None:
                return found
        return ask()

    def _wait(self, error: BaseException, seconds: float) -> None:
        reason = "rate limit" if status_of(error) == 429 else "no answer" if status_of(error) == 0 else "trouble there"
        self._listen(Waiting(reason, seconds))
        time.sleep(seconds)

    def check_login(self) -> None:
        """Make sure that the Hub knows who asks."""
        with self._doing("logging in"):
            if not is_logged_in():
                raise HubError("not logged in to the Hugging Face Hub", hint="log in: hf auth login; or set HF_TOKEN")
            self._patiently(self._api.whoami)

    def refs(self) -> Refs | None:
        """Return branches and tags; None where the repository does not exist."""
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        with self._doing("asking for branches and tags"):
            try:
                found = self._patiently(lambda: self._api.list_repo_refs(self.repository, repo_type=DATASET))
            except GatedRepoError:
                raise
            except RepositoryNotFoundError:
                return None
        branches = {each.name: each.target_commit for each in found.branches}
        return Refs(branches, {each.name: each.target_commit for each in found.tags})

    def is_private(self) -> bool:
        """Whether only its owner sees the repository."""
        with self._doing("asking about the dataset"):
            found = self._patiently(lambda: self._api.repo_info(self.repository, repo_type=DATASET))
        return bool(found.private)

    def commit_of(self, revision: str) -> str:
        """Return the commit that a branch, tag or commit's name means."""
        refs = self.refs()
        if refs is None:
            raise no_repository(self.repository)
        if (known := refs.find(revision)) is not None:
            return known
        with self._doing(f"looking for {revision!r}"):
            found = self._patiently(lambda: self._api.repo_info(self.repository, repo_type=DATASET, revision=revision))
        return str(found.sha)

    def tree(self, commit: str) -> Tree:
        """Return the files of a commit by their paths."""
        from huggingface_hub.hf_api import RepoFile

        with self._doing("listing files"):
            found = self._api.list_repo_tree(self.repository, recursive=True, revision=commit, repo_type=DATASET)
            files = [each for each in found if isinstance(each, RepoFile)]
        return {f.path: RemoteFile(f.path, f.size, f.lfs.sha256 if f.lfs is not None else f.blob_id) for f in files}

    def create(self, *, is_private: bool) -> None:
        """Make the repository if there is none."""
        with self._doing("making the dataset"):
            self._patiently(
                lambda: self._api.create_repo(self.repository, private=is_private, repo_type=DATASET, exist_ok=True)
            )

    def create_branch(self, branch: str) -> None:
        """Make a branch if there is none of that name."""
        with self._doing(f"making the branch {branch!r}"):
            self._patiently(
                lambda: self._api.create_branch(self.repository, branch=branch, repo_type=DATASET, exist_ok=True)
            )

    def send(self, additions: Sequence[Addition], branch: str) -> Sequence[CommitOperationAdd]:
        """Send the contents of files, which are part of nothing until `commit`; what is there is not sent again."""
        from huggingface_hub import CommitOperationAdd

        sent: list[CommitOperationAdd] = []
        for batch in _batches(additions):
            with self._doing("sending files"):
                operations = [CommitOperationAdd(each.path, _openable(each.source)) for each in batch]
                self._api.preupload_lfs_files(
                    self.repository, operations, repo_type=DATASET, revision=branch, free_memory=False
                )
            sent += operations
            self._listen(Advanced(len(batch), sum(each.size for each in batch)))
        return sent

    def commit(
        self, operations: Sequence[Operation], title: str, branch: str, parent: str, result: Mapping[str, int]
    ) -> str:
        """Make one commit, which must follow ``parent``, and return its name; contents of files were sent before.

        ``result`` (names and sizes of the files afterwards) tells whether it was made when its answer did not arrive.
        With HubError it may have been made; the next push finds out.
        """

        def commit() -> str:
            made = self._api.create_commit(
                self.repository,
                operations,
                commit_message=title,
                repo_type=DATASET,
                revision=branch,
                parent_commit=parent,
            )
            return str(made.oid)

        def look() -> str | None:
            if (head := self._head(branch)) == parent:
                return None
            tree = self.tree(head)
            if {path: file.size for path, file in tree.items()} == result and _has(tree, operations):
                return head
            raise HubConflictError(
                f"somebody else has made a commit in {self.repository} meanwhile ({head[:8]})",
                hint="look at it, then push again",
            )

        with self._doing("making the commit"):
            return self._patiently(commit, look)

    def _head(self, branch: str) -> str:
        refs = self.refs()
        if refs is None or branch not in refs.branches:
            raise no_repository(self.repository)
        return refs.branches[branch]

    def move_tag(self, tag: str, commit: str) -> None:
        """Put a tag on a commit, away from where it is, and read it back."""
        from huggingface_hub.errors import RevisionNotFoundError

        refs = self.refs() or Refs()
        if refs.tags.get(tag) == commit:
            return
        with self._doing(f"moving the tag {tag}"):
            if tag in refs.tags:
                try:
                    self._patiently(lambda: self._api.delete_tag(self.repository, tag=tag, repo_type=DATASET))
                except RevisionNotFoundError:
                    self._listen(Noted(f"the tag {tag} was gone already"))
            self._patiently(
                lambda: self._api.create_tag(
                    self.repository, tag=tag, revision=commit, repo_type=DATASET, exist_ok=True
                )
            )
        if (found := (self.refs() or Refs()).tags.get(tag)) != commit:
            raise HubError(
                f"{self.repository}: the tag {tag} is on {found or 'no commit'} after it was put on {commit}",
                hint=f"LeRobot loads what has this tag: lerotool push {as_argument(self.repository)} --tag-only",
            )

    def read(self, path: str, commit: str) -> bytes:
        """Return the contents of a small file."""
        with scratch_folder("lerotool-hub-") as folder, self.fetching():
            self.fetch(path, commit, folder, ignore_bytes)
            return (folder / path).read_bytes()

    def fetch(self, path: str, commit: str, folder: Path, on_bytes: Callable[[int], None]) -> None:
        """Get a file of a commit into a folder; what an interruption has left of it there is gone on with.

        The client keeps notes in ``.cache`` of the folder.
        """
        with in_words(self.repository, f"getting {path}"):
            self._patiently(
                lambda: self._api.hf_hub_download(
                    self.repository,
                    path,
                    repo_type=DATASET,
                    revision=commit,
                    local_dir=folder,
                    tqdm_class=_counter(on_bytes),
                )
            )

    @contextmanager
    def fetching(self) -> Iterator[None]:
        """Let several threads `fetch`; what the client says meanwhile goes to the listener."""
        with quiet_client(self._listen):
            yield


def _open_api() -> HfApi:
    try:
        from huggingface_hub import HfApi
    except ImportError:
        raise UsageError(
            "push and pull need the Hub's own client, which is not installed", hint="pip install huggingface_hub"
        ) from None
    from importlib.metadata import version

    return HfApi(endpoint=endpoint(), library_name="lerotool", library_version=version("lerotool"))


def _openable(source: Path | bytes) -> str | bytes:
    return source if isinstance(source, bytes) else str(source)


def _batches(additions: Sequence[Addition]) -> Iterator[list[Addition]]:
    """Put files together so that progress moves and requests are few."""
    batch: list[Addition] = []
    size = 0
    for addition in additions:
        if batch and (len(batch) == _BATCH_FILES or size + addition.size > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(addition)
        size += addition.size
    if batch:
        yield batch


def _told_wait(error: BaseException) -> float | None:
    """Return how long the Hub asks to wait, if it does."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    for part in str(headers.get("ratelimit", "")).split(";"):
        name, _, value = part.strip().partition("=")
        if name == "t" and value.isdecimal():
            return float(value) + 1
    after = str(headers.get("retry-after", ""))
    return float(after) if after.isdecimal() else None


def ignore_bytes(count: int) -> None:
    """Stand in for who wants to know how many bytes have arrived."""
    del count


def _counter(on_bytes: Callable[[int], None]) -> Any:
    """Return a class with which the client tells its progress, as it would to a bar."""

    class Counter:
        def __init__(self, *_: object, initial: float = 0, **__: object) -> None:
            if initial:
                on_bytes(int(initial))

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            """Show nothing, so there is nothing to close."""

        def update(self, n: float | None = 1) -> None:
            on_bytes(int(n or 0))

        def __getattr__(self, name: str) -> Callable[..., None]:
            return _nothing

    return Counter


def _nothing(*_: object, **__: object) -> None:
    """Stand in for what a bar does besides counting."""
