"""Through all faults of an operation: every call, every kind, every disk that a power cut can leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.faults.calls import BEGUN, WRITES, Call, promises, read_calls
from harness.faults.client import Faults
from harness.faults.operation import Operation, Outcome
from harness.faults.power import Cut, power_cuts
from harness.faults.shim import Fault, Kind
from lerotool.errors import LerotoolError

Choose = Callable[[Sequence[Any]], Iterable[Any]]
"""Picks some of all faults."""


@dataclass(frozen=True, slots=True)
class Case:
    """One fault and what it led to.

    Attributes:
        kind: of the fault: one of `Kind`, ``size limit``, ``small disk``, or ``power`` with what became of names.
        place: which call, how many bytes, or after which call.
        outcome: what was found.
        problems: why the outcome is broken.
    """

    kind: str
    place: str
    outcome: Outcome
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sweep:
    """All cases of one operation.

    Attributes:
        operation: its name.
        calls: that it makes.
        cases: what was tried.
    """

    operation: str
    calls: tuple[Call, ...]
    cases: tuple[Case, ...]

    @property
    def broken(self) -> tuple[Case, ...]:
        """The cases that must not be."""
        return tuple(case for case in self.cases if case.outcome is Outcome.BROKEN)

    def count(self) -> dict[str, Counter[Outcome]]:
        """Return how often each outcome came, by kind."""
        counted: dict[str, Counter[Outcome]] = {}
        for case in self.cases:
            counted.setdefault(case.kind, Counter())[case.outcome] += 1
        return counted


class Sweeper:
    """Tries the faults of one operation.

    Args:
        faults: the server.
        operation: what is put to the test.

    Raises:
        LerotoolError: the operation fails without any fault.
    """

    def __init__(self, faults: Faults, operation: type[Operation]) -> None:
        self._faults = faults
        self._name = f"{operation.__module__}:{operation.__qualname__}"
        self.stage = faults.folder / f"stage-{operation.__qualname__}"
        reply = faults.ask("prepare", operation=self._name, stage=str(self.stage))
        if "calls" not in reply:
            raise LerotoolError(f"{operation.name} fails without any fault: {reply}")
        self.operation = operation
        self.calls = read_calls(self.stage / "calls")

    @property
    def numbered(self) -> list[Call]:
        """The calls that can fail."""
        return [call for call in self.calls if call.number >= 0]

    def faults_of(self, kind: Kind) -> list[Fault]:
        """Return all faults of a kind."""
        return [Fault(kind, call.number) for call in self.numbered if kind is not Kind.TORN or call.name in WRITES]

    @property
    def telling(self) -> frozenset[int]:
        """The numbers of the calls but for the inner ones of long runs of writes into one file.

        Nobody sees such a file before it is complete, so one write in the middle stands for all of them.
        """
        numbered, chosen = self.numbered, set[int]()
        for _, run in groupby(numbered, key=lambda call: (call.name in WRITES, call.path)):
            calls = list(run)
            is_run = calls[0].name in WRITES
            chosen |= {c.number for c in ((calls[0], calls[len(calls) // 2], calls[-1]) if is_run else calls)}
        return frozenset(chosen)

    def try_fault(self, fault: Fault) -> Case:
        """Let one call fail."""
        call = self.numbered[fault.at]
        place = f"call {fault.at}: {call.name} {Path(call.path).name}"
        return self._try(fault.kind.value, place, kind=fault.kind.value, at=fault.at)

    def try_limit(self, limit: int) -> Case:
        """Let the system refuse every file to become larger than ``limit`` bytes."""
        return self._try("size limit", f"{limit} bytes", limit=limit)

    def try_room(self, room: int) -> Case:
        """Leave so many bytes free on a small disk; they are all free again when the operation is repeated."""
        return self._try("small disk", f"{room} bytes", room=room)

    def try_power(self, choose: Choose = list) -> Iterator[Case]:
        """Cut the power after every call."""
        folder, record = self._faults.new_case(), self._faults.new_case()
        record.mkdir()
        run = self._ask("run", folder=str(folder), record=str(record))
        calls = read_calls(record / "calls")
        cuts = list(power_cuts(record / "before", folder, calls, record / "flushed"))
        is_over = bool(run["returned"]) and self.operation.is_durable
        begun = next(number for number, call in enumerate(calls) if call.note == BEGUN)
        for cut in choose([cut for cut in cuts if cut.at > begun]):
            yield self._try_cut(cut, calls, returned=is_over and cut.at == len(calls))

    def _try_cut(self, cut: Cut, calls: Sequence[Call], *, returned: bool) -> Case:
        folder = self._faults.new_case()
        cut.restore(folder)
        # What was merely handed to the system is not promised to survive a power cut.
        marks = [mark for mark in promises(calls[: cut.at]) if not mark.startswith("row")]
        last = calls[cut.at - 1] if cut.at else None
        place = f"after call {last.number}: {last.name} {Path(last.path).name}" if last else "before all"
        return self._judge(f"power cut, names {cut.names.value}", place, folder, marks, returned=returned)

    def _try(self, title: str, place: str, **fault: Any) -> Case:
        folder = self._faults.new_case()
        run = self._ask("run", folder=str(folder), **fault)
        if "crash" in run:
            return Case(title, place, Outcome.BROKEN, (str(run["crash"]),))
        return self._judge(title, place, folder, run["marks"], returned=bool(run["returned"]))

    def _judge(self, kind: str, place: str, folder: Path, marks: list[str], *, returned: bool) -> Case:
        reply = self._ask("judge", folder=str(folder), marks=marks, returned=returned)
        if "outcome" not in reply:
            return Case(kind, place, Outcome.BROKEN, (str(reply.get("crash", reply)),))
        return Case(kind, place, Outcome(reply["outcome"]), tuple(reply["problems"]))

    def _ask(self, action: str, **arguments: Any) -> dict[str, Any]:
        return self._faults.ask(action, operation=self._name, stage=str(self.stage), **arguments)
