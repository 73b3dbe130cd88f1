"""Runs a benchmark: step after step in a folder of its own, which is gone in the end, however that comes about."""

from __future__ import annotations

import errno
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lerotool.benchmarking.advice import advise
from lerotool.benchmarking.bench import Bench, remove_folder
from lerotool.benchmarking.figures import Found
from lerotool.benchmarking.machine import describe_machine, load_before, versions
from lerotool.benchmarking.pictures import make_clips
from lerotool.benchmarking.report import Report
from lerotool.benchmarking.steps import Outcome, Request, Step, codecs_of, conclude, lay_out
from lerotool.storage import free_bytes
from lerotool.wording import sized
from lerotool.workspace import lerobot_home

_NEEDED_BYTES = 1_500_000_000


@dataclass(frozen=True, slots=True)
class Begun:
    """The steps are known: how many there are, and about how long they take, one by one."""

    expected_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class StepBegun:
    """A step begins."""

    number: int
    title: str


@dataclass(frozen=True, slots=True)
class Advanced:
    """A step is so far."""

    done: float
    total: float
    unit: str


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step is over.

    Attributes:
        number: of the step.
        title: what it was.
        seconds: that it took.
        outcome: what it has found.
    """

    number: int
    title: str
    seconds: float
    outcome: Outcome


Event = Begun | StepBegun | Advanced | StepDone
Listener = Callable[[Event], None]


def run_benchmark(request: Request, folder: Path | None, listen: Listener) -> Report:
    """Measure.

    Args:
        request: what.
        folder: on whose disk; None is where datasets go by default. Nothing is left there.
        listen: hears what happens.

    Raises:
        LerotoolError: something that was to be measured failed, or its results are wrong; there are no figures then.
        OSError: the disk is full or cannot be written.
    """
    began = time.perf_counter()
    created = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    machine = describe_machine()
    found = Found()
    with _workplace(folder) as work:
        tried = codecs_of(request)
        steps = lay_out(request, make_clips(request.rig), tried)
        listen(Begun(tuple(step.expected_s for step in steps)))
        for number, step in enumerate(steps):
            outcome = _run_step(number, step, work, listen)
            found.add(outcome.figures)
            found.failures += outcome.failures
    found.add(conclude(request, found))
    advice = advise(found, request.rig, request.take_s, tried, load_before(machine))
    peer = {"LeRobot": request.peer.version} if request.peer else {}
    return Report(
        created,
        str(request.effort),
        machine,
        versions() | peer,
        _settings(request),
        time.perf_counter() - began,
        found,
        advice,
    )


def _settings(request: Request) -> dict[str, str]:
    settings = {
        "cameras": str(request.rig),
        "take": f"{request.rig.take_s:g} s",
        "recorded takes": f"of {request.take_s:g} s, at least {request.scale.takes + 1} a session",
        "parts": ", ".join(sorted(request.parts)),
    }
    if request.peer is not None:
        settings["takes beside LeRobot"] = f"{request.scale.peer_takes} of {request.peer_take_s:g} s"
    return settings


def _run_step(number: int, step: Step, work: Path, listen: Listener) -> Outcome:
    folder = work / f"step{number}"
    folder.mkdir()
    listen(StepBegun(number, step.title))
    began = time.perf_counter()
    try:
        outcome = step.work(Bench(folder, lambda done, total, unit: listen(Advanced(done, total, unit))))
    finally:
        remove_folder(folder)
    listen(StepDone(number, step.title, time.perf_counter() - began, outcome))
    return outcome


@contextmanager
def _workplace(folder: Path | None) -> Iterator[Path]:
    """Give a folder on the disk that datasets go to, with room to work."""
    place = folder or lerobot_home()
    while folder is None and not place.is_dir():
        place = place.parent
    free = free_bytes(place)
    if free < _NEEDED_BYTES:
        raise OSError(
            errno.ENOSPC,
            f"the benchmark needs up to {sized(_NEEDED_BYTES)} for a while, only {sized(free)} are free",
            str(place),
        )
    work = Path(tempfile.mkdtemp(prefix=".lerotool-benchmark-", dir=place))
    try:
        yield work
    finally:
        remove_folder(work)
