"""Large files and very many of them: memory stays flat, and commits are as few as the Hub allows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.hub import FakeHub, Fault
from lerotool.cli.app import run
from lerotool.sharing import push
from tests.sharing.sets import contents, put_set, without_card

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")]
CUBE = "me/pick-cube"
LARGE_BYTES = 700_000_000
MOST_BYTES = 400_000_000
PROGRAM = """
import json, re, sys
from pathlib import Path
from lerotool.cli.app import run
code = run(sys.argv[1:])
# Not ru_maxrss, which a process takes over from the one that started it.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps({"code": code, "peak": int(peak[1]) * 1024}))
"""


def measured(*words: str) -> int:
    """Run a command in a process of its own; return the most memory that it had, in bytes."""
    finished = subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True)
    found = json.loads(finished.stdout.splitlines()[-1])
    assert found["code"] == 0, finished.stderr
    return int(found["peak"])


@pytest.mark.skipif(sys.platform != "linux", reason="files with holes, and memory in kB")
@pytest.mark.parametrize("chunk", [None, 100_000_000], ids=["whole", "in parts"])
def test_memory_does_not_grow_with_the_size_of_a_file(
    hub: FakeHub, home: Path, tmp_path: Path, chunk: int | None
) -> None:
    hub.chunk = chunk
    large = put_set(home) / "videos" / "large.mp4"
    with large.open("wb") as file:
        file.truncate(LARGE_BYTES)

    assert measured("push", CUBE) < MOST_BYTES
    assert measured("pull", CUBE, "--root", str(tmp_path / "pulled")) < MOST_BYTES

    assert (tmp_path / "pulled" / "videos" / "large.mp4").stat().st_size == LARGE_BYTES


def test_ten_thousand_small_files_are_one_commit(hub: FakeHub, home: Path) -> None:
    root = put_set(home)
    (root / "meta" / "notes").mkdir()
    for number in range(10_000):
        (root / "meta" / "notes" / f"{number}.json").write_text(str(number))

    assert run(["push", CUBE]) == 0

    assert len(hub.store.repositories[CUBE].history()) == 2
    assert without_card(hub.store.files(CUBE, "v3.0")).keys() == contents(root).keys()


def test_where_one_commit_is_too_small_the_tag_waits_for_the_last(
    hub: FakeHub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "MOST_OPERATIONS", 3)
    root = put_set(home)
    stopped = []

    def look() -> None:
        stopped.append((dict(hub.store.repositories[CUBE].tags), "meta/info.json" in hub.store.files(CUBE)))

    hub.go_wrong(Fault(None, lasts=100, only=("POST", "/commit/"), call=look))
    assert run(["push", CUBE]) == 0

    assert stopped == [({}, False)] * 3
    assert without_card(hub.store.files(CUBE, "v3.0")) == contents(root)
