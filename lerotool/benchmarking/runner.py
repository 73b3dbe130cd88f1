"""Runs a benchmark: step after step in a folder of its own, which is gone in the end, however that comes about."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lerotool.benchmarking.advice import advise
from lerotool.benchmarking.bench import Bench, Site, remove_folder
from lerotool.benchmarking.clips import make_clips
from lerotool.benchmarking.figures import SCHEMA, Failure, Figure, Found, PlanEntry, Report
from lerotool.benchmarking.planning import make_plan
from lerotool.benchmarking.steps import Request, conclude, measure_pace
from lerotool.execution import cores
from lerotool.storage import check_space, scratch_folder
from lerotool.workspace import lerobot_home

_PACKAGES = ("lerotool", "numpy", "pyarrow", "pandas", "av")
_GB = 1e9
_NEEDED_BYTES = 1_500_000_000


def describe_machine() -> dict[str, str]:
    """Return what the machine is, in words, by what it is about."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": str(cores()),
        "memory": _memory(),
        "load before": load,
    }


def load_before(machine: dict[str, str]) -> float | None:
    """Return the load that the machine had before the benchmark, if known."""
    try:
        return float(machine["load before"])
    except (KeyError, ValueError):
        return None


def versions() -> dict[str, str]:
    """Return the versions that matter, by package."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # not installed, but on the path
            found[name] = "unknown"
    return found


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model"):
                return value.strip()
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        if answer:
            return answer
    return platform.processor() or platform.machine()


def _memory() -> str:
    if sys.platform == "win32" or "SC_PHYS_PAGES" not in os.sysconf_names:
        return "unknown"
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / _GB:.1f} GB"


@dataclass(frozen=True, slots=True)
class Begun:
    """The steps are known."""

    expected_s: tuple[float, ...]  # about how long they take, one by one
    plan: str


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
    """A step is over."""

    number: int
    title: str
    seconds: float
    found: Sequence[Figure | Failure]


Event = Begun | StepBegun | Advanced | StepDone
Listener = Callable[[Event], None]


def run_benchmark(request: Request, folder: Path | None, listen: Listener) -> Report:
    """Measure in a folder, by default where datasets go; nothing is left there."""
    began = time.perf_counter()
    created = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    machine = describe_machine()
    found, late = Found(), []
    with _workplace(folder) as work:
        tried = request.codecs
        clips = make_clips(request.rig)
        with _bench(Site(work / "pace", request.rig, clips), lambda _: None) as bench:
            pace = measure_pace(bench)
        plan = make_plan(request, clips, tried, pace, time.perf_counter() - began)
        request = plan.request
        listen(Begun(tuple(step.expected_s for step in plan.steps), plan.words))
        for number, step in enumerate(plan.steps):
            if plan.has_no_time_for(step, time.perf_counter() - began):
                late.append(step.title)
                continue
            listen(StepBegun(number, step.title))
            step_began = time.perf_counter()
            with _bench(Site(work / f"step{number}", request.rig, clips), listen) as bench:
                told = step.work(bench)
            listen(StepDone(number, step.title, time.perf_counter() - step_began, told))
            found.add(told)
    found.add(conclude(request, found))
    advice = advise(found, request.rig, request.take_s, request.longest_s, tried, load_before(machine))
    if late:
        advice += (
            f"this took longer than planned, so there was no time for {', '.join(late)}; --full measures everything",
        )
    return Report(
        version=SCHEMA,
        kind="lerotool benchmark",
        created=created,
        effort=request.effort,
        seconds=time.perf_counter() - began,
        plan=PlanEntry(
            expected_s=round(plan.expected_s, 1),
            peer_s=round(plan.peer_s, 1),
            limit_s=plan.limit_s,
            left_out=(*plan.left_out, *late),
            words=plan.words,
        ),
        machine=machine,
        versions=versions() | ({"LeRobot": request.peer.version} if request.peer else {}),
        settings=_settings(request),
        figures=tuple(found),
        failures=tuple(found.failures),
        advice=advice,
    )


@contextmanager
def _bench(site: Site, listen: Listener) -> Iterator[Bench]:
    """Give a bench whose folder is gone in the end."""
    site.folder.mkdir()
    try:
        yield Bench(site, lambda done, total, unit: listen(Advanced(done, total, unit)))
    finally:
        remove_folder(site.folder)


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


@contextmanager
def _workplace(folder: Path | None) -> Iterator[Path]:
    """Give a folder on the disk that datasets go to, with room to work."""
    place = folder or lerobot_home()
    while folder is None and not place.is_dir():
        place = place.parent
    check_space(place, _NEEDED_BYTES, "the benchmark")
    with scratch_folder(".lerotool-benchmark-", place) as work:
        yield work
