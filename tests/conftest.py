"""What all tests share."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from lerotool.media.libav import kept_priority
from tests.lerobot_judge import lerobot_python
from tests.sampling import USUALLY, try_one_in, without_the_rest

# CI judges a change, not the luck of the draw: it sees the same examples every time; everybody else gets new ones.
settings.register_profile(
    "lerotool",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("lerotool")


class _Told:
    """Shows a failure when it comes, not at the end only: a run that is cut off has told of it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal is not None:
            terminal.write_line(f"\n{report.nodeid} failed in {report.when}:\n{report.longreprtext}\n")


def pytest_configure(config: pytest.Config) -> None:
    """Let Ctrl-C reach what tests start, also where the tests run in the background and ignore it themselves."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Told(config))
    try_one_in(1 if config.getoption("exhaustive") else USUALLY)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let all cases of sampled matrices run."""
    parser.addoption(
        "--exhaustive", action="store_true", help="run all cases of tests that are marked sampled, and all examples"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sample matrices, begin with what may take long, and skip, visibly, what needs the real LeRobot without one."""
    if not config.getoption("exhaustive"):
        kept = list(without_the_rest(items))
        left = set(items) - set(kept)
        config.hook.pytest_deselected(items=[item for item in items if item in left])
        items[:] = kept
    # So that no worker is left alone with one at the end.
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)
    if lerobot_python():
        return
    skip = pytest.mark.skip(reason="LEROTOOL_LEROBOT_PYTHON names no LeRobot (docs/development.md)")
    for item in items:
        if item.get_closest_marker("lerobot"):
            item.add_marker(skip)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name in one line what was not run, and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        counts = "; ".join(f"{count} ({reason})" for reason, count in reasons.most_common())
        terminalreporter.write_line(f"not run: {counts}")


@pytest.fixture(autouse=True)
def _own_priority() -> Iterator[None]:
    """Undo what tests that open SVT-AV1 by themselves do to the scheduling of all that come after, when run as root."""
    with kept_priority():
        yield


@pytest.fixture
def strides(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """Return of how many frames the judge looks at one: of so many as is asked for, of each in an exhaustive run."""
    return lambda wanted: 1 if request.config.getoption("exhaustive") else wanted


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's real LeRobot home, robots and cache."""
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path_factory.getbasetemp() / "lerobot-home"))
    monkeypatch.setenv("LEROTOOL_CONFIG", str(tmp_path_factory.getbasetemp() / "lerotool-config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def _patience_with_servos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Emulated servos share the machine with the tests and may not be scheduled for a while."""
    monkeypatch.setenv("LEROTOOL_SERVO_MARGIN_MS", "30")
