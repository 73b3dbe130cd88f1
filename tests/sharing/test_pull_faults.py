"""A pull that is interrupted at any request leaves the old dataset here, or none, or the new; repeated, the new one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.hub import FakeHub, Fault, Trouble
from lerotool.cli.app import run
from tests.sharing.sets import contents, keep_episodes, put_set

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")]
CUBE = "me/pick-cube"
COMMAND = ["pull", CUBE]


class Bench:
    """A dataset that was pulled, and has changed on the Hub since; it can be set back to that."""

    def __init__(self, hub: FakeHub, home: Path, scratch: Path) -> None:
        self.hub = hub
        theirs = put_set(home)
        run(["push", CUBE])
        theirs = Path(shutil.move(theirs, scratch / "theirs"))
        self.target = home / CUBE
        assert run(COMMAND) == 0
        self.old = contents(self.target)
        self._start = scratch / "start"
        shutil.copytree(self.target, self._start)
        keep_episodes(theirs, "0,2", scratch / "kept")
        assert run(["push", str(theirs), "--repo-id", CUBE]) == 0
        self.new = hub.store.files(CUBE)

    def set_back(self) -> None:
        self.hub.go_wrong(None)
        shutil.rmtree(self.target)
        shutil.copytree(self._start, self.target)

    def count(self) -> int:
        self.set_back()
        self.hub.forget_requests()
        assert run(COMMAND) == 0
        return len(self.hub.requests)

    def check(self, place: str) -> None:
        assert contents(self.target) in (self.old, self.new), f"{place}: a mix"

    def finish(self, place: str) -> None:
        self.hub.go_wrong(None)
        assert run(COMMAND) == 0, f"{place}: the repeated pull fails"
        assert contents(self.target) == self.new, place
        assert not (self.target / ".lerotool" / "pull").exists()


@pytest.fixture
def bench(hub: FakeHub, home: Path, tmp_path: Path) -> Bench:
    return Bench(hub, home, tmp_path)


def at_every_request(bench: Bench, attempt: Callable[[int], None]) -> None:
    for number in range(bench.count()):
        bench.set_back()
        attempt(number)
        bench.check(f"request {number}")
        bench.finish(f"request {number}")


@pytest.mark.parametrize("trouble", list(Trouble), ids=lambda trouble: trouble.name.lower())
def test_a_request_that_goes_wrong_once(bench: Bench, trouble: Trouble) -> None:
    def attempt(number: int) -> None:
        bench.hub.go_wrong(Fault(trouble, at=number))
        assert run(COMMAND) in (0, 9)

    at_every_request(bench, attempt)


def test_a_pull_that_is_killed(bench: Bench) -> None:
    program = f"from lerotool.cli.app import run; run({COMMAND!r})"

    def attempt(number: int) -> None:
        process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
        bench.hub.go_wrong(Fault(Trouble.HALF_BODY, at=number, call=lambda: os.kill(process.pid, signal.SIGKILL)))
        process.wait()

    at_every_request(bench, attempt)


def test_what_has_arrived_is_not_fetched_again(bench: Bench) -> None:
    bench.set_back()
    names = [name for name in bench.new if bench.new[name] != bench.old.get(name)]
    last = max(names)
    bench.hub.go_wrong(Fault(Trouble.ERROR_500, lasts=1000, only=("GET", last)))
    assert run(COMMAND) == 9
    arrived = {path.name for path in (bench.target / ".lerotool" / "pull").rglob("*") if path.is_file()}
    assert arrived
    bench.hub.go_wrong(None)
    bench.hub.forget_requests()

    bench.finish("after the rest had arrived")

    fetched = {seen.path for seen in bench.hub.requests if seen.method == "GET" and "/resolve/" in seen.path}
    assert [path for path in fetched if path.endswith(last)]
    assert len(fetched) < len(names)
