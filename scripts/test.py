"""Run everything that CI runs: style, types, layers, tests, and the real LeRobot as the judge.

    python3 scripts/test.py [--fast | --exhaustive] [--lerobot FOLDER] [--only STAGE ...] [-- PYTEST ARGUMENTS]

Makes .venv with the test extras. Tests that failed among others run once more alone, if they are few: what passes then
is named as unsteady, at the end too. --fast leaves out slow tests and the judge. --exhaustive runs all cases of large
matrices, and measures branch coverage over all tests and the processes that they start. Each stage ends with the names
of the tests that took longest. With --lerobot, the real LeRobot is installed into FOLDER (a virtual environment of its
own, about 5 GB, re-used afterwards) and loads every kind of dataset that lerotool writes. Without it that stage says
that it did not run. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path

import lerobot_venv
from environment import ROOT, executable, prepare, run, say

LINTERS: dict[str, list[str]] = {
    "style": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "windows": ["mypy", "--platform", "win32", "--cache-dir", ".mypy_cache/win32", "lerotool"],
    "macos": ["mypy", "--platform", "darwin", "--cache-dir", ".mypy_cache/darwin", "lerotool"],
    "layers": ["lint-imports", "--no-cache"],
    "workflows": [
        *("check-jsonschema", "--builtin-schema", "vendor.github-workflows"),
        *(".github/workflows/ci.yml", ".github/workflows/release.yml"),
    ],
}
THOROUGH = {"windows", "macos"}
"""Linters that --fast leaves out: each takes half a minute in a fresh clone."""


def lint(name: str) -> int:
    """Run one of the linters."""
    program, *arguments = LINTERS[name]
    return run([executable(program), *arguments])


class Extent(Enum):
    """How much is run."""

    FAST = "fast"
    USUAL = "usual"
    EXHAUSTIVE = "exhaustive"


COVERAGE = ["--cov", "--cov-report", "term:skip-covered", "--cov-fail-under", "90"]
"""Of branches, in percent. Tracing makes tests take nearly twice as long, so only the exhaustive run does it."""
DEAREST = ["--durations", "15", "--durations-min", "5"]
"""So that a test that has become slow is seen."""


FAILURES = ROOT / ".pytest_cache/v/cache/lastfailed"
"""Where pytest notes what failed."""
CORES = os.cpu_count() or 1
WAITING, SLOW_WAITING = 3, 2
"""So many more processes than cores run tests, as many a test waits for disks, servos and other processes."""


DEADLINE = 2400
"""Seconds for one stage of tests; one that hangs is to say so before CI ends everything."""
TESTS_FAILED = 1
"""Pytest's exit code."""
FEW = 6
"""A busy machine does not explain more failures than these."""

unsteady: list[str] = []
"""Tests that failed among others and passed alone."""


def pytest(marked: str, *arguments: str, **extra: str) -> int:
    """Run the tests that are marked so, with pytest's scratch folder inside the clone; see failures once more alone."""
    shared = ["--basetemp", ".scratch", "-m", marked]
    crowd = ["-n", str(CORES + WAITING), "--dist", "worksteal", *DEAREST, *arguments]
    program: list[str | Path] = [executable("python"), "-m", "pytest"]
    # Compiled files are kept: each of the hundreds of processes would compile everything that it imports.
    extra = {"PYTHONDONTWRITEBYTECODE": "", **extra}
    FAILURES.unlink(missing_ok=True)
    code = run([*program, *shared, *crowd], DEADLINE, **extra)
    failed = sorted(json.loads(FAILURES.read_text())) if code == TESTS_FAILED and FAILURES.exists() else []
    if not 0 < len(failed) <= FEW:
        return code
    code = run([*program, *shared, "--last-failed", "--last-failed-no-failures", "none"], DEADLINE, **extra)
    if code == 0:
        unsteady.extend(failed)
    return code


def unit_tests(extent: Extent, arguments: list[str]) -> int:
    """Run the tests that are not slow; all but the judge's where arguments pick some of them."""
    if extent is Extent.EXHAUSTIVE:
        return pytest("not lerobot", "--exhaustive", *(arguments or COVERAGE))
    if arguments and extent is not Extent.FAST:
        return pytest("not lerobot", *arguments)
    return pytest("not lerobot and not slow", *arguments)


def slow_tests(extent: Extent, arguments: list[str]) -> int:
    """Run the slow tests, where the stage before has not."""
    if arguments or extent is Extent.EXHAUSTIVE:
        return 0
    return pytest("slow and not lerobot", "-n", str(CORES + SLOW_WAITING))


def site() -> int:
    """Build the documentation as a site in ``.scratch-site``; a link that leads nowhere is an error."""
    prepare("docs")
    return run([executable("mkdocs"), "build", "--strict", "--site-dir", ".scratch-site"], NO_MKDOCS_2_WARNING="1")


def judge(folder: Path | None, extent: Extent) -> int:
    """Let the real LeRobot load what lerotool writes; says in one line when it cannot run."""
    if folder is None:
        say("LEROBOT JUDGE NOT RUN: no --lerobot FOLDER was given")
        return 0
    python, reason = lerobot_venv.prepare(folder)
    if python is None:
        say(f"LEROBOT JUDGE NOT RUN: {reason}")
        return 0
    more = ["--exhaustive"] if extent is Extent.EXHAUSTIVE else []
    # Each worker has an interpreter that has imported torch, which costs more than waiting does.
    return pytest("lerobot", "-n", str(CORES), *more, LEROTOOL_LEROBOT_PYTHON=str(python))


def main() -> int:
    """Run the stages and return 0 only if all of them passed."""
    parser = argparse.ArgumentParser(description="Run everything that CI runs.")
    parser.add_argument(
        "--lerobot", type=Path, metavar="FOLDER", help="install the real LeRobot there and use it as the judge"
    )
    extents = parser.add_mutually_exclusive_group()
    for extent, text in (
        (Extent.FAST, "without slow tests and judge: a first answer"),
        (Extent.EXHAUSTIVE, "all cases of large matrices, and coverage over all tests"),
    ):
        extents.add_argument(f"--{extent.value}", dest="extent", action="store_const", const=extent, help=text)
    parser.set_defaults(extent=Extent.USUAL)
    stages_known = [*LINTERS, "tests", "slow", "judge", "docs"]
    parser.add_argument("--only", nargs="+", choices=stages_known, help="run only these stages; docs runs only so")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    options = parser.parse_args()
    if options.only != ["docs"]:
        prepare("test")
    stages: dict[str, Callable[[], int]] = {name: lambda name=name: lint(name) for name in LINTERS}  # type: ignore[misc]
    stages["tests"] = lambda: unit_tests(options.extent, options.pytest)
    if options.extent is not Extent.FAST:
        stages["slow"] = lambda: slow_tests(options.extent, options.pytest)
        stages["judge"] = lambda: judge(options.lerobot, options.extent)
    else:
        stages = {name: stage for name, stage in stages.items() if name not in THOROUGH}
    if options.only:
        stages = {name: stage for name, stage in {**stages, "docs": site}.items() if name in options.only}
    failed = []
    for name, stage in stages.items():
        started = time.monotonic()
        outcome = "passed" if stage() == 0 else "FAILED"
        say(f"{name}: {outcome} in {time.monotonic() - started:.0f} s")
        if outcome == "FAILED":
            failed.append(name)
    for test in unsteady:
        say(f"unsteady, passed only alone: {test}")
    say(f"failed: {', '.join(failed)}" if failed else "all stages passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
