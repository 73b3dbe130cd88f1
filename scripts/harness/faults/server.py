"""The process in which operations are run and judged: each in a child of its own, which may die.

``python -m harness.faults.server SCRATCH`` reads one request per line on standard input and answers each with
a line on standard output. It is started with the shim (see `harness.faults.client`). A child is forked from a
process that has everything imported and no thread, so that a case costs milliseconds.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from harness.faults.calls import BEGUN, promises, read_calls
from harness.faults.operation import Case, Expected, Operation, Outcome, State
from harness.faults.shim import Fault, Kind, Shim
from harness.faults.trees import likeness, names_of, tree_hash
from lerotool.checking import Code, Severity, check
from lerotool.errors import DatasetNotFoundError, LerotoolError
from lerotool.workspace import Workspace

_PATIENCE_S = 120.0
_POLL_S = 0.002
_NUMBERED = re.compile(r"(chunk-\d{3}|file-\d{3}\.\w+)$")
"""Files that `lerotool check` knows better: a dataset may have its episodes in more or fewer of them."""
Reply = dict[str, Any]


def load_operation(name: str) -> Operation:
    """Return the operation called ``module:Class``."""
    module, _, attribute = name.partition(":")
    kind = getattr(importlib.import_module(module), attribute)
    operation: Operation = kind()
    return operation


@dataclass(frozen=True, slots=True)
class _Stop:
    """What stops an operation."""

    fault: Fault | None
    limit: int | None
    room: int | None


class Server:
    """Answers requests; each names one of the methods as ``action`` and has its arguments.

    Args:
        shim: of this process.
        scratch: an empty folder for the reports about the cases.
    """

    def __init__(self, shim: Shim, scratch: Path) -> None:
        self._shim = shim
        self._scratch = scratch
        self._judged: dict[tuple[object, ...], Reply] = {}

    def answer(self, request: Reply) -> Reply:
        """Return the answer to a request."""
        action: Callable[..., Reply] = getattr(self, str(request.pop("action")))
        return action(**request)

    def prepare(self, operation: str, stage: str) -> Reply:
        """Make the old state, and do the operation once without a fault; ``stage`` is an empty folder."""
        chosen = load_operation(operation)
        reply = self._in_child(lambda: self._prepare(chosen, Path(stage)))
        # What was imported on the way, every later child has from the start.
        for module in reply.pop("modules", ()):
            with contextlib.suppress(ImportError):
                importlib.import_module(module)
        return reply

    def run(
        self,
        operation: str,
        stage: str,
        folder: str,
        kind: str | None = None,
        at: int = -1,
        limit: int | None = None,
        room: int | None = None,
        record: str | None = None,
    ) -> Reply:
        """Do the operation on a copy of the old state and let it fail.

        Args:
            operation: its name.
            stage: from `prepare`.
            folder: where the copy goes.
            kind: of the fault.
            at: number of the call.
            limit: bytes that a file may have; the system refuses more.
            room: bytes that are left free on the disk, which must be a small one; it claims to have more, so that what
                looks before it begins goes on.
            record: an empty folder for all that is needed to tell what a power cut leaves: ``calls``, ``before`` and
                ``flushed``.
        """
        place, chosen = Path(folder), load_operation(operation)
        shutil.copytree(Path(stage) / "old", place, symlinks=True)
        fault = Fault(Kind(kind), at) if kind else None
        told = Path(record) if record else None
        log = told / "calls" if told else self._scratch / "calls"
        reply = self._in_child(lambda: self._run(chosen, place, _Stop(fault, limit, room), log, told))
        reply.setdefault("marks", promises(read_calls(log)))
        (self._scratch / "calls").unlink(missing_ok=True)
        return reply

    def judge(self, operation: str, stage: str, folder: str, marks: list[str], returned: bool) -> Reply:
        """Look at what has become of the operation, bring it to its end, and look again; then remove it all.

        What looks just like an earlier case, which was in order, is not looked at again.
        """
        chosen, place = load_operation(operation), Path(folder)
        key = (operation, likeness(place), tuple(marks), returned)
        reply = self._judged.get(key)
        if reply is None:
            reply = self._in_child(lambda: _judge(chosen, Path(stage), place, marks, returned))
            if reply.get("outcome") not in (None, Outcome.BROKEN):
                self._judged[key] = reply
        if reply.get("outcome") != Outcome.BROKEN:
            shutil.rmtree(place)
        return reply

    def _prepare(self, operation: Operation, stage: Path) -> Reply:
        old, clean = stage / "old", stage / "clean"
        old.mkdir(parents=True)
        operation.prepare(old)
        shutil.copytree(old, clean, symlinks=True)
        before, damages = operation.look(clean), sorted(_findings(clean / operation.dataset))
        case = Case(clean, operation.begin(clean), self._shim.mark)
        self._shim.arm(clean, log=stage / "calls", copies=None, fault=None)
        operation.run(case)
        calls = self._shim.disarm()
        after = operation.look(clean)
        assert before != after, "an operation that changes nothing proves nothing"
        operation.finish(clean)
        findings = sorted(_findings(clean / operation.dataset))
        document = {"old": before, "new": after, "names": names_of(clean), "findings": findings, "damages": damages}
        (stage / "expected.json").write_text(json.dumps(document))
        return {"calls": calls, "modules": list(sys.modules)}

    def _run(
        self,
        operation: Operation,
        folder: Path,
        stop: _Stop,
        log: Path,
        record: Path | None,
    ) -> Reply:
        if record is not None:
            # What `begin` leaves unflushed is not safe either, so its calls are noted as well.
            (record / "flushed").mkdir()
            shutil.copytree(folder, record / "before", symlinks=True)
            self._shim.arm(folder, log=log, copies=record / "flushed", fault=None)
        begun = operation.begin(folder)
        said: list[str] = []

        def mark(text: str) -> None:
            said.append(text)
            self._shim.mark(text)

        with _ballast(folder.parent / "ballast", stop.room), _limited(stop.limit):
            # Under a limit the log could not grow; nothing is killed there, so the marks need no log.
            if record is None:
                self._shim.arm(folder, log=None if stop.limit is not None else log, copies=None, fault=stop.fault)
            self._shim.mark(BEGUN)
            if stop.room is not None:
                self._shim.boast()
            error = None
            try:
                operation.run(Case(folder, begun, mark))
            except (LerotoolError, OSError) as raised:
                error = f"{type(raised).__name__}: {raised}"
            calls = self._shim.disarm()
        return {"returned": error is None, "error": error, "calls": calls, "marks": said}

    def _in_child(self, work: Callable[[], Reply]) -> Reply:
        """Do something in a forked process and return its reply, or how it ended."""
        reply = self._scratch / "reply.json"
        child = os.fork()
        if child == 0:
            _be_child(work, reply)
        give_up = time.monotonic() + _PATIENCE_S
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
            if time.monotonic() > give_up:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return {"crash": f"it hangs: not done after {_PATIENCE_S:.0f} s"}
            time.sleep(_POLL_S)
        if code := os.waitstatus_to_exitcode(ended[1]):
            return {"killed": -code, "returned": False}
        document = json.loads(reply.read_text())
        reply.unlink()
        return dict(document)


def _be_child(work: Callable[[], Reply], reply: Path) -> NoReturn:
    try:
        # What native code prints is nobody's business here, and standard output belongs to the protocol.
        quiet = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(quiet, number)
        try:
            document = work()
        except BaseException:  # noqa: BLE001 - the edge of the process: reported, not hidden
            document = {"crash": traceback.format_exc()}
        reply.write_text(json.dumps(document))
    finally:
        os._exit(0)


def _judge(operation: Operation, stage: Path, folder: Path, marks: list[str], returned: bool) -> Reply:
    document = json.loads((stage / "expected.json").read_text())
    expected = Expected(document["old"], document["new"], tuple(document["names"]), tuple(document["findings"]))
    problems = _changed_sources(operation, stage, folder)
    is_unfinished = Workspace(folder / operation.dataset).journal.exists()
    before = tree_hash(folder)
    found = _as_json(operation.look(folder))
    if operation.looks_only and tree_hash(folder) != before:
        problems.append("looking has changed files")
    outcome = operation.judge(found, expected, marks, has_returned=returned)
    if is_unfinished and outcome is Outcome.NEW:
        problems.append("an unfinished change is seen")
    if outcome is Outcome.BROKEN:
        problems.append(f"found neither the old state nor the new one: {json.dumps(found)[:2000]}")
    # What is wrong before a repair stays so until all of it is done.
    known = expected.findings if outcome is Outcome.NEW else (*expected.findings, *document["damages"])
    errors = _findings(folder / operation.dataset, Severity.ERROR) - set(known)
    is_told = any(finding.startswith(f"{Code.UNFINISHED_COMMIT.value} ") for finding in errors)
    if is_unfinished != is_told:
        problems.append(f"lerotool check must tell of a change that waits, and only then: {sorted(errors)}")
    elif not is_told:
        problems += [f"lerotool check finds {finding}" for finding in sorted(errors)]
    operation.finish(folder)
    after = _as_json(operation.look(folder))
    if operation.judge(after, expected, marks, has_returned=False) not in _ends(operation, outcome):
        problems.append(f"brought to its end, it is not the new state: {json.dumps(after)[:2000]}")
    # Of a take that was cut off, check rightly says that it was.
    unexpected = _findings(folder / operation.dataset) - set(expected.findings) if operation.is_repeatable else ()
    problems += [f"brought to its end, lerotool check finds {finding}" for finding in sorted(unexpected)]
    problems += _changed_sources(operation, stage, folder)
    problems += _left_behind(operation, folder, expected)
    return {"outcome": (Outcome.BROKEN if problems else outcome).value, "problems": problems}


def _ends(operation: Operation, outcome: Outcome) -> tuple[Outcome, ...]:
    """Return what is right at the end: what was never recorded cannot be brought back."""
    return (Outcome.NEW,) if operation.is_repeatable else (outcome, Outcome.NEW)


def _as_json(state: State) -> State:
    """Return a state as it comes back from a file, tuples as lists."""
    return json.loads(json.dumps(state))


def _findings(root: Path, *severities: Severity) -> set[str]:
    """Return what `lerotool check` says about a dataset; nothing if there is none."""
    try:
        report = check(root)
    except DatasetNotFoundError:
        return set()
    found = [f for f in report.findings if f.severity in (severities or (Severity.ERROR, Severity.WARNING))]
    return {f"{finding.code.value} ({finding.text})" for finding in found}


def _left_behind(operation: Operation, folder: Path, expected: Expected) -> list[str]:
    names = [name for name in names_of(folder) if name not in set(expected.names) and not _NUMBERED.search(name)]
    extra = [name for name in names if not any(part in name for part in operation.harmless)]
    return [f"left behind: {', '.join(sorted(extra)[:10])}"] if extra else []


def _changed_sources(operation: Operation, stage: Path, folder: Path) -> list[str]:
    return [
        f"source {name!r} was changed"
        for name in operation.sources
        if tree_hash(stage / "old" / name) != tree_hash(folder / name)
    ]


@contextlib.contextmanager
def _ballast(path: Path, room: int | None) -> Iterator[None]:
    """Fill a small disk up to the last ``room`` bytes."""
    if room is None:
        yield
        return
    disk = os.statvfs(path.parent)
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, disk.f_bavail * disk.f_frsize - room))
    try:
        yield
    finally:
        path.unlink()


@contextlib.contextmanager
def _limited(limit: int | None) -> Iterator[None]:
    """Let no file become larger than ``limit`` bytes."""
    if limit is None:
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def serve(scratch: Path) -> None:
    """Answer requests until standard input ends."""
    server = Server(Shim(), scratch)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(server.answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
