"""`lerotool record` as real processes: what it prints, signals, kills, keys."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lerotool.cli.app import run
from lerotool.spool.pending import list_pending
from lerotool.spool.recovery import Kind, examine_all
from lerotool.workspace import Workspace
from tests.patience import PATIENCE_S
from tests.recording.terminal import Terminal, Tmux

COMMAND = (sys.executable, "-m", "lerotool", "record")
BYTES_OF_A_ROW = 600
needs_signals = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


def arguments(root: Path, *more: str) -> list[str]:
    """Return the options of a recording without encoding, with one small camera."""
    return [
        "--root",
        str(root),
        "--batch",
        "0",
        "--camera",
        "front=sim:numbered,128x64",
        "--reset-time",
        "0",
        "--min-episode-time",
        "0",
        *more,
    ]


@contextmanager
def recording(*options: str) -> Iterator[subprocess.Popen[str]]:
    """Run a recording in a child process without a terminal."""
    child = subprocess.Popen(
        [*COMMAND, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def wait_for_rows(root: Path, size_bytes: int = 1) -> None:
    """Wait until the take in progress has rows on disk."""
    end = time.monotonic() + PATIENCE_S
    while not any(path.stat().st_size >= size_bytes for path in Workspace(root).pending.glob("*/rows.log")):
        assert time.monotonic() < end, "no row was written"
        time.sleep(0.002)


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def run_to_end(options: Sequence[str]) -> list[dict[str, Any]]:
    with recording(*options, "--json") as child:
        out, err = child.communicate(timeout=PATIENCE_S)
        assert child.returncode == 0, err
    return lines_of(out)


@pytest.mark.slow
def test_json_lines_tell_everything_and_stdout_carries_nothing_else(tmp_path: Path) -> None:
    lines = run_to_end(arguments(tmp_path / "d", "--episodes", "2", "--episode-time", "0.5"))
    assert [line["type"] for line in lines] == [
        "session_started",
        "robot_opened",
        "take_started",
        "episode_saved",
        "take_started",
        "episode_saved",
        "session",
    ]
    saved = [line for line in lines if line["type"] == "episode_saved"]
    assert [line["report"]["rows"] + line["report"]["missed"] for line in saved] == [15, 15]
    assert lines[-1]["ended"] == "complete"
    assert lines[-1]["pending"] == 2
    assert len(list_pending(tmp_path / "d")) == 2


@pytest.mark.slow
def test_without_a_terminal_there_is_one_line_per_event_and_the_result_on_stdout(tmp_path: Path) -> None:
    root = tmp_path / "d"
    with recording(*arguments(root, "--episodes", "1", "--episode-time", "0.3")) as child:
        out, err = child.communicate(timeout=PATIENCE_S)
    assert out.startswith(f"{root}: 1 of 1 episodes, 1 recorded now (")
    assert "simulated robot: no real arm is used" in err
    assert "saved episode 0 (1 of 1)" in err
    assert f"lerotool encode --pending {root}" in err
    assert "\x1b" not in out + err


@pytest.mark.slow
@needs_signals
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["INT", "TERM", "HUP"])
def test_one_signal_saves_the_take_and_leaves(tmp_path: Path, number: signal.Signals) -> None:
    root = tmp_path / "d"
    with recording(*arguments(root, "--json")) as child:
        wait_for_rows(root)
        child.send_signal(number)
        out, err = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 130, err
    assert lines_of(out)[-1]["ended"] == "interrupted"
    (episode,) = list_pending(root)
    assert episode.report["ended"] == "interrupt"
    assert episode.rows().num_rows == episode.length > 0


@pytest.mark.slow
@needs_signals
def test_a_signal_in_the_first_second_of_a_take_saves_no_junk_episode(tmp_path: Path) -> None:
    root = tmp_path / "d"
    with recording(*arguments(root, "--min-episode-time", "1")) as child:
        wait_for_rows(root)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 130, err
    assert list_pending(root) == []
    assert "discarded episode 0" in err
    assert "shorter than 1 s" in err
    assert out.startswith(f"{root}: 0 of 50 episodes")


@pytest.mark.slow
@needs_signals
def test_a_second_signal_stops_at_once_and_the_take_stays_recoverable(tmp_path: Path) -> None:
    root = tmp_path / "d"
    # One row per second: both signals come before the next tick.
    with recording(*arguments(root, "--fps", "1", "--max-picture-age", "9", "--json")) as child:
        wait_for_rows(root)
        child.send_signal(signal.SIGINT)
        time.sleep(0.05)  # equal signals that wait together are one
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 130, err
    assert lines_of(out)[-1]["ended"] == "aborted"
    (verdict,) = examine_all(root)
    assert verdict.kind is Kind.SALVAGEABLE
    assert verdict.rows >= 1
    assert f"use them with: lerotool encode --pending --salvage {root}\n" in err


@pytest.mark.slow
@needs_signals
@pytest.mark.parametrize("seed", range(3))
def test_a_kill_at_any_moment_leaves_all_saved_episodes_and_a_rerun_completes(tmp_path: Path, seed: int) -> None:
    root = tmp_path / "d"
    options = arguments(root, "--episodes", "3", "--episode-time", "0.4")
    chance = random.Random(seed)
    with recording(*options, "--json") as child:
        wait_for_rows(root)
        time.sleep(chance.random() * 1.2)
        child.kill()
        told = lines_of(child.communicate()[0])
    saved = {line["path"]: line["report"]["rows"] for line in told if line["type"] == "episode_saved"}
    found = {str(episode.path): episode.length for episode in list_pending(root) if episode.saved is not None}
    assert found.items() >= saved.items()
    verdicts = examine_all(root)
    assert all(verdict.kind in (Kind.COMPLETE, Kind.SALVAGEABLE, Kind.HOPELESS) for verdict in verdicts)
    assert sum(verdict.kind is not Kind.COMPLETE for verdict in verdicts) <= 1
    lines = run_to_end(options)
    assert lines[0]["waiting"] == len(found)
    assert lines[-1]["total"] == 3
    assert {str(v.path) for v in verdicts} <= {str(v.path) for v in examine_all(root)}


@pytest.mark.slow
@needs_signals
def test_keys_steer_a_recording_on_a_real_terminal(tmp_path: Path) -> None:
    root = tmp_path / "d"
    options = arguments(root, "--episodes", "9", "--reset-time", "600")
    with Terminal([*COMMAND, *options]) as terminal:
        terminal.read_until("end the take")
        wait_for_rows(root)
        terminal.type(b"\x1b[D")
        terminal.read_until("discarded episode 0")
        terminal.read_until("start the take")
        terminal.type(b"n")
        terminal.read_until("end the take")
        # The same key again within 0.7 s would be one that is held down.
        wait_for_rows(root, size_bytes=30 * BYTES_OF_A_ROW)
        terminal.type(b"\x1b[C")
        terminal.read_until("saved episode 0 (1 of 9)")
        terminal.read_until("RESET THE SCENE")
        terminal.type(b"q")
        terminal.read_until("1 of 9 episodes, 1 recorded now")
        assert terminal.wait() == 0
    assert [episode.report["ended"] for episode in list_pending(root)] == ["next"]


@pytest.mark.slow
@needs_signals
def test_a_person_at_a_terminal_answers_how_each_take_went(tmp_path: Path) -> None:
    root = tmp_path / "d"
    options = arguments(root, "--episodes", "2", "--episode-time", "0.3", "--ask", "--operator", "Ada")
    with Terminal([*COMMAND, *options]) as terminal:
        terminal.read_until("HOW DID EPISODE 0 GO?")
        terminal.type(b"!")
        terminal.read_until("flagged")
        terminal.type(b"s")
        terminal.read_until("HOW DID EPISODE 1 GO?")
        terminal.type(b"f")
        terminal.read_until("2 of 2 episodes, 2 recorded now")
        assert terminal.wait() == 0
    episodes = list_pending(root)
    assert [episode.mark for episode in episodes] == [{"outcome": "success", "flagged": True}, {"outcome": "failure"}]
    assert {episode.header.operator for episode in episodes} == {"Ada"}


@pytest.mark.slow
@needs_signals
def test_a_terminal_that_cannot_move_its_cursor_is_told_what_a_file_is_told_and_which_keys_there_are(
    tmp_path: Path,
) -> None:
    options = arguments(tmp_path / "d", "--episodes", "1", "--episode-time", "0.3")
    with Terminal([*COMMAND, *options], {"TERM": "dumb"}) as terminal:
        shown = terminal.read_until("1 of 1 episodes, 1 recorded now")
        assert "\a" in shown
        assert terminal.wait() == 0
    with recording(*arguments(tmp_path / "e", "--episodes", "1", "--episode-time", "0.3")) as child:
        _, piped = child.communicate(timeout=PATIENCE_S)
    for line in "recording episode 0 (1 of 1)", "saved episode 0 (1 of 1)":
        assert line in shown
        assert line in piped
    assert "keys: → or n ends the phase" in shown
    assert "keys:" not in piped
    assert "\x1b" not in shown


@pytest.mark.slow
@needs_signals
@pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux, which shows what a terminal shows")
def test_a_terminal_that_becomes_narrower_and_wider_shows_one_panel(tmp_path: Path) -> None:
    with Tmux([*COMMAND, *arguments(tmp_path / "d", "--episode-time", "600")], tmp_path, (120, 40)) as screen:
        for width in 120, 50, 100, 60:
            screen.resize(width, 40)
            # tmux itself takes a moment to tell the program.
            screen.wait_for(lambda lines: str(lines).count("RECORDING") == 1)
            screen.wait_for_repaints(6)
            screen.wait_for(lambda lines: str(lines).count("RECORDING") == 1)


@pytest.mark.slow
@needs_signals
def test_ctrl_c_on_a_terminal_says_what_happens(tmp_path: Path) -> None:
    root = tmp_path / "d"
    with Terminal([*COMMAND, *arguments(root)]) as terminal:
        terminal.read_until("end the take")
        wait_for_rows(root)
        terminal.type(b"\x03")
        terminal.read_until("finishing and leaving; press Ctrl-C again to stop at once")
        terminal.read_until("saved episode 0 (1 of 50)")
        assert terminal.wait() == 130
    assert len(list_pending(root)) == 1


def test_a_dry_run_tells_the_plan_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "d"
    assert run(["record", *arguments(root, "--dry-run", "--json", "--episodes", "4")]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["episodes"] == {"total": 4, "in_dataset": 0, "waiting": 0, "to_record": 4}
    assert plan["features"]["observation.images.front"]["shape"] == [64, 128, 3]
    assert plan["robot_type"] == "so101_sim"
    assert plan["bytes"]["take"] > 0
    assert not root.exists()


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["--robot", "so999"], 2, "unknown robot 'so999'"),
        (["--camera", "front"], 2, "has no '='"),
        (["--camera", "a=sim", "--camera", "a=sim"], 2, "two cameras are called 'a'"),
        (["--camera", "front=/nowhere/clip.mp4"], 7, "/nowhere/clip.mp4"),
        (["--repo-id", "../../etc"], 2, "expected user/name"),
        (["--repo-id", "a/b", "--root", "x"], 2, "--root and --repo-id"),
        (["--task", "  "], 2, "the task is empty"),
        (["--task", "bad\udcff"], 2, "expected Unicode text"),
        (["--ask"], 2, "no terminal to answer at"),
        (["--tasks", "nowhere.txt"], 1, "nowhere.txt"),
        (["--shuffle"], 2, "no list of tasks"),
        (["--seed", "3"], 2, "nothing is shuffled"),
        (["--vcodec", "nonesuch"], 6, "nonesuch"),
    ],
)
def test_what_cannot_be_done_is_an_error_with_a_hint_and_no_change(
    tmp_path: Path,
    options: list[str],
    code: int,
    text: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HF_LEROBOT_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    if "--robot" in options:
        options = [*options, "--task", "Test"]
    assert run(["record", *options]) == code
    captured = capsys.readouterr()
    assert text in captured.err
    assert captured.out == ""
    assert not home.exists()


def test_the_default_dataset_is_the_same_for_the_same_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path))
    for options, name in ([], "so101_sim"), (["--task", "Pick up, the CUBE!"], "so101_sim-pick-up-the-cube"):
        assert run(["record", "--camera", "none", "--dry-run", "--json", *options]) == 0
        assert json.loads(capsys.readouterr().out)["dataset"] == str(tmp_path / "local" / name)


def test_what_is_for_recording_is_refused_where_nothing_is_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["record", "--episodes", "0", "--camera", "front=sim", "--task", "wave"]) == 2
    assert "--camera, --task: with --episodes 0 nothing is recorded" in capsys.readouterr().err
