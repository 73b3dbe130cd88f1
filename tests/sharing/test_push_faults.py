"""A push that is interrupted at any request leaves the old dataset on the Hub or the new one; repeated, the new one."""

from __future__ import annotations

import copy
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
from tests.sharing.sets import contents, keep_episodes, put_set, without_card

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")]
CUBE = "me/pick-cube"
COMMAND = ["push", CUBE]


class Bench:
    """A dataset that was pushed and then changed; it can be set back to that as often as one likes."""

    def __init__(self, hub: FakeHub, home: Path, scratch: Path) -> None:
        self.hub = hub
        self.root = put_set(home, golden="v30_lerobot061_small_files")
        assert run(COMMAND) == 0
        self.old = without_card(hub.store.files(CUBE))
        keep_episodes(self.root, "0-2,4", scratch / "kept")
        self.new = contents(self.root)
        assert self.new.keys() != self.old.keys()
        self._repository = copy.deepcopy(hub.store.repositories[CUBE])
        self._blobs = set(hub.store.blobs.iterdir())
        self._own = scratch / "own"
        shutil.copytree(self.root / ".lerotool", self._own)

    def set_back(self) -> None:
        self.hub.go_wrong(None)
        self.hub.store.repositories[CUBE] = copy.deepcopy(self._repository)
        for blob in set(self.hub.store.blobs.iterdir()) - self._blobs:
            blob.unlink()
        shutil.rmtree(self.root / ".lerotool")
        shutil.copytree(self._own, self.root / ".lerotool")

    def count(self) -> int:
        """Return how many requests a push makes."""
        self.hub.forget_requests()
        assert run(COMMAND) == 0
        return len(self.hub.requests)

    def check(self, place: str) -> None:
        """Whoever loads the dataset now, by the tag or the branch, gets the old state or the new."""
        repository = self.hub.store.repositories[CUBE]
        for revision in ("v3.0", "main"):
            if repository.resolve(revision) is not None:
                found = without_card(self.hub.store.files(CUBE, revision))
                assert found in (self.old, self.new), f"{place}: {revision} is a mix"

    def finish(self, place: str) -> None:
        self.hub.go_wrong(None)
        assert run(COMMAND) == 0, f"{place}: the repeated push fails"
        for revision in ("v3.0", "main"):
            assert without_card(self.hub.store.files(CUBE, revision)) == self.new, f"{place}: {revision} is not new"
        titles = self.hub.store.repositories[CUBE].history()
        assert len(titles) == 3, f"{place}: {titles}"


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


@pytest.mark.parametrize("trouble", [Trouble.CLOSED, Trouble.LOST_ANSWER], ids=["before", "after"])
def test_a_push_that_is_killed(bench: Bench, trouble: Trouble) -> None:
    program = f"from lerotool.cli.app import run; run({COMMAND!r})"

    def attempt(number: int) -> None:
        process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
        bench.hub.go_wrong(Fault(trouble, at=number, call=lambda: os.kill(process.pid, signal.SIGKILL)))
        process.wait()

    at_every_request(bench, attempt)


def test_what_has_arrived_is_not_sent_again(bench: Bench) -> None:
    bench.set_back()
    bench.hub.go_wrong(Fault(Trouble.ERROR_500, at=0, lasts=1000, only=("POST", "/commit/")))
    assert run(COMMAND) == 9
    bench.hub.go_wrong(None)
    bench.hub.forget_requests()

    bench.finish("after the files were sent")

    assert bench.hub.sent() == 0


def test_an_answer_of_the_commit_that_is_lost_does_not_make_two(bench: Bench) -> None:
    bench.set_back()
    bench.hub.go_wrong(Fault(Trouble.LOST_ANSWER, only=("POST", "/commit/")))

    assert run(COMMAND) == 0

    bench.finish("after the lost answer")


def test_changes_made_after_a_push_whose_end_is_not_known_can_be_pushed(bench: Bench) -> None:
    bench.set_back()
    program = f"from lerotool.cli.app import run; run({COMMAND!r})"
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    kill = lambda: os.kill(process.pid, signal.SIGKILL)  # noqa: E731
    bench.hub.go_wrong(Fault(Trouble.LOST_ANSWER, only=("POST", "/commit/"), call=kill))
    process.wait()
    bench.hub.go_wrong(None)
    assert without_card(bench.hub.store.files(CUBE)) == bench.new
    (bench.root / "meta" / "notes.txt").write_text("later")

    assert run(COMMAND) == 0

    assert without_card(bench.hub.store.files(CUBE, "v3.0")) == contents(bench.root)
