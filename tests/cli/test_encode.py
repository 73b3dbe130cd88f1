"""``lerotool encode --pending`` as typed: real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lerotool.cli import app
from lerotool.dataset.dataset import Dataset
from lerotool.encoding.staged import result_path
from lerotool.errors import DatasetNotFoundError
from lerotool.spool.pending import list_pending
from lerotool.storage import ProcessLock, tree_bytes
from lerotool.workspace import Workspace, lerobot_home
from tests.encoding.reading import all_numbers, column, episode_lengths
from tests.encoding.recordings import FRONT, WRIST, record
from tests.encoding.test_job import flip_byte_of_packet
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "lerotool", "encode"]
POSIX = pytest.mark.skipif(os.name == "nt", reason="signals")


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S)


@contextmanager
def start(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    command = [*COMMAND, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(is_true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < give_up
        time.sleep(0.002)


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_without_a_dataset_all_below_the_folder_and_in_the_home_are_encoded(tmp_path: Path) -> None:
    here, home = tmp_path / "sets" / "one", lerobot_home() / "me" / "two"
    record(here, 0, [0, 1])
    record(home, 0, [0, 1, 2])
    found = run("--pending", "--json", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    document = json.loads(found.stdout)
    assert document["schema"] == 1
    assert {report["root"]: report["rows"] for report in document["datasets"]} == {str(here): 2, str(home): 3}
    assert found.stderr == ""
    again = run("--pending", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, "nothing is pending\n")


def test_the_result_tells_what_was_done_and_how_fast(tmp_path: Path) -> None:
    record(tmp_path, 0, list(range(9)))
    found = run("--pending", tmp_path, "-q")
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("1 episode, 9 rows added in ")
    for figure in ("frames/s", "times real time", "times as fast as one job at a time", "has 1 episode now"):
        assert figure in found.stdout
    assert found.stderr == ""


def plan_of(root: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """Return what a dry run says, here."""
    assert app.run(["encode", "--pending", str(root), "--dry-run", *more]) == 0
    return capsys.readouterr().out


def test_a_dry_run_shows_the_work_and_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    episode = record(tmp_path, 0, list(range(9)))
    cut = record(tmp_path, 1, [0, 1], save=False)
    before = snapshot(tmp_path)
    (plan,) = json.loads(plan_of(tmp_path, capsys, "--json"))["datasets"]
    assert [entry["episode"] for entry in plan["episodes"]] == [episode.path.name]
    assert (plan["rows"], plan["frames"], plan["seconds"]) == (9, 18, 0.3)
    assert plan["estimated_bytes"] > 0
    assert [left["episode"] for left in plan["left"]] == [cut.path.name]
    assert "would be salvaged, 2 rows" in plan_of(tmp_path, capsys, "--salvage")
    assert snapshot(tmp_path) == before


def test_a_dry_run_shows_the_numbers_by_which_episodes_are_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for sequence in (3, 7, 8):
        record(tmp_path, sequence, [0, 1])
    plan = plan_of(tmp_path, capsys)
    assert [line.split(":")[0].strip() for line in plan.splitlines()[1:]] == ["3", "7", "8"]
    assert "1 episode, 2 rows added" in run("--pending", tmp_path, "--episodes", "4-7", "--keep-pending").stdout
    left = json.loads(plan_of(tmp_path, capsys, "--json"))["datasets"][0]
    assert [entry["number"] for entry in left["episodes"]] == [3, 8]
    assert len(list_pending(tmp_path)) == 3


def test_given_encoder_options_win_over_the_recorded_ones(tmp_path: Path) -> None:
    record(tmp_path, 0, [0, 1])
    assert run("--pending", tmp_path, "--crf", "33", "--g", "4").returncode == 0
    info = Dataset.open(tmp_path).features[FRONT].info
    assert (info["video.crf"], info["video.g"], info["video.codec"]) == (33, 4, "h264")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "say what to encode"),
        (["--pending", "nowhere/set"], 3, "no dataset found"),
        (["--pending", "ROOT", "--vcodec", "no_such"], 6, "no video encoder 'no_such'"),
        (["--pending", "ROOT", "--extra-option", "x"], 2, "expected NAME=VALUE"),
        (["--pending", "ROOT", "--jobs", "0"], 2, "'--jobs'"),
        (["--pending", "ROOT", "--episodes", "3-1"], 2, "'3-1' is not an episode number"),
        (["--pending", "ROOT", "--episodes", "5"], 2, "there are 0"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    episode = record(tmp_path, 0, [0, 1])
    before = snapshot(episode.path)
    assert app.run(["encode", *(str(tmp_path) if argument == "ROOT" else argument for argument in arguments)]) == code
    told = capsys.readouterr()
    assert message in told.err
    assert "Traceback" not in told.err
    assert told.out == ""
    assert snapshot(episode.path) == before


def test_an_episode_that_is_left_makes_exit_code_8_and_is_named(tmp_path: Path) -> None:
    damaged = record(tmp_path, 0, [0, 1])
    record(tmp_path, 1, [0, 1, 2])
    flip_byte_of_packet(damaged, 1)
    found = run("--pending", tmp_path)
    assert found.returncode == 8
    assert damaged.path.name in found.stderr
    assert "packet 1" in found.stderr
    assert episode_lengths(tmp_path) == [3]


def test_who_works_on_the_dataset_is_told(tmp_path: Path) -> None:
    record(tmp_path, 0, [0, 1])
    with ProcessLock(Workspace(tmp_path).writing_lock, "merging"):
        found = run("--pending", tmp_path)
    assert found.returncode == 5
    assert f"merging (process {os.getpid()}" in found.stderr


def test_two_at_once_do_every_episode_once(tmp_path: Path) -> None:
    for sequence in range(3):
        record(tmp_path, sequence, list(range(10)), first_number=100 * sequence)
    with start("--pending", tmp_path) as one, start("--pending", tmp_path) as other:
        for process in (one, other):
            process.communicate(timeout=PATIENCE_S)
    assert sorted([one.returncode, other.returncode]) in ([0, 5], [0, 0])
    assert all_numbers(tmp_path, FRONT) == [100 * s + n for s in range(3) for n in range(10)]


@POSIX
def test_ctrl_c_stops_at_a_safe_point_and_the_next_run_goes_on(tmp_path: Path) -> None:
    for sequence in range(4):
        record(tmp_path, sequence, list(range(200)), first_number=1000 * sequence)
    first = list_pending(tmp_path)[0]
    with start("--pending", tmp_path, "--jobs", "1") as process:
        wait_for(lambda: result_path(first, FRONT).exists() or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, errors
    assert "stopping" in errors
    left = len(list_pending(tmp_path))
    assert left >= 2
    # One sentence for all of them, with the command that goes on.
    told = [line for line in errors.splitlines() if "warning" in line or "hint" in line]
    assert told == [f"warning: {left} episodes are not encoded yet; go on with: lerotool encode --pending {tmp_path}"]
    assert run("--pending", tmp_path).returncode == 0
    assert all_numbers(tmp_path, WRIST) == [1000 * s + n for s in range(4) for n in range(200)]


def assert_seen_as_a_whole(root: Path) -> None:
    """Assert that readers see whole episodes, or no dataset where the first commit was interrupted."""
    try:
        dataset = Dataset.open(root)
    except DatasetNotFoundError:
        assert Workspace(root).journal.exists()
        return
    assert dataset.numpy("index").reshape(-1).tolist() == list(range(dataset.num_frames))


@POSIX
@pytest.mark.parametrize("moment", ["a job begins", "a result is staged", "a commit begins", "an episode is in"])
def test_a_run_killed_at_any_moment_is_completed_by_the_next(tmp_path: Path, moment: str) -> None:
    picks = [[0, 0, 1, 3], list(range(40)), [2, 5, 5, 9]]
    for sequence, rows in enumerate(picks):
        record(tmp_path, sequence, rows, first_number=100 * sequence)
    first = list_pending(tmp_path)[0]
    reached: dict[str, Callable[[], bool]] = {
        "a job begins": first.encoded_dir.exists,
        "a result is staged": result_path(first, FRONT).exists,
        "a commit begins": lambda: any(Workspace(tmp_path).staging.glob("*/*")) or (tmp_path / "meta").exists(),
        "an episode is in": (tmp_path / "meta" / "info.json").exists,
    }
    with start("--pending", tmp_path, "--jobs", "1") as process:
        wait_for(lambda: reached[moment]() or process.poll() is not None)
    if (tmp_path / "meta" / "info.json").exists():
        assert_seen_as_a_whole(tmp_path)
    found = run("--pending", tmp_path, "--json")
    assert found.returncode == 0, found.stderr
    expected = [100 * sequence + pick for sequence, rows in enumerate(picks) for pick in rows]
    assert all_numbers(tmp_path, FRONT) == all_numbers(tmp_path, WRIST) == expected
    assert episode_lengths(tmp_path) == [4, 40, 4]
    assert column(tmp_path, "action")[:, 1].tolist() == [0] * 4 + [1] * 40 + [2] * 4
    assert list_pending(tmp_path) == []
    assert tree_bytes(Workspace(tmp_path).folder) < 1000


@POSIX
def test_pictures_are_right_while_others_take_all_cores(tmp_path: Path) -> None:
    picks = [0, 0, 1, 2, 2, 2, 5, 6, 9, 9]
    record(tmp_path, 0, picks)
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        found = run("--pending", tmp_path)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    assert found.returncode == 0, found.stderr
    assert all_numbers(tmp_path, FRONT) == all_numbers(tmp_path, WRIST) == picks


def test_the_codec_auto_is_one_that_works_here_and_is_named(tmp_path: Path) -> None:
    record(tmp_path, 0, [0, 1, 2], cameras=[FRONT])
    found = run("--pending", tmp_path, "--codec", "auto", "--preset", "8")
    assert found.returncode == 0, found.stderr
    assert "encoding with " in found.stderr
    assert all_numbers(tmp_path, FRONT) == [0, 1, 2]
    assert Dataset.open(tmp_path).features[FRONT].info["video.codec"] in ("av1", "h264", "hevc")
