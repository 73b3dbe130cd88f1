"""What each test costs in CPU time, its child processes included: a busy machine does not change it much.

    python -m pytest -p tests.cpu_time --cpu-times FILE

writes one line per test, the dearest first: seconds of CPU, seconds by the clock, `slow` where it is marked so, name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_KEY = "seconds"
_started = pytest.StashKey[tuple[float, float]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cpu-times", type=Path, metavar="FILE", help="write what each test costs in CPU time")


def _clocks() -> tuple[float, float]:
    """Return the CPU time spent by this process and its finished children, and the time of the clock."""
    times = os.times()
    return sum(times[:4]), times.elapsed


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    item.stash[_started] = _clocks()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if call.when == "teardown":
        report.user_properties.append(
            (_KEY, [now - then for now, then in zip(_clocks(), item.stash[_started], strict=True)])
        )
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write the table; with several workers the one that collects the reports does."""
    path = config.getoption("--cpu-times")
    if path is None:
        return
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    lines = [
        (*dict(report.user_properties)[_KEY], "slow" if "slow" in report.keywords else "", report.nodeid)
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "teardown"
    ]
    lines.sort(reverse=True)
    path.write_text(
        "".join(f"{cpu:8.2f}\t{wall:8.2f}\t{mark}\t{name}\n" for cpu, wall, mark, name in lines), encoding="utf-8"
    )
