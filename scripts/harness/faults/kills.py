"""Real commands, killed at their calls that change files: what processes, locks and files are left."""

from __future__ import annotations

import copy
import re
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.faults import shim
from harness.faults.calls import Call, kill_moments, read_calls
from harness.faults.commands import Command, age, make_datasets
from harness.faults.trees import names_without_chance, without_chance
from harness.faults.warm import Ended, Run, Warm
from harness.hub import FakeHub, Repository
from harness.hub.server import WRITE
from lerotool.errors import LerotoolError
from lerotool.spool.pending import is_blank
from lerotool.storage import DISCARDED, PARTIAL, lock_owner

_LEFT = (PARTIAL, DISCARDED, ".building-", ".creating-")
_KILLED = -9
_DONE = (0, 5, 8)
"""Codes of a command that came to its end; 5: the target is complete already, 8: it has found problems."""
_TRIAL = re.compile(r"[a-z0-9_]{8}")
_TRIED = (b"", b"blat")
_TEMPORARY = re.compile(
    r"(?<=^/tmp/)[^/]+|(?<=-benchmark-)\w{8}|(?<=/pull/)[^/]+|(?<=/tmp_)[^/]+|#\d+(?= \(deleted\)$)"
)
"""Names that are other ones each time."""
_ROUNDS = 4
_Role = tuple[str, str, int]
"""What is called, for which file, and for which time."""


@dataclass(slots=True)
class Killed:
    """What came of killing a command.

    Attributes:
        command: which one.
        calls: how many calls that change files it makes when nobody kills it.
        moments: the calls before which it was killed.
        missed: moments that did not come, because the command made fewer calls that time.
        not_reached: calls that were to be killed and were not, because threads and the clock decide which comes when.
        after_kill: what the kills had left, which the next runs have removed.
        problems: processes and locks that were left, and what the next run did not remove.
    """

    command: Command
    calls: int = 0
    moments: list[int] = field(default_factory=list)
    missed: int = 0
    not_reached: int = 0
    after_kill: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """How often it was killed."""
        return len(self.moments) - self.missed

    def __str__(self) -> str:
        removed = f"; the next run removed: {', '.join(sorted(self.after_kill))}" if self.after_kill else ""
        missing = f", {self.not_reached} not reached" if self.not_reached else ""
        problems = "; ".join(self.problems) or "nothing is left"
        return f"{self.command.name}: {self.calls} calls, killed {self.kills} times{missing}: {problems}{removed}"


class Killer:
    """Small datasets and a Hub, and commands that are killed at work on copies of them; a context manager.

    Args:
        folder: for everything, on a disk with room.
        hub: empty so far.
    """

    def __init__(self, folder: Path, hub: FakeHub) -> None:
        self._folder = folder.resolve()
        self._hub = hub
        self._old = self._folder / "old"
        make_datasets(self._old)
        for name in ("tmp", "shm", "leader", "follower"):
            (self._old / name).mkdir()
        self._warm = Warm(shim.build(self._folder))
        push = Command("first push", ("push", "other", "--repo-id", "me/other"))
        self._pushed: Mapping[str, Repository] = {}
        self._succeed(self._copy(push), push)
        self._pushed = dict(hub.store.repositories)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._warm.close()

    def kill(self, command: Command, moments: int | None) -> Killed:
        """Kill a command at so many moments, evenly spread, None for all, and run it once more each time.

        Moments are its calls, but for those at which a kill leaves what it leaves at others (`kill_moments`). Where
        threads or the clock have changed the order and a kill came before another call, all of them are tried again.

        Raises:
            LerotoolError: the command fails when nobody kills it.
        """
        found = Killed(command)
        clean = self._copy(command)
        found.problems += self._left_without_kill(clean, command, _DONE)
        calls, expected = read_calls(self._log(clean)), _names(clean)
        found.problems += self._left_without_kill(clean, command, (*_DONE, command.again))
        expected |= _names(clean)
        roles = roles_of(calls, clean)
        found.calls = len(roles)
        wanted = {roles[at]: at for at in _spread(kill_moments(calls), moments)}
        for _ in range(_ROUNDS if moments is None else 1):
            for at in list(wanted.values()):
                if at in wanted.values():
                    found.moments.append(at)
                    problems = self._problems(found, at, wanted, expected)
                    found.problems += [f"call {at}: {problem}" for problem in problems]
        found.not_reached = len(wanted)
        shutil.rmtree(clean.parent)
        return found

    def _problems(self, found: Killed, at: int, wanted: dict[_Role, int], expected: frozenset[str]) -> Iterator[str]:
        folder = self._copy(found.command)
        killed = self._execute(folder, at, found.command)
        if killed.code in _DONE:
            found.missed += 1
        elif killed.code != _KILLED:
            yield f"code {killed.code}: {killed.words}"
        else:
            wanted.pop(roles_of(read_calls(self._log(folder)), folder)[-1], None)
        yield from (f"still running: {what}" for what in killed.running)
        yield from (f"held: {path.name}" for path in folder.rglob("*.lock") if lock_owner(path) is not None)
        before = _names(folder) - expected
        age(folder, found.command.later_s)
        ended = self._execute(folder, -1, found.command)
        if ended.code not in (*_DONE, found.command.again):
            yield f"the next run: code {ended.code}: {ended.words}"
        yield from (f"after the next run: {what}" for what in (*_strays(folder), *ended.running))
        after = _names(folder) - expected
        yield from (f"not removed: {name}" for name in sorted(after))
        found.after_kill |= {Path(name).name for name in before - after}
        shutil.rmtree(folder.parent)

    def _left_without_kill(self, folder: Path, command: Command, codes: Sequence[int]) -> list[str]:
        ended = self._succeed(folder, command, codes)
        return [f"without a kill: {what}" for what in (*_strays(folder), *ended.running)]

    def _succeed(self, folder: Path, command: Command, codes: Sequence[int] = _DONE) -> Ended:
        """Run a command that nobody kills."""
        ended = self._execute(folder, -1, command)
        if ended.code not in codes:
            line = f"{command.module} {' '.join(command.arguments)}"
            raise LerotoolError(f"{line} ends with code {ended.code}: {ended.words}")
        return ended

    def _copy(self, command: Command) -> Path:
        self._hub.store.repositories = copy.deepcopy(dict(self._pushed))
        name = f"{command.name.replace(' ', '')}-{uuid.uuid4().hex[:8]}"
        return Path(shutil.copytree(self._old, self._folder / name / "work"))

    @staticmethod
    def _log(folder: Path) -> Path:
        return folder.parent / "calls"

    def _execute(self, folder: Path, at: int, command: Command) -> Ended:
        """Run a command that is killed at a call, -1 for never."""
        places = {
            "TMPDIR": "tmp",
            "HOME": "home",
            "HF_LEROBOT_HOME": "lerobot",
            "LEROTOOL_CONFIG": "config",
            "XDG_CACHE_HOME": "cache",
        }
        own = {name: str(folder / place) for name, place in places.items()}
        own |= {"LEROTOOL_SERIAL_PORTS": "leader=L1,follower=F1"}
        own |= {"HF_ENDPOINT": self._hub.url, "HF_TOKEN": WRITE, "HF_HUB_DISABLE_XET": "1"}
        log, memory = str(self._log(folder)), str(folder / "shm")
        return self._warm.run(Run(command.module, command.arguments, str(folder), log, at, own, memory))


def roles_of(calls: Sequence[Call], folder: Path) -> list[_Role]:
    """Return of each call in order what is called for which file for the which time."""
    times = Counter[tuple[str, str]]()
    roles = []
    for call in calls:
        if call.number >= 0:
            what = call.name, _TEMPORARY.sub("*", without_chance(call.path.removeprefix(str(folder))))
            times[what] += 1
            roles.append((*what, times[what]))
    return roles


def _spread(moments: list[int], number: int | None) -> list[int]:
    if number is None or len(moments) <= number:
        return moments
    if number == 1:
        return [moments[len(moments) // 2]]
    return sorted({moments[step * (len(moments) - 1) // number] for step in range(1, number + 1)})


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
