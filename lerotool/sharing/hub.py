"""The Hugging Face Hub as push and pull use it: through `huggingface_hub`, which alone speaks the protocol."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from lerotool.errors import HubError, UsageError
from lerotool.sharing.events import Advanced, Listener, Noted, Waiting, quiet_client
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
        return _name_of(self.oid, len(data), BytesIO(data)) == self.oid


def same_contents(local: Path, oid: str) -> bool:
    """Whether a file has the contents that the Hub has by this name."""
    with local.open("rb") as file:
        return _name_of(oid, local.stat().st_size, file) == oid


def _name_of(oid: str, size: int, file: Any) -> str:
    """Return how the Hub names the contents of a file: large ones by SHA-256, all others as git does."""
    is_large = len(oid) == _SHA256_DIGITS
    begun = hashlib.sha256() if is_large else hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    return hashlib.file_digest(file, lambda: begun).hexdigest()


Tree = Mapping[str, RemoteFile]


def _has(tree: Tree, operations: Sequence[Operation]) -> bool:
    """Whether a commit has the contents that were sent, where names and sizes agree."""
    from huggingface_hub import CommitOperationAdd

    for operation in operations:
        if isinstance(operation, CommitOperationAdd):
            oid = tree[operation.path_in_repo].oid
            with operation.as_file() as file:
                if _name_of(oid, operation.upload_info.size, file) != oid:
                    return False
    return True


@dataclass(frozen=True, slots=True)
class Refs:
    """Where branches and tags of a repository are: commits by name."""

    branches: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


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

    def _ask(self, what: str, ask: Callable[..., _T], **options: Any) -> _T:
        """Ask the Hub about this repository."""
        with self._doing(what):
            return self._patiently(partial(ask, self.repository, repo_type=DATASET, **options))

    def _patiently(self, ask: Callable[[], _T], look: Callable[[], _T | None] = lambda: None) -> _T:
        """Ask again where the client does not: what can be asked twice without harm, or if a look does not find it."""
        for attempt in range(_ATTEMPTS - 1):
            try:
                return ask()
            except Exception as error:
                if status_of(error) not in (0, *TRANSIENT):
                    raise
                told_s = _told_wait(error)
                self._wait(error, _FIRST_WAIT_S * 2**attempt if told_s is None else told_s)
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

        try:
            found = self._ask("asking for branches and tags", self._api.list_repo_refs)
        except HubError as error:
            if isinstance(error.__cause__, RepositoryNotFoundError) and not isinstance(error.__cause__, GatedRepoError):
                return None
            raise
        branches = {each.name: each.target_commit for each in found.branches}
        return Refs(branches, {each.name: each.target_commit for each in found.tags})

    def is_private(self) -> bool:
        """Whether only its owner sees the repository."""
        return bool(self._ask("asking about the dataset", self._api.repo_info).private)

    def commit_of(self, revision: str) -> str:
        """Return the commit that a branch, tag or commit's name means."""
        refs = self.refs()
        if refs is None:
            raise no_repository(self.repository)
        known = refs.branches.get(revision) or refs.tags.get(revision)
        return known or str(self._ask(f"looking for {revision!r}", self._api.repo_info, revision=revision).sha)

    def tree(self, commit: str) -> Tree:
        """Return the files of a commit by their paths."""
        from huggingface_hub.hf_api import RepoFile

        with self._doing("listing files"):
            found = self._api.list_repo_tree(self.repository, recursive=True, revision=commit, repo_type=DATASET)
            files = [each for each in found if isinstance(each, RepoFile)]
        return {f.path: RemoteFile(f.path, f.size, f.lfs.sha256 if f.lfs is not None else f.blob_id) for f in files}

    def create(self, *, is_private: bool) -> None:
        """Make the repository if there is none."""
        self._ask("making the dataset", self._api.create_repo, private=is_private, exist_ok=True)

    def create_branch(self, branch: str) -> None:
        """Make a branch if there is none of that name."""
        self._ask(f"making the branch {branch!r}", self._api.create_branch, branch=branch, exist_ok=True)

    def send(self, additions: Sequence[Addition], branch: str) -> Sequence[CommitOperationAdd]:
        """Send the contents of files, which are part of nothing until `commit`; what is there is not sent again."""
        from huggingface_hub import CommitOperationAdd

        sent: list[CommitOperationAdd] = []
        for batch in _batches(additions):
            with self._doing("sending files"):
                operations = [CommitOperationAdd(each.path, each.source) for each in batch]
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
            options: dict[str, Any] = {"repo_type": DATASET, "revision": branch, "parent_commit": parent}
            return str(self._api.create_commit(self.repository, operations, commit_message=title, **options).oid)

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
        what = f"moving the tag {tag}"
        if tag in refs.tags:
            try:
                self._ask(what, self._api.delete_tag, tag=tag)
            except HubError as error:
                if not isinstance(error.__cause__, RevisionNotFoundError):
                    raise
                self._listen(Noted(f"the tag {tag} was gone already"))
        self._ask(what, self._api.create_tag, tag=tag, revision=commit, exist_ok=True)
        if (found := (self.refs() or Refs()).tags.get(tag)) != commit:
            raise HubError(
                f"{self.repository}: the tag {tag} is on {found or 'no commit'} after it was put on {commit}",
                hint=f"LeRobot loads what has this tag: lerotool push {as_argument(self.repository)} --tag-only",
            )

    def read(self, path: str, commit: str) -> bytes:
        """Return the contents of a small file."""
        with scratch_folder("lerotool-hub-") as folder, self.fetching():
            self.fetch(path, commit, folder, lambda _: None)
            return (folder / path).read_bytes()

    def fetch(self, path: str, commit: str, folder: Path, on_bytes: Callable[[int], None]) -> None:
        """Get a file of a commit into a folder; what an interruption has left of it there is gone on with.

        The client keeps notes in ``.cache`` of the folder.
        """
        with in_words(self.repository, f"getting {path}"):
            options: dict[str, Any] = {"repo_type": DATASET, "revision": commit, "tqdm_class": _counter(on_bytes)}
            self._patiently(lambda: self._api.hf_hub_download(self.repository, path, local_dir=folder, **options))

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
            return lambda *_, **__: None

    return Counter
