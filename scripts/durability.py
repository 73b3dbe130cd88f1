"""Stop every operation at every call that changes files, in every way, and write down what is found.

    .venv/bin/python scripts/durability.py [--report docs/durability.md] [--only NAME ...] [--every]
    .venv/bin/python scripts/durability.py --kills [MOMENTS] [--only NAME ...]

The second kills whole commands, workers and all, at all calls at which that can make a difference, or at so many of
them, and says what they leave behind. Each takes an hour or so on two cores. Exit code 1 if anything is lost. Linux
with a C compiler; small disks need `unshare`.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from harness.faults import shim
from harness.faults.client import Faults, small_disks_missing
from harness.faults.commands import CHANGING, COMMANDS, LONG, READING, WRITING
from harness.faults.kills import Killed, Killer
from harness.faults.operation import Operation
from harness.faults.operations import OPERATIONS
from harness.faults.report import call_list, outcome_table, problem_list
from harness.faults.sweep import Case, Sweep, Sweeper
from harness.hub import FakeHub

_STEPS = 24
_SMALL_DISK = 128 * 2**20
_PAGE = """# Nothing is ever lost: the proof

`scripts/durability.py` runs every operation once for each of the faults below and looks at what is left. This page is
what it wrote on {date}: {cases} cases in {minutes:.0f} minutes, {broken} of them broken.

## What is done

Between the process and the C library stands a shim (`scripts/harness/faults/shim.c`, loaded with `LD_PRELOAD`). It
sees every call that changes files, whoever makes it: Python, Arrow's native writers, FFmpeg. A test makes sure that
every byte of every new file has gone through it. Each operation runs once to have its calls counted, and then again and
again from the same old state, stopped in one of these ways:

- **EIO**, **ENOSPC**, **EINTR**: one call fails with that error.
- **full**: from one call on nothing that needs room succeeds, and the first write gets half of it. There is room again
  when the operation is repeated.
- **kill**: the process is killed (`SIGKILL`) before a call; **torn**: when half of a write is done.
- **size limit**: the kernel refuses every file to become larger than so many bytes (`RLIMIT_FSIZE`), {steps} limits.
- **small disk**: a real file system (tmpfs) of which so many bytes are free, though it claims more, {steps} fillings.
- **power cut** after any call: files have the contents of their last `fsync`, names are where they were at the last
  `fsync` of their folder. Names that were not flushed are *dropped*, *kept*, or the first *half* of them is kept. Equal
  disks are looked at once.

After each fault the dataset is opened like a user would, all rows are read and all pictures decoded (they carry
numbers), `lerotool check` looks at it, sources are compared byte by byte. Looking must have changed nothing, and must
not have shown a change that is not finished. Then the operation is repeated and everything is looked at again, and
whether anything is left behind. Outcomes:

- **old**: the state before the operation; **new**: the state after it. If the operation returned without an error, only
  *new* will do.
- **part**: of a recording, all rows whose append had returned (after a power cut: those before the last sync) and
  perhaps more, never a wrong one. Of `encode`, each episode is either in the dataset or still waiting, whole. Of
  `pack`, which joins tables and the videos of each camera in steps of their own, some of the steps. Of `edit split`,
  the first part without the second.
- **broken**: anything else, an exception that is none of lerotool's, or a process that hangs.

{every}

## Outcomes

{table}

{problems}

## Calls

{calls}

## Recording on a machine that misbehaves

`tests/durability/test_world.py` runs `lerotool record` as a process; `tests/devices/cameras/test_hostile.py` opens
cameras that mean no good.

- **Another program fills the disk (a real ext4 of 340 MB) in the middle of a take**: the take ends, is saved if
  there is room for that, else left with every row that was written; exit code 1, the file and the way on are named;
  with room again, the same command goes on.
- **The disk takes 50 or 700 ms longer for each sync**: takes lose no row; `save` waits for its five syncs, and only
  then says that the episode is safe.
- **The recorder is stopped (SIGSTOP) and goes on**: the ticks in between are counted as missed, nothing is made up,
  later rows lie on the same grid; a picture that is too old is counted.
- **The wall clock jumps, hours ahead or a year back**: nothing: rows, pictures and waits go by the monotonic clock;
  only the dates in `header.json` and `saved.json` show it.
- **Files of a LeRobot recording are dated up to a minute ahead of this machine's clock**: they count as just
  written, so nothing of them is touched.
- **`/dev/shm` has 4 kB**: nothing: no shared memory is used.
- **An HTTP camera sends endless or slow headers, endless redirections, text, a picture without end, claims of
  gigabytes or 65500 x 65500 pixels**: refused after 15 s or 64 MiB, or lost in the middle of a take, which is
  saved; a redirection leads to http addresses only, never to a file, FTP or `data:`.
- **An RTSP or TCP camera does the same**: refused after 4 s of opening; until then libav keeps what the network
  delivers, at most 2 GB.

lerotool {version}, Python {python}, {system}. Reads that fail, disks that lie about `fsync` and memory that is wrong
are not part of this; check sums in the spool find the last two where they hit it
(`tests/durability/test_torn_tails.py`). Jobs of worker processes run in the process itself here; workers that are
killed are tested in `tests/execution`, and everything together, with real workers, in `scripts/soak.py`.

## What killed commands leave behind

`scripts/durability.py --kills` kills whole commands, with real workers, before their calls and runs them once more:
`record`, `encode`, `merge`, `stats`, `check`, `edit`, `push`, `pull`, `benchmark`, `setup`, and scripts with
`DatasetWriter` and `lerotool.lerobot`. No process may go on, no lock be held, and the next run removes what was left
in datasets, in the folders of robots, calibrations and pictures, in `TMPDIR`, `/dev/shm`, the LeRobot home and the
user's home. `tests/durability/test_kills.py` does it at a few moments of each, and fails for a command that is missing.
What may stay is the empty or four-byte file by which Python's `tempfile` tries `TMPDIR`, for microseconds at the start.

Commands are forks of a process that has everything imported and adopts whatever outlives them. Calls count in the
command's own process; where its workers are at that moment is left to chance. Two kinds of calls are left out, because
a kill before them leaves what it leaves before another one: of writes to one file that follow each other, all but the
first and one in the middle, and flushes between two other calls. Locks and processes change between calls, so nothing
is left out where one of them was asked for. Threads and the clock may put another call in the place of the one that was
meant: a call that was not reached is tried again, up to three times.

All moments of all of them were tried on 2026-11-30 (2-core VM, with much other work beside), but for four that take
longest: 3292 kills of 27 commands, 30 calls not reached, nothing left. `record`, `pull`, and scripts with
`DatasetWriter` and `lerotool.lerobot` were killed at 40 moments each or more, evenly spread, 218 times; 49 of these
calls, of threads of the Hub's client and of the recorder, were not reached in one try.
"""


def tell(text: str) -> None:
    """Say something at once."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


def cases_of(sweeper: Sweeper, *, every: bool) -> Iterator[Case]:
    """Try every fault that needs no disk of its own."""
    for kind in shim.Kind:
        for fault in sweeper.faults_of(kind):
            if every or fault.at in sweeper.telling:
                yield sweeper.try_fault(fault)
    largest = max(path.stat().st_size for path in (sweeper.stage / "clean").rglob("*") if path.is_file())
    for step in range(_STEPS):
        yield sweeper.try_limit(largest * step // (_STEPS - 1))
    yield from sweeper.try_power()


def small_disk_cases(sweeper: Sweeper) -> Iterator[Case]:
    """Try a disk with less and less room."""
    written = sum(int(call.note) for call in sweeper.calls if call.note.isdecimal())
    for step in range(_STEPS):
        yield sweeper.try_room(3 * written * step // (_STEPS - 1))


def sweep(operation: type[Operation], folder: Path, *, every: bool) -> Sweep:
    """Try all faults of one operation."""
    began = time.monotonic()
    with Faults(folder) as faults:
        sweeper = Sweeper(faults, operation)
        cases = list(cases_of(sweeper, every=every))
    if small_disks_missing() is None:
        with Faults(folder, disk_bytes=_SMALL_DISK) as faults:
            cases += list(small_disk_cases(Sweeper(faults, operation)))
    found = Sweep(operation.name, tuple(sweeper.calls), tuple(cases))
    tell(f"{operation.name}: {len(cases)} cases, {len(found.broken)} broken, {time.monotonic() - began:.0f} s")
    return found


def page(sweeps: list[Sweep], minutes: float, *, every: bool) -> str:
    """Return the report."""
    inner = (
        "Every single call was stopped."
        if every
        else "Of long runs of writes into one file that nobody sees before it is complete, the first, the middle and\n"
        "the last were stopped, of all other calls every one (`--every` stops them all)."
    )
    missing = small_disks_missing()
    problems = problem_list(sweeps) or "No case is broken."
    return _PAGE.format(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        cases=sum(len(found.cases) for found in sweeps),
        broken=sum(len(found.broken) for found in sweeps),
        minutes=minutes,
        steps=_STEPS,
        every=inner + (f" Small disks were left out: {missing}." if missing else ""),
        table=outcome_table(sweeps),
        problems=problems,
        calls=call_list(sweeps),
        version=version("lerotool"),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}, {os.cpu_count()} cores",
    )


def kill_commands(folder: Path, names: list[str], moments: int | None, jobs: int) -> int:
    """Kill commands, so many at a time, and print a line for each; return 1 if one of them leaves something."""
    # Those that take longest come first.
    waiting = [command for command in (*READING, *WRITING, *CHANGING, *LONG) if command.name in names]

    def kill_next(number: int) -> list[Killed]:
        done = []
        place = folder / str(number)
        place.mkdir()
        with FakeHub(place / "hub") as hub, Killer(place, hub) as killer:
            while waiting:
                done.append(killer.kill(waiting.pop(), moments))
                tell(str(done[-1]))
        return done

    with ThreadPoolExecutor(jobs) as threads:
        found = [killed for done in threads.map(kill_next, range(jobs)) for killed in done]
    kills, not_reached = sum(killed.kills for killed in found), sum(killed.not_reached for killed in found)
    problems = [f"{killed.command.name}: {problem}" for killed in found for problem in killed.problems]
    print(f"{kills} kills of {len(found)} commands, {not_reached} calls not reached, {len(problems)} leftovers")
    print(*problems, sep="\n")
    return 1 if problems else 0


def main() -> int:
    """Sweep, and return 0 if nothing was lost."""
    operations = [operation.name for operation in OPERATIONS]
    names = [*operations, *(command.name for command in COMMANDS)]
    parser = argparse.ArgumentParser(description="Stop every operation at every call that changes files.")
    parser.add_argument("--report", type=Path, help="write the page there; else to standard output")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="these operations or commands")
    parser.add_argument(
        "--kills",
        nargs="?",
        type=int,
        const=0,
        metavar="MOMENTS",
        help="kill whole commands at so many of their calls, evenly spread; without a number, at all that differ",
    )
    parser.add_argument("--every", action="store_true", help="stop at every write, also inside of long runs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="operations or commands at a time")
    parser.add_argument("--folder", type=Path, help="where to work; a disk in memory is quickest")
    options = parser.parse_args()
    if reason := shim.missing():
        tell(f"DURABILITY NOT SWEPT: {reason}")
        return 0
    chosen = [operation for operation in OPERATIONS if operation.name in options.only]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lerotool-durability-", dir=options.folder) as folder:
        if options.kills is not None:
            return kill_commands(Path(folder), options.only, options.kills or None, options.jobs)

        def one(operation: type[Operation]) -> Sweep:
            return sweep(operation, Path(folder), every=options.every)

        with ThreadPoolExecutor(options.jobs) as threads:
            sweeps = list(threads.map(one, chosen))
    text = page(sweeps, (time.monotonic() - began) / 60, every=options.every)
    if options.report is None:
        print(text, end="")
    else:
        options.report.write_text(text, encoding="utf-8")
    return 1 if any(found.broken for found in sweeps) else 0


if __name__ == "__main__":
    sys.exit(main())
