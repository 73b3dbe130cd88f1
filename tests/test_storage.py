"""Durable files, removal, locks between processes."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lerotool import storage
from lerotool.errors import DatasetLockedError
from lerotool.storage import (
    ProcessLock,
    copy_file,
    free_bytes,
    lock_owner,
    make_directory,
    partial_path,
    remove_directory,
    replacing,
    tree_bytes,
    tree_fingerprint,
    write_atomic,
    write_json,
)

HOLDER = """
import sys
from pathlib import Path
from lerotool.storage import ProcessLock
lock = ProcessLock(Path(sys.argv[1]), "holding")
lock.acquire()
print("held", flush=True)
sys.stdin.readline()
lock.release()
print("released", flush=True)
sys.stdin.readline()
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the lock; a line of input makes it release it."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_an_atomic_write_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "info.json"
    write_atomic(path, b"old")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["sync_descriptor", "sync_directory"])
def test_a_failed_write_leaves_the_old_or_the_new_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "info.json"
    write_atomic(path, b"old")

    def failing(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, step, failing)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == (b"old" if step == "sync_descriptor" else b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_being_replaced_is_the_old_one_until_the_end(tmp_path: Path) -> None:
    path, folder = tmp_path / "f", tmp_path / "elsewhere"
    path.write_text("old")
    folder.mkdir()
    with replacing(path, folder) as new:
        new.write_text("new")
        assert new.parent == folder
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert not list(folder.iterdir())


def test_a_link_that_replaces_another_to_the_same_file_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("same")
    with replacing(path) as new:
        new.hardlink_to(path)
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_while_a_file_is_replaced_leaves_the_old_one_alone(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    with pytest.raises(KeyError), replacing(path) as new:
        raise KeyError(new.write_text("ne"))
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"f": "old"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere files are copied another way")
@pytest.mark.parametrize("code", [errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM])
def test_a_file_is_copied_where_the_kernel_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    data = os.urandom(3_000_001)
    (tmp_path / "old").write_bytes(data)
    monkeypatch.setattr(os, "copy_file_range", refuse)
    copy_file(tmp_path / "old", tmp_path / "new")
    assert (tmp_path / "new").read_bytes() == data


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere files are copied another way")
def test_a_full_disk_ends_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "old").write_bytes(b"data")
    monkeypatch.setattr(os, "copy_file_range", refuse)
    with pytest.raises(OSError, match="No space left"):
        copy_file(tmp_path / "old", tmp_path / "new")


def test_json_is_written_like_lerobot_does(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"é": [1, None]})
    assert (tmp_path / "x.json").read_bytes() == '{\n    "é": [\n        1,\n        null\n    ]\n}\n'.encode()
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", float("nan"))
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"é": [1, None]}


def test_partial_names_are_fresh_and_beside(tmp_path: Path) -> None:
    names = {partial_path(tmp_path / "a.mp4") for _ in range(20)}
    assert len(names) == 20
    assert {name.parent for name in names} == {tmp_path}


def test_directories_are_made_with_their_parents(tmp_path: Path) -> None:
    make_directory(tmp_path / "a" / "b")
    make_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_removing_a_directory_leaves_nothing(tmp_path: Path) -> None:
    make_directory(tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / "file").touch()
    remove_directory(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        remove_directory(tmp_path / "a")


def test_an_interrupted_removal_leaves_only_what_is_named_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_directory(tmp_path / "a")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(storage.shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        remove_directory(tmp_path / "a")
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(f"{storage.DISCARDED}a-")


def test_sizes_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(10))
    make_directory(tmp_path / "b")
    (tmp_path / "b" / "c").write_bytes(bytes(5))
    assert tree_bytes(tmp_path) == 15
    assert free_bytes(tmp_path / "not" / "there") > 0


def test_a_lock_is_held_by_one_object_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "x.lock"
    assert lock_owner(path) is None
    assert not path.exists()
    with ProcessLock(path, "writing") as lock:
        assert lock.is_held
        owner = lock_owner(path)
        assert owner is not None
        assert (owner.pid, owner.purpose) == (os.getpid(), "writing")
        with pytest.raises(DatasetLockedError, match=f"in use by writing \\(process {os.getpid()} "):
            ProcessLock(path, "other").acquire()
    assert not lock.is_held
    assert lock_owner(path) is None
    lock.release()
    with ProcessLock(path, "other"):
        pass


def test_a_lock_excludes_other_processes_until_released(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with holder(path) as process:
        owner = lock_owner(path)
        assert owner is not None
        assert (owner.pid, owner.purpose) == (process.pid, "holding")
        with pytest.raises(DatasetLockedError, match=f"process {process.pid} "):
            ProcessLock(path, "other").acquire()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "released\n"
        assert lock_owner(path) is None
        with ProcessLock(path, "other"):
            pass


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    """The text of the dead process stays in the file but is not believed."""
    path = tmp_path / "x.lock"
    with holder(path) as process:
        process.kill()
        process.wait()
        assert f'"pid": {process.pid}' in path.read_text()
        assert lock_owner(path) is None
        with ProcessLock(path, "other"):
            pass


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_keep_a_released_lock(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    context = multiprocessing.get_context("fork")
    end = context.Event()
    with ProcessLock(path, "writing"):
        child = context.Process(target=end.wait)
        child.start()
    try:
        assert lock_owner(path) is None
    finally:
        end.set()
        child.join()


@contextmanager
def asking(path: Path) -> Iterator[int]:
    """Hold the lock as somebody who is just asking for its owner; yields the descriptor, closing ends it."""
    fcntl = pytest.importorskip("fcntl")
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield file.fileno()


def test_several_may_ask_for_the_owner_at_once(tmp_path: Path) -> None:
    with asking(tmp_path / "x.lock"):
        assert lock_owner(tmp_path / "x.lock") is None


def test_somebody_who_asks_does_not_keep_the_lock_from_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks holds the lock for a moment; taking it waits for that moment to pass."""
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "x.lock"
    with asking(path) as descriptor:
        monkeypatch.setattr(storage.time, "sleep", lambda _: fcntl.flock(descriptor, fcntl.LOCK_UN))
        with ProcessLock(path, "writing") as lock:
            assert lock.is_held


def test_a_lock_that_cannot_name_its_holder_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.lock"
    lock = ProcessLock(path, "writing")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            lock.acquire()
    assert not lock.is_held
    assert lock_owner(path) is None


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may write everything")
def test_the_owner_of_a_file_of_somebody_else_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with ProcessLock(path, "writing"):
        path.chmod(0o444)
        assert lock_owner(path) is not None
    assert lock_owner(path) is None


def test_a_fingerprint_leaves_a_folder_out_however_the_root_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path)
    places = [(tmp_path, tmp_path / "own"), (Path(), Path("own")), (Path("own/.."), Path("own"))]
    before = [tree_fingerprint(*place) for place in places]

    (tmp_path / "own" / "lock").touch()

    assert [tree_fingerprint(*place) for place in places] == before
    (tmp_path / "file").touch()
    assert all(tree_fingerprint(*place) != print_ for place, print_ in zip(places, before, strict=True))
