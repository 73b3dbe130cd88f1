"""Durable files: atomic writes, syncs, locks between processes, free space.

Knows nothing of datasets. "Durable" means flushed and synced, the directory entry included: it survives ``kill -9``
and, as far as the disk keeps its word, a power cut.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lerotool.errors import CorruptDatasetError, DatasetLockedError
from lerotool.wording import sized

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PARTIAL = ".partial-"
DISCARDED = ".discarded-"
_OWNED = re.compile(r"([1-9]\d{0,9})-([0-9a-f]{4})[0-9a-f]{8}$")
SPARE_BYTES = 16 * 1024**2
"""What a change of a dataset may take beside its larger files: metadata, directories."""
_IN_USE = "in-use.lock"
_LOCK_ATTEMPTS = 5
_LOCK_PAUSE_S = 0.004
_POLL_S = 0.05
_COPIED_AT_ONCE = 1 << 30
_NOT_WITHIN_THE_KERNEL = frozenset([errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM])


def sync_file(path: Path) -> None:
    """Flush a closed file's contents to the disk."""
    # Windows flushes only handles that may write.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Flush a directory's entries to the disk; Windows does this by itself."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Create a directory and its parents, durably."""
    missing = [p for p in (path, *path.parents) if not p.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for created in reversed(missing):
        sync_directory(created.parent)


def partial_path(path: Path) -> Path:
    """Return a fresh name beside ``path`` that readers ignore, for a file being written."""
    return path.with_name(f"{path.name}{PARTIAL}{own_suffix()}")


def own_suffix() -> str:
    """Return a fresh end of a name, by which `is_abandoned` knows whose it is: process, machine, chance."""
    return f"{os.getpid()}-{_machine()}{secrets.token_hex(4)}"


def is_abandoned(name: str) -> bool:
    """Return whether a name ends with the `own_suffix` of a process of this machine that runs no more.

    Of processes on other machines, and on Windows, nobody knows.
    """
    if sys.platform == "win32":
        return False  # nothing there asks whether a process lives without a risk for it
    found = _OWNED.search(name)
    return found is not None and found[2] == _machine() and not _is_running(int(found[1]))


@functools.cache
def _machine() -> str:
    """Return four digits for this machine; a container, which numbers processes by itself, has its own."""
    try:
        numbering = str(os.stat("/proc/self/ns/pid").st_ino)  # noqa: PTH116
    except OSError:
        numbering = ""
    return hashlib.sha256(f"{socket.gethostname()} {numbering}".encode()).hexdigest()[:4]


@contextlib.contextmanager
def replacing(path: Path, folder: Path | None = None) -> Iterator[Path]:
    """Give a fresh place to write a file at, which becomes ``path`` in one step at the end; not yet durable.

    After an error nothing is left and ``path`` is as it was. `folder`: on the same file system, where it is written;
    None is beside it.
    """
    partial = partial_path(path if folder is None else folder / path.name)
    try:
        yield partial
        partial.replace(path)
    finally:
        # Also after success: where both are links to one file, POSIX leaves them both.
        partial.unlink(missing_ok=True)


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that readers see the old contents or the new, durably.

    What killed processes have left of writing it before is removed.
    """
    remove_left_partials(path)
    with replacing(path) as partial, partial.open("xb") as file:
        file.write(data)
        file.flush()
        sync_descriptor(file.fileno())
    sync_directory(path.parent)


def remove_left_partials(path: Path) -> None:
    """Remove what killed processes of this machine have left of writing a file, or copies of it."""
    with contextlib.suppress(OSError):
        for left in list(path.parent.iterdir()):
            if left.name.startswith(f"{path.stem}.") and PARTIAL in left.name and is_abandoned(left.name):
                left.unlink(missing_ok=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def json_bytes(document: object, *, allow_nan: bool = False) -> bytes:
    """Return a JSON document as LeRobot writes it (indent 4, UTF-8); NaN only where statistics may have it."""
    return (json.dumps(document, indent=4, ensure_ascii=False, allow_nan=allow_nan) + "\n").encode()


def json_lines(entries: Iterable[Mapping[str, object]]) -> bytes:
    """Return JSON objects as LeRobot writes them, a line each."""
    return b"".join(json.dumps(entry, ensure_ascii=False).encode() + b"\n" for entry in entries)


def write_json(path: Path, document: object) -> None:
    """Write a JSON document like LeRobot does, atomically and durably."""
    write_atomic(path, json_bytes(document))


def copy_file(source: Path, target: Path) -> None:
    """Copy the contents of a file; not yet durable, but on Linux the disk begins to write at once."""
    if sys.platform != "linux":
        shutil.copyfile(source, target)
        return
    with source.open("rb") as old, target.open("wb") as new:
        try:
            # Shares blocks where the file system can, and needs no memory of its own.
            while os.copy_file_range(old.fileno(), new.fileno(), _COPIED_AT_ONCE):
                pass
        except OSError as error:
            if error.errno not in _NOT_WITHIN_THE_KERNEL or new.tell():
                raise
            shutil.copyfileobj(old, new, 1 << 20)
            new.flush()
        # The sync in the end then finds little to do.
        os.posix_fadvise(new.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name, or make a copy where the file system has no such names; not yet durable."""
    try:
        os.link(source, target)
    except OSError:
        copy_file(source, target)


def remove_directory(path: Path) -> None:
    """Remove a directory and what is in it: first out of sight in one durable step, then for good.

    What an interruption leaves behind is named `DISCARDED` and can be removed at any time. `OSError`: it could not be
    put out of sight; it is then as before.
    """
    away = path.with_name(f"{DISCARDED}{path.name}-{secrets.token_hex(4)}")
    path.replace(away)
    sync_directory(path.parent)
    shutil.rmtree(away, ignore_errors=True)


def remove_empty_folders(path: Path, root: Path) -> None:
    """Remove a folder and those above it up to ``root``, as far as nothing is in them; missing ones are passed over."""
    with contextlib.suppress(OSError):
        while path != root:
            with contextlib.suppress(FileNotFoundError):
                path.rmdir()
            path = path.parent
            if path.is_dir():
                sync_directory(path)


def free_bytes(path: Path) -> int:
    """Return the bytes free for this user on the file system that holds ``path`` or its nearest existing parent."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def check_space(path: Path, needed: int, what: str) -> None:
    """Refuse to begin what the disk has no room for.

    `needed`: bytes.
    """
    free = free_bytes(path)
    if free < needed:
        text = f"{what} needs about {sized(needed)}, only {sized(free)} are free"
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {text}", str(path))


def tree_fingerprint(root: Path, without: Path) -> str:
    """Return a hash of the names, sizes and times of the files below a folder, which changes when one of them does."""
    digest = hashlib.sha256()
    # The root may be ".", which Path drops and os.walk keeps.
    root, without = Path(os.path.abspath(root)), Path(os.path.abspath(without))  # noqa: PTH100
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if Path(folder, name) != without)
        for name in sorted(names):
            path = os.path.join(folder, name)  # noqa: PTH118
            facts = os.stat(path, follow_symlinks=False)  # noqa: PTH116
            digest.update(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def tree_bytes(path: Path) -> int:
    """Return the summed size of all regular files below ``path``; of links to files, that of the files."""
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


@dataclass(frozen=True, slots=True)
class LockOwner:
    """Who holds a lock: process id, host, start time (seconds since 1970) and what it does there."""

    pid: int
    host: str
    started: float
    purpose: str

    def __str__(self) -> str:
        since = time.strftime("%H:%M:%S", time.localtime(self.started))
        return f"{self.purpose} (process {self.pid} on {self.host}, since {since})"


class ProcessLock:
    """A lock between processes, released by the system when its holder ends in whatever way.

    The lock is the operating system's own on an open file; the file's text says who holds it. So it cannot go stale.
    """

    def __init__(self, path: Path, purpose: str) -> None:
        self._path = path
        self._purpose = purpose
        self._descriptor: int | None = None

    def acquire(self, wait_s: float = 0.0) -> None:
        """Take the lock, after waiting for another process as long at most."""
        give_up = time.monotonic() + wait_s
        while True:
            try:
                return self._take()
            except DatasetLockedError:
                if time.monotonic() >= give_up:
                    raise
                time.sleep(_POLL_S)

    def _take(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _open_to_lock(self._path)
        try:
            _lock_patiently(descriptor)
            owner = LockOwner(os.getpid(), socket.gethostname(), time.time(), self._purpose)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(asdict(owner)).encode())
        except BlockingIOError:
            os.close(descriptor)
            holder = _read_owner(self._path)
            raise DatasetLockedError(
                f"{str(self._path.parent.parent)!r} is in use by {holder or 'another process'}",
                hint="wait until it has finished, or stop it",
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; without effect when it is not held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            _unlock_descriptor(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


@contextlib.contextmanager
def scratch_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """Give a new folder for the time of a block; what killed processes have left of the same kind is removed first.

    `parent`: where it is made; None is the system's folder for temporary files.
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    _sweep_scratch(parent, prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    lock = ProcessLock(folder / _IN_USE, "working in a scratch folder")
    lock.acquire()
    try:
        yield folder
    finally:
        lock.release()
        with contextlib.suppress(OSError):
            _remove_scratch(folder)


def _owner() -> int:
    """Return whose files this process makes; 0 on Windows, where every file says that."""
    if sys.platform == "win32":
        return 0
    return os.geteuid()


def _sweep_scratch(parent: Path, prefix: str) -> None:
    mine = _owner()
    for left in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError, CorruptDatasetError):
            if left.is_symlink() or not left.is_dir() or left.lstat().st_uid != mine:
                continue
            if not (left / _IN_USE).is_file():
                left.rmdir()  # its process was killed before it could take the lock; what is not empty is not ours
            elif lock_owner(left / _IN_USE) is None:
                _remove_scratch(left)


def _remove_scratch(folder: Path) -> None:
    # The lock goes last: it is what shows whose the folder is, should this process be killed on the way.
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != _IN_USE:
            path.unlink(missing_ok=True)
    (folder / _IN_USE).unlink(missing_ok=True)
    folder.rmdir()


def lock_owner(path: Path) -> LockOwner | None:
    """Return who holds the lock at ``path``, or None when nobody does. Never blocks, never creates the file."""
    try:
        descriptor = _open_to_ask(path)
    except FileNotFoundError:
        return None
    try:
        _lock_descriptor(descriptor, shared=True)
    except BlockingIOError:
        return _read_owner(path) or LockOwner(0, "?", 0.0, "another process")
    finally:
        os.close(descriptor)
    return None


def _open_to_lock(path: Path) -> int:
    if path.is_symlink():
        raise CorruptDatasetError(f"{path}: expected a lock file, found a symbolic link", hint="remove the link")
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0), 0o644)


def _open_to_ask(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR)
    except OSError as error:
        # Somebody else's file, or a read-only disk: reading is enough to ask for a lock on most file systems.
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        return os.open(path, os.O_RDONLY)


def _lock_patiently(descriptor: int) -> None:
    # Who asks for the owner holds the lock himself for a moment.
    for _ in range(_LOCK_ATTEMPTS - 1):
        with contextlib.suppress(BlockingIOError):
            return _lock_descriptor(descriptor)
        time.sleep(_LOCK_PAUSE_S)
    return _lock_descriptor(descriptor)


def _read_owner(path: Path) -> LockOwner | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return LockOwner(**json.loads(path.read_text()))
    return None


if sys.platform == "win32":
    import msvcrt

    # Far behind the text, which must stay readable for others: Windows locks are mandatory.
    _LOCKED_BYTE = 1 << 30

    def _lock_descriptor(descriptor: int, *, shared: bool = False) -> None:  # noqa: ARG001 - not known there
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(str(error)) from error
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

    def _unlock_descriptor(descriptor: int) -> None:
        """Closing is enough."""

else:
    import fcntl

    def _lock_descriptor(descriptor: int, *, shared: bool = False) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)

    def _unlock_descriptor(descriptor: int) -> None:
        # A forked child may have the file open too, and would hold the lock as long as it runs.
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def sync_descriptor(descriptor: int) -> None:
    """Flush an open file's contents to the disk."""
    if sys.platform == "darwin":
        # There, fsync leaves the data in the drive's own memory; not every file system knows more than that.
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)
