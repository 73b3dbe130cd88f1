"""Run everything that CI runs: style, types, layers, tests with branch coverage, and the real LeRobot as the judge.

    python3 scripts/test.py [--lerobot FOLDER] [--only STAGE ...] [-- PYTEST ARGUMENTS]

Makes .venv with the test extras. With --lerobot, the real LeRobot is installed into FOLDER (a virtual environment of
its own, about 5 GB, re-used afterwards) and loads every kind of dataset that lerotool writes. Without it that stage
says that it did not run. Standard library only.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import lerobot_venv
from environment import executable, prepare, run, say

LINTERS: dict[str, list[str]] = {
    "style": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "layers": ["lint-imports", "--no-cache"],
}


def lint(name: str) -> int:
    """Run one of the linters."""
    program, *arguments = LINTERS[name]
    return run([executable(program), *arguments])


def pytest(*arguments: str, **extra: str) -> int:
    """Run pytest with its scratch folder inside the clone."""
    return run([executable("python"), "-m", "pytest", "--basetemp", ".scratch", *arguments], **extra)


def unit_tests(arguments: list[str]) -> int:
    """Run the test suite, but for the judge; all of it with branch coverage, unless arguments pick some of it."""
    coverage = ["--cov", "--cov-report", "term:skip-covered", "--cov-fail-under", "90"]
    return pytest("-m", "not lerobot", "-n", "auto", *(arguments or coverage))


def judge(folder: Path | None) -> int:
    """Let the real LeRobot load what lerotool writes; says in one line when it cannot run."""
    if folder is None:
        say("LEROBOT JUDGE NOT RUN: no --lerobot FOLDER was given")
        return 0
    python, reason = lerobot_venv.prepare(folder)
    if python is None:
        say(f"LEROBOT JUDGE NOT RUN: {reason}")
        return 0
    return pytest("-m", "lerobot", "-n", "auto", LEROTOOL_LEROBOT_PYTHON=str(python))


def main() -> int:
    """Run the stages and return 0 only if all of them passed."""
    parser = argparse.ArgumentParser(description="Run everything that CI runs.")
    parser.add_argument(
        "--lerobot", type=Path, metavar="FOLDER", help="install the real LeRobot there and use it as the judge"
    )
    parser.add_argument("--only", nargs="+", choices=[*LINTERS, "tests", "judge"], help="run only these stages")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    options = parser.parse_args()
    prepare("test")
    stages: dict[str, Callable[[], int]] = {name: lambda name=name: lint(name) for name in LINTERS}  # type: ignore[misc]
    stages["tests"] = lambda: unit_tests(options.pytest)
    stages["judge"] = lambda: judge(options.lerobot)
    failed = []
    for name, stage in stages.items():
        if options.only and name not in options.only:
            continue
        started = time.monotonic()
        outcome = "passed" if stage() == 0 else "FAILED"
        say(f"{name}: {outcome} in {time.monotonic() - started:.0f} s")
        if outcome == "FAILED":
            failed.append(name)
    say(f"failed: {', '.join(failed)}" if failed else "all stages passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
