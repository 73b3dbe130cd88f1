"""``lerotool benchmark`` as typed: real processes, saved runs, Ctrl-C, and a slowed build that is found out."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from lerotool.benchmarking.figures import Better
from lerotool.benchmarking.runner import Advanced, Begun, StepBegun, StepDone
from lerotool.cli.benchmark_report import BenchmarkTally, bar, headline
from tests.benchmarking.parts import TINY, figure, report
from tests.patience import PATIENCE_S
from tests.recording.terminal import Terminal

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "lerotool", "benchmark"]
SMALL = ("--quick", "--size", "96x64", "--cameras", "1", "--episode-time", "1")


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, **environment},
    )


def measure(work: Path, *arguments: str, **environment: str) -> dict[str, Any]:
    found = run(*SMALL, "--work", work, "--json", *arguments, **environment)
    assert found.returncode == 0, found.stderr
    assert found.stderr == "" or "warning" not in found.stderr
    document: dict[str, Any] = json.loads(found.stdout)
    return document


SLOW = {
    "lerotool.media.encode": ("VideoEncoder", "write", 0.03),
    "lerotool.rewriting.conversion": ("", "converted", 1.0),
}
"""By module: functions that are made to take so many seconds longer."""


def slowed(folder: Path) -> dict[str, str]:
    """Return an environment in which some functions take longer, in every process."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        textwrap.dedent(f"""
            import functools, importlib.util, sys, time

            class Finder:
                slow = {SLOW!r}

                @classmethod
                def find_spec(cls, name, path, target=None):
                    if name not in cls.slow:
                        return None
                    owner, function, seconds = cls.slow.pop(name)
                    spec = importlib.util.find_spec(name)
                    execute = spec.loader.exec_module

                    def exec_module(module):
                        execute(module)
                        home = getattr(module, owner, module)
                        fast = getattr(home, function)

                        @functools.wraps(fast)
                        def slow(*args, **kwargs):
                            time.sleep(seconds)
                            return fast(*args, **kwargs)

                        setattr(home, function, slow)

                    spec.loader.exec_module = exec_module
                    return spec

            sys.meta_path.insert(0, Finder)
        """)
    )
    return {"PYTHONPATH": str(folder)}


def test_a_slowed_build_is_reported_as_slower(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    groups = {"codecs", "merging"} if pytestconfig.getoption("exhaustive") else {"codecs"}
    parts = [word for group in sorted(groups) for word in ("--part", group)]
    before = measure(tmp_path, *parts)
    after = measure(tmp_path, *parts, **slowed(tmp_path / "slow"))
    assert {f["group"] for f in before["figures"]} == groups | {"disk"}
    assert (before["plan"]["limit_s"], before["plan"]["left_out"]) == (None, [])
    assert before["plan"]["words"].endswith("--full measures longer")
    for name, document in (("a.json", before), ("b.json", after)):
        (tmp_path / name).write_text(json.dumps(document))

    found = run("--compare", tmp_path / "a.json", tmp_path / "b.json", "--json")
    assert found.returncode == 0, found.stderr
    changes = {(c["group"], c["case"], c["name"]): c for c in json.loads(found.stdout)["changes"]}
    for case in ("libsvtav1 12", "h264 veryfast"):
        assert changes["codecs", case, "rate"]["verdict"] == "worse"
        assert changes["codecs", case, "size a frame"]["verdict"] == "same"
    if "merging" in groups:
        assert changes["merging", "medium, 100 episodes", "lerotool"]["verdict"] == "worse"
    text = run("--compare", tmp_path / "a.json", tmp_path / "b.json")
    assert "slower" in text.stdout


def test_a_run_is_told_on_stdout_and_its_way_on_stderr_and_a_page_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    found = run(*SMALL, "--work", tmp_path, "--report", page)
    assert found.returncode == 0, found.stderr
    assert "libsvtav1 12 encodes" in found.stdout
    assert "Codecs on all cores" in found.stdout
    assert re.match(r"\d+ steps, about \d+:\d\d; --full measures longer\n", found.stderr)
    assert "codec libsvtav1 12: " in found.stderr
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_neither_files_nor_processes(tmp_path: Path, number: signal.Signals) -> None:
    arguments = ("--compare", *SMALL, "--part", "recording", "--work", str(tmp_path))
    with Terminal([*COMMAND, *arguments]) as terminal:
        # A session is running, with an encoder beside it.
        terminal.read_until("recording: immediate")
        terminal.read_until("takes/s")
        terminal.read_until("real time")
        terminal.read_until("left")
        children = psutil.Process(terminal.pid).children(recursive=True)
        assert children
        os.kill(terminal.pid, number)
        assert terminal.wait() == 130
        assert "interrupted" in terminal.text
    assert list(tmp_path.iterdir()) == []
    end = time.monotonic() + PATIENCE_S
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children):
        assert time.monotonic() < end, children
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("a.json",), 2, "expected none, or two with --compare"),
        (("--compare", "a.json"), 2, "1 files"),
        (("--compare", "a.json", "b.json"), 1, "a.json"),
        (("--quick", "--full"), 2, "do not go together"),
        (("--size", "640"), 2, "expected WIDTHxHEIGHT"),
        (("--size", "641x480"), 2, "even numbers"),
        (("--work", "nowhere"), 3, "no folder 'nowhere'"),
        (("--report", "page.txt"), 2, "not an HTML file"),
        (("--report", "nowhere/page.html"), 2, "no folder"),
        (("--part", "lerobot"), 2, "needs an interpreter"),
        (("--lerobot", "nowhere/python"), 2, "cannot be run"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_measured(
    arguments: tuple[str, ...], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from lerotool.cli.app import run as run_here

    assert run_here(["benchmark", *arguments]) == code
    told = capsys.readouterr()
    assert words in told.err
    assert told.out == ""


def test_runs_on_other_machines_are_compared_with_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from lerotool.cli.app import run as run_here

    before = report(figure("wait", 1.0), figure("rate", 100.0, unit="frames/s", better=Better.MORE), figure("gone"))
    after = report(
        figure("wait", 2.0), figure("rate", 200.0, unit="frames/s", better=Better.MORE), machine="a Raspberry Pi"
    )
    for name, one in (("a.json", before), ("b.json", after)):
        (tmp_path / name).write_text(json.dumps(one.to_json()))
    assert run_here(["benchmark", "--compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 0
    told = capsys.readouterr()
    assert "a machine and a Raspberry Pi" in told.err
    lines = {line.split(",")[1].split()[0]: line.rstrip() for line in told.out.splitlines() if line.startswith("  one")}
    assert lines["wait"].endswith("slower")
    assert lines["rate"].endswith("faster")
    assert lines["gone"].endswith("only in one")
    assert "1 better, 1 worse" in told.out


def test_progress_tells_rate_and_time_left() -> None:
    tally = BenchmarkTally(TINY, 1.0)
    assert tally.left_s is None
    tally.take(Begun((10.0, 30.0), "2 steps"))
    tally.take(StepBegun(0, "codec"))
    tally.take(StepDone(0, "codec", 20.0, [figure("rate", 120.0, group="codecs", case="libsvtav1 12")]))
    tally.take(StepBegun(1, "recording"))
    tally.step_began -= 1.0
    tally.take(Advanced(0, 600, "frames"))
    tally.first_done = (0, time.monotonic() - 2.0)
    tally.take(Advanced(120, 600, "frames"))
    # The first step took twice as long as expected, so the rest will.
    assert tally.left_s == pytest.approx(2 * 30 * 0.8)
    assert tally.rate == pytest.approx(60, rel=0.05)
    assert tally.step_text() == "120 of 600 frames, 60 frames/s, 1.0x real time"
    assert tally.total_text() == "step 2 of 2, 0:48 left"


def test_a_step_is_told_with_what_it_is_faster_than() -> None:
    tally = BenchmarkTally(TINY, 1.0)
    for case, seconds in (("immediate", 4.0), ("background", 0.02)):
        found = [figure("wait per take", seconds, group="recording, 1-s takes", case=case)]
        event = StepDone(0, f"recording: {case}", 1.0, found)
        tally.take(event)
    assert headline(event, tally.found) == "recording: background: 0.02 s of waiting a take, 200x shorter"


def test_bars_are_as_long_as_they_should_be() -> None:
    assert [bar(share, 2) for share in (0.0, 0.25, 0.5, 1.0, 2.0)] == ["", "▌ ".strip(), "█", "██", "██"]
