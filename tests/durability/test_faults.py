"""Every operation, stopped at some of its calls in every way; `scripts/durability.py` stops it at all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from harness.faults import shim
from harness.faults.calls import WRITES
from harness.faults.client import Faults, small_disks_missing
from harness.faults.mending_operations import CheckUndo
from harness.faults.operation import Operation, Outcome
from harness.faults.operations import OPERATIONS
from harness.faults.recording_operations import Commit, Encode, Record, Save
from harness.faults.rewriting_operations import EditSplit, EditUndo, Merge, Stats
from harness.faults.shim import Fault, Kind
from harness.faults.sweep import Case, Sweeper

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shim.missing() is not None, reason=str(shim.missing()))]

Item = TypeVar("Item")
Sweepers = Callable[[type[Operation]], Sweeper]
NATIVE = [kind for kind in OPERATIONS if kind not in (Record, Save, EditUndo, CheckUndo)]
every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=[kind.name for kind in OPERATIONS])


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """Return ``count`` items from all over the sequence, the last one among them."""
    return [items[(n + 1) * len(items) // count - 1] for n in range(min(count, len(items)))]


def problems(cases: Sequence[Case]) -> str:
    return "\n".join(f"{case.kind}, {case.place}: {'; '.join(case.problems)}" for case in cases if case.problems)


@pytest.fixture(scope="module")
def sweepers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweepers]:
    made: dict[type[Operation], Sweeper] = {}
    with Faults(tmp_path_factory.mktemp("faults")) as faults:

        def sweeper(operation: type[Operation]) -> Sweeper:
            if operation not in made:
                made[operation] = Sweeper(faults, operation)
            return made[operation]

        yield sweeper


@every_operation
def test_after_a_fault_there_is_the_old_state_or_the_new_one_and_nothing_is_lost(
    sweepers: Sweepers, operation: type[Operation]
) -> None:
    sweeper = sweepers(operation)
    faults: list[Fault] = []
    count = 2 if issubclass(operation, Merge | EditSplit) else 3
    for place, kind in enumerate(Kind):
        possible = [fault for fault in sweeper.faults_of(kind) if fault.at in sweeper.telling]
        # Each kind at calls of its own.
        faults += spread(possible[: len(possible) - place] or possible, count)
    cases = [sweeper.try_fault(fault) for fault in faults]
    assert not problems(cases)
    assert {case.outcome for case in cases} >= {Outcome.NEW}


@every_operation
def test_after_a_power_cut_there_is_the_old_state_or_the_new_one(
    sweepers: Sweepers, operation: type[Operation]
) -> None:
    # The last three are what may be left when all is done.
    cases = list(sweepers(operation).try_power(lambda cuts: [*spread(cuts[:-3], 3), *cuts[-3:]]))
    assert len(cases) >= 3
    assert not problems(cases)


@pytest.mark.parametrize("operation", NATIVE, ids=[kind.name for kind in NATIVE])
def test_every_byte_of_every_new_file_was_seen(sweepers: Sweepers, operation: type[Operation]) -> None:
    """So nothing that Arrow or FFmpeg writes escapes the faults."""
    sweeper = sweepers(operation)
    clean = sweeper.stage / "clean"
    seen: dict[str, int] = {}
    for call in (c for c in sweeper.calls if c.error == 0):
        assert call.name != "stdio", f"{call.path} is written by what the shim cannot see"
        if call.name in WRITES:
            seen[call.path] = seen.get(call.path, 0) + int(call.note)
        elif call.name == "link":
            seen[call.other] = seen.get(call.path, 0)
        elif call.name == "rename":
            moved = {path: path.replace(call.path, call.other, 1) for path in seen if path.startswith(call.path)}
            seen.update({new: seen.pop(old) for old, new in moved.items()})
    old = {(path.stat().st_size, path.read_bytes()) for path in (sweeper.stage / "old").rglob("*") if path.is_file()}
    new = [path for path in clean.rglob("*") if path.is_file() and (path.stat().st_size, path.read_bytes()) not in old]
    assert new
    assert {path.name: path.stat().st_size for path in new if seen.get(str(path), 0) < path.stat().st_size} == {}


@pytest.mark.parametrize("operation", [Encode, Stats, Merge])
def test_a_limit_on_file_sizes_stops_native_writers_and_costs_nothing(
    sweepers: Sweepers, operation: type[Operation]
) -> None:
    cases = [sweepers(operation).try_limit(limit) for limit in (0, 1500, 1 << 20)]
    assert not problems(cases)
    assert {case.outcome for case in cases} == {Outcome.OLD, Outcome.NEW}


@pytest.mark.skipif(small_disks_missing() is not None, reason=str(small_disks_missing()))
@pytest.mark.parametrize("operation", [Record, Commit, Merge])
def test_a_disk_that_is_really_full_costs_nothing(tmp_path: Path, operation: type[Operation]) -> None:
    with Faults(tmp_path, disk_bytes=128 * 2**20) as faults:
        sweeper = Sweeper(faults, operation)
        cases = [sweeper.try_room(room) for room in (0, 20 * 1024, 120 * 2**20)]
    assert not problems(cases)
    assert cases[-1].outcome is Outcome.NEW
    assert {case.outcome for case in cases} > {Outcome.NEW}


class _Careless(Commit):
    """Commits, and forgets what it has promised."""

    name = "careless"

    def run(self, case: Any) -> None:
        super().run(case)
        (case.folder / "set" / "meta" / "info.json").write_text("{}")


class _Unsynced(Merge):
    """Says that it is done without having waited for the disk."""

    name = "unsynced"
    sources = ()

    def prepare(self, folder: Path) -> None:
        (folder / "merged").mkdir()

    def run(self, case: Any) -> None:
        (case.folder / "merged" / "new").write_text("new")

    def look(self, folder: Path) -> list[str]:
        return [path.read_text() for path in (folder / "merged").iterdir()]

    def finish(self, folder: Path) -> None:
        (folder / "merged" / "new").write_text("new")


def test_an_operation_that_does_not_wait_for_the_disk_is_found_out(sweepers: Sweepers) -> None:
    cases = list(sweepers(_Unsynced).try_power())
    assert Outcome.BROKEN in {case.outcome for case in cases}


def test_a_dataset_that_is_overwritten_in_place_is_found_out(tmp_path: Path) -> None:
    with Faults(tmp_path) as faults, pytest.raises(Exception, match="careless fails without any fault"):
        Sweeper(faults, _Careless)
