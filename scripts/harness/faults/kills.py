"""Real commands, killed at their calls that change files: what processes, locks and files are left."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.faults import shim
from harness.faults.calls import read_calls
from harness.faults.client import small_disks_missing
from harness.faults.commands import Command, age, make_datasets
from harness.faults.trees import names_without_chance
from harness.hub import FakeHub, Repository
from harness.hub.server import WRITE
from lerotool.errors import LerotoolError
from lerotool.spool.pending import is_blank
from lerotool.storage import DISCARDED, PARTIAL, lock_owner

_MARK = "LEROTOOL_TEST_RUN"
_LEFT = (PARTIAL, DISCARDED, ".building-", ".creating-")
_KILLED = -9
_DONE = (0, 5, 8)
"""Codes of a command that came to its end; 5: the target is complete already, 8: it has found problems."""
_PATIENCE_S = 300.0
_TRIAL = re.compile(r"[a-z0-9_]{8}")
_TRIED = (b"", b"blat")
_PROGRAM = """
import runpy, sys
from pathlib import Path
from harness.faults.shim import Fault, Kind, Shim
folder, log, at, module, *arguments = sys.argv[1:]
sys.argv = [module, *arguments]
shim = Shim()
shim.arm(Path(folder), log=Path(log), copies=None, fault=Fault(Kind.KILL, int(at)) if int(at) >= 0 else None)
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
finally:
    shim.disarm()
"""


@dataclass(slots=True)
class Killed:
    """What came of killing a command.

    Attributes:
        command: which one.
        calls: how many calls that change files it makes when nobody kills it.
        moments: the calls before which it was killed.
        missed: moments that did not come, because the command made fewer calls that time.
        after_kill: what the kills had left, which the next runs have removed.
        problems: processes and locks that were left, and what the next run did not remove.
    """

    command: Command
    calls: int = 0
    moments: list[int] = field(default_factory=list)
    missed: int = 0
    after_kill: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        tried = len(self.moments) - self.missed
        removed = f"; the next run removed: {', '.join(sorted(self.after_kill))}" if self.after_kill else ""
        problems = "; ".join(self.problems) or "nothing is left"
        return f"{self.command.name}: {self.calls} calls, killed at {tried}: {problems}{removed}"


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a run ended: its code, the mark of all its processes, its last words."""

    code: int
    mark: str
    words: str


class Killer:
    """Small datasets and a Hub, and commands that are killed at work on copies of them.

    Args:
        folder: for everything, on a disk with room.
        hub: empty so far.
    """

    def __init__(self, folder: Path, hub: FakeHub) -> None:
        self._folder = folder.resolve()
        self._hub = hub
        self._library = shim.build(self._folder)
        self._old = self._folder / "old"
        make_datasets(self._old)
        for name in ("tmp", "shm", "leader", "follower"):
            (self._old / name).mkdir()
        missing = small_disks_missing()
        # The folder takes the place of /dev/shm for the command alone, so that nothing of others is seen there.
        self._inside = () if missing else ("unshare", "-rm", "sh", "-c", 'mount --bind "$0" /dev/shm && exec "$@"')
        push = Command("first push", ("push", "other", "--repo-id", "me/other"))
        self._pushed: Mapping[str, Repository] = {}
        self._succeed(self._copy(push), push)
        self._pushed = dict(hub.store.repositories)

    def kill(self, command: Command, moments: int | None) -> Killed:
        """Kill a command at so many of its calls, evenly spread, None for all, and run it once more each time.

        Raises:
            LerotoolError: the command fails when nobody kills it.
        """
        found = Killed(command)
        clean = self._copy(command)
        for codes in (_DONE, (*_DONE, command.again)):
            mark = self._succeed(clean, command, codes)
            found.problems += [f"without a kill: {what}" for what in (*_strays(clean), *_processes(mark))]
            if not found.calls:
                found.calls = sum(call.number >= 0 for call in read_calls(self._log(clean)))
                expected = _names(clean)
        expected |= _names(clean)
        found.moments = _spread(found.calls, moments)
        for at in found.moments:
            found.problems += [f"call {at}: {problem}" for problem in self._problems(found, at, expected)]
        shutil.rmtree(clean)
        return found

    def _problems(self, found: Killed, at: int, expected: frozenset[str]) -> Iterator[str]:
        folder = self._copy(found.command)
        killed = self._execute(folder, at, found.command)
        found.missed += killed.code in _DONE
        if killed.code not in (_KILLED, *_DONE):
            yield f"code {killed.code}: {killed.words}"
        give_up = time.monotonic() + _PATIENCE_S
        while running := _processes(killed.mark):
            if time.monotonic() > give_up:
                yield f"still running: {running}"
                break
            time.sleep(0.01)
        yield from (f"held: {path.name}" for path in folder.rglob("*.lock") if lock_owner(path) is not None)
        before = _names(folder) - expected
        age(folder, found.command.later_s)
        ended = self._execute(folder, -1, found.command)
        if ended.code not in (*_DONE, found.command.again):
            yield f"the next run: code {ended.code}: {ended.words}"
        yield from (f"after the next run: {what}" for what in (*_strays(folder), *_processes(ended.mark)))
        after = _names(folder) - expected
        yield from (f"not removed: {name}" for name in sorted(after))
        found.after_kill |= {Path(name).name for name in before - after}
        shutil.rmtree(folder)

    def _succeed(self, folder: Path, command: Command, codes: Sequence[int] = _DONE) -> str:
        """Run a command that nobody kills and return the mark of all its processes."""
        ended = self._execute(folder, -1, command)
        if ended.code not in codes:
            line = f"{command.module} {' '.join(command.arguments)}"
            raise LerotoolError(f"{line} ends with code {ended.code}: {ended.words}")
        return ended.mark

    def _copy(self, command: Command) -> Path:
        self._hub.store.repositories = copy.deepcopy(dict(self._pushed))
        name = f"{command.name.replace(' ', '')}-{uuid.uuid4().hex[:8]}"
        return Path(shutil.copytree(self._old, self._folder / name / "work"))

    @staticmethod
    def _log(folder: Path) -> Path:
        return folder.parent / "calls"

    def _execute(self, folder: Path, at: int, command: Command) -> _Ended:
        """Run a command that is killed at a call, -1 for never."""
        mark = uuid.uuid4().hex
        places = {
            "TMPDIR": "tmp",
            "HOME": "home",
            "HF_LEROBOT_HOME": "lerobot",
            "LEROTOOL_CONFIG": "config",
            "XDG_CACHE_HOME": "cache",
        }
        own = {name: str(folder / place) for name, place in places.items()}
        own |= {_MARK: mark, "LEROTOOL_SERIAL_PORTS": "leader=L1,follower=F1"}
        own |= {"HF_ENDPOINT": self._hub.url, "HF_TOKEN": WRITE, "HF_HUB_DISABLE_XET": "1"}
        inside = (*self._inside, str(folder / "shm")) if self._inside else ()
        program = (sys.executable, "-c", _PROGRAM, str(folder), str(self._log(folder)), str(at), command.module)
        done = subprocess.run(
            [*inside, *program, *command.arguments],
            cwd=folder,
            env={**shim.environment(self._library), **own},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        return _Ended(done.returncode, mark, os.fsdecode(done.stderr)[-300:].strip())


def _spread(calls: int, moments: int | None) -> list[int]:
    if moments is None or calls <= moments:
        return list(range(calls))
    if moments == 1:
        return [calls // 2]
    return sorted({step * (calls - 1) // moments for step in range(1, moments + 1)})


def _strays(folder: Path) -> list[str]:
    """Return what nobody needs any more, whenever it is seen."""
    paths = [path for path in folder.rglob("*") if any(part in path.name for part in _LEFT)]
    paths += [*folder.glob("**/.lerotool/staging/*"), *(folder / "shm").iterdir()]
    paths += [path for path in (folder / "tmp").iterdir() if path.name != "lerotool-cameras" and not _is_trial(path)]
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def _names(folder: Path) -> frozenset[str]:
    """Return the names of everything, but for interrupted takes: what has been recorded is kept."""
    names = names_without_chance(folder)
    names -= {path.relative_to(folder).as_posix() for path in (folder / "tmp").iterdir() if _is_trial(path)}
    if not any(is_blank(take) for take in folder.glob("*/.lerotool/pending/episode-*")):
        names -= {name for name in names if "/.lerotool/pending/episode-" in name}
    return names


def _is_trial(path: Path) -> bool:
    """Return whether a file is the one by which Python's ``tempfile`` tries the folder and which it removes at once."""
    return bool(_TRIAL.fullmatch(path.name)) and path.is_file() and path.read_bytes() in _TRIED


def _processes(mark: str) -> list[str]:
    """Return the processes, dead ones without, that were started with a mark in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            is_ours = f"{_MARK}={mark}".encode() in (path / "environ").read_bytes().split(b"\0")
            is_dead = (path / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
            command = os.fsdecode((path / "cmdline").read_bytes()).replace("\0", " ")
        except OSError:
            continue
        if is_ours and not is_dead:
            found.append(command)
    return found
