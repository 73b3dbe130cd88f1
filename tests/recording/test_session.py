"""Sessions: takes, pauses, resume, and every way to end."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from lerotool.devices.arms.arm import JointReading
from lerotool.devices.cameras.simulated import read_number
from lerotool.errors import DatasetLockedError, DeviceError, IncompatibleDatasetError, TargetExistsError, UsageError
from lerotool.media.pictures import decode_image
from lerotool.recording.config import RecordingConfig
from lerotool.recording.controls import Command, Ending
from lerotool.recording.events import (
    DiskLow,
    EpisodeDiscarded,
    EpisodeSaved,
    InterruptedFound,
    SessionEnd,
    TakeLeft,
    TakeStarted,
)
from lerotool.recording.status import Phase, Status
from lerotool.spool.pending import list_pending
from lerotool.spool.recovery import Kind, examine_all, salvage
from lerotool.storage import ProcessLock
from lerotool.workspace import Workspace
from tests.recording.sessions import FPS, build_config, record, stage


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "dataset"


def test_a_session_saves_every_row_with_the_pictures_that_it_names(root: Path) -> None:
    report = record(root)
    assert report.ended is SessionEnd.COMPLETE
    episodes = list_pending(root)
    assert [episode.header.sequence for episode in episodes] == [0, 1]
    for number, episode in enumerate(episodes):
        told = report.episodes[number]
        rows = episode.rows()
        assert rows.num_rows == told.rows == FPS * 0.2 - told.missed
        assert np.all(np.diff(rows["tick_ns"]) % (1_000_000_000 // FPS) == 0)
        assert set(rows["task"].to_pylist()) == {"Test"}
        for key in episode.header.cameras:
            packets = episode.camera(key)
            assert len(packets) == told.cameras[key].packets
            shown = [read_number(decode_image(packets.packet(k))) for k in range(len(packets))]
            assert shown == list(range(shown[0], shown[0] + len(shown)))
            named = rows[f"picture/{key}"].to_numpy()
            assert np.all(np.diff(named) >= 0)
            assert np.all(packets.captured_ns[named] <= rows["acted_ns"].to_numpy())
            packets.close()
        assert episode.report["rows"] == told.rows
        assert episode.report["cameras"].keys() == episode.header.cameras.keys()


def test_episodes_are_counted_in_total_and_the_same_command_goes_on(root: Path) -> None:
    assert record(root, episodes=1).total == 1
    second = record(root, episodes=3)
    assert sorted(second.episodes) == [1, 2]
    assert second.total == 3
    assert [episode.header.sequence for episode in list_pending(root)] == [0, 1, 2]
    third = record(root, episodes=3)
    assert (third.ended, third.total, dict(third.episodes)) == (SessionEnd.COMPLETE, 3, {})


def test_a_different_session_is_refused_with_every_difference(root: Path) -> None:
    record(root, episodes=1)
    with (
        stage(build_config(root, fps=50), cameras={"front": "sim:numbered", "top": "sim:numbered"}) as ready,
        pytest.raises(IncompatibleDatasetError) as caught,
    ):
        ready.run()
    for part in ("fps: 100 in", "50 in this session", "images.wrist': missing in this", "images.top': missing in pend"):
        assert part in str(caught.value)
    assert len(list_pending(root)) == 1


def test_a_discarded_take_leaves_nothing_and_is_recorded_again(root: Path) -> None:
    with stage(build_config(root, episodes=1, episode_time_s=30.0)) as ready:

        def discard_once(status: Status) -> None:
            if status.take is not None and status.take.rows == 5:
                ready.controls.give(Command.AGAIN if len(ready.told(TakeStarted)) == 1 else Command.NEXT)

        ready.steer(discard_once)
        report = ready.run()
    assert [event.episode for event in ready.told(TakeStarted)] == [0, 0]
    assert [event.rows for event in ready.told(EpisodeDiscarded)] == [5]
    assert (report.discarded, report.total) == (1, 1)
    assert [path.name[:14] for path in Workspace(root).pending.iterdir()] == ["episode-000000"]


def test_an_episode_can_be_taken_back_in_the_pause_after_it(root: Path) -> None:
    with stage(build_config(root, reset_time_s=5.0)) as ready:

        def take_back(status: Status) -> None:
            if status.phase is Phase.RESET:
                first = not ready.told(EpisodeDiscarded)
                assert all(episode.is_live for episode in list_pending(root)[-1:]), "may be encoded too early"
                ready.controls.give(Command.AGAIN if first else Command.NEXT)

        ready.steer(take_back)
        report = ready.run()
    assert [event.episode for event in ready.told(TakeStarted)] == [0, 0, 1]
    assert (report.discarded, report.total, sorted(report.episodes)) == (1, 2, [0, 1])
    assert len(list_pending(root)) == 2
    assert not any(episode.is_live for episode in list_pending(root))


@pytest.mark.parametrize(
    ("command", "ended"), [(Command.STOP, SessionEnd.STOPPED), (Command.INTERRUPT, SessionEnd.INTERRUPTED)]
)
def test_leaving_saves_the_take_in_progress(root: Path, command: Command, ended: SessionEnd) -> None:
    with stage(build_config(root, episode_time_s=30.0)) as ready:
        ready.steer(
            lambda status: ready.controls.give(command) if status.take is not None and status.take.rows == 7 else None
        )
        report = ready.run()
    assert (report.ended, report.rows) == (ended, 7)
    assert report.episodes[0].ended is Ending(command.name.lower())
    assert [episode.length for episode in list_pending(root)] == [7]


@pytest.mark.parametrize("command", [Command.NEXT, Command.STOP, Command.INTERRUPT])
def test_a_take_that_is_ended_in_its_first_moment_is_discarded_and_the_reason_given(
    root: Path, command: Command
) -> None:
    with stage(build_config(root, episodes=1, episode_time_s=2.0, min_episode_time_s=30.0)) as ready:
        reasons = set()

        def end_at_once(status: Status) -> None:
            reasons.add(status.not_kept)
            if status.take is not None and status.take.rows == 7 and len(ready.told(TakeStarted)) == 1:
                ready.controls.give(command)

        ready.steer(end_at_once)
        report = ready.run()
    (discarded,) = ready.told(EpisodeDiscarded)
    assert reasons <= {None, discarded.reason}
    assert ready.session.status().not_kept == (None if command is Command.NEXT else discarded.reason)
    assert (discarded.episode, discarded.rows) == (0, 7)
    assert re.fullmatch(r"[01]\.\d s long, shorter than 30 s", discarded.reason)
    # The robot stays on for the take that replaces it, unless the person leaves.
    kept = 1 if command is Command.NEXT else 0
    assert (report.total, report.discarded, len(list_pending(root))) == (kept, 1, kept)


def test_a_take_of_full_length_is_kept_however_short_that_is(root: Path) -> None:
    assert record(root, episodes=1, episode_time_s=0.1, min_episode_time_s=5.0).total == 1


def test_a_take_that_is_stopped_at_once_is_left_for_salvage_however_short_it_is(root: Path) -> None:
    with stage(build_config(root, min_episode_time_s=5.0, episode_time_s=9.0)) as ready:
        ready.steer(
            lambda status: ready.controls.give(Command.ABORT) if status.take is not None and status.take.rows else None
        )
        ready.run()
    assert [verdict.kind for verdict in examine_all(root)] == [Kind.SALVAGEABLE]


def test_a_take_without_rows_is_not_kept(root: Path) -> None:
    with stage(build_config(root)) as ready:
        ready.steer(lambda status: ready.controls.give(Command.STOP) if status.phase is Phase.TAKE else None)
        assert ready.run().total == 0
    assert list(Workspace(root).pending.iterdir()) == []


def test_stopping_at_once_leaves_a_take_that_can_be_salvaged_and_is_named_next_time(root: Path) -> None:
    with stage(build_config(root, episode_time_s=30.0)) as ready:
        ready.steer(
            lambda status: (
                ready.controls.give(Command.ABORT) if status.take is not None and status.take.rows == 9 else None
            )
        )
        report = ready.run()
    assert (report.ended, report.total) == (SessionEnd.ABORTED, 0)
    (left,) = ready.told(TakeLeft)
    (verdict,) = examine_all(root)
    assert (verdict.kind, verdict.rows, verdict.path) == (Kind.SALVAGEABLE, 9, left.path)
    with stage(build_config(root, episodes=1)) as again:
        assert again.run().total == 1
    assert [event.path for event in again.told(InterruptedFound)] == [left.path]
    assert salvage(left.path).length == 9
    assert [episode.header.sequence for episode in list_pending(root)] == [0, 1]


def test_a_robot_that_fails_is_closed_and_the_take_saved(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with stage(build_config(root, episode_time_s=30.0)) as ready:

        def fail() -> JointReading:
            raise DeviceError("joint 3 is silent")

        def break_it(status: Status) -> None:
            if status.take is not None and status.take.rows == 6:
                monkeypatch.setattr(ready.robot.leader, "read", fail)

        def note_close() -> None:
            closed_before_saving.append(not ready.told(EpisodeSaved))
            close()

        closed_before_saving: list[bool] = []
        close = ready.robot.close
        monkeypatch.setattr(ready.robot, "close", note_close)
        ready.steer(break_it)
        with pytest.raises(DeviceError, match="joint 3 is silent"):
            ready.run()
        assert ready.session.report is not None
        assert (ready.session.report.ended, ready.session.report.rows) == (SessionEnd.FAILED, 6)
        assert not ready.robot.is_open
    assert closed_before_saving[0]
    assert [episode.length for episode in list_pending(root)] == [6]


@pytest.mark.skipif(sys.platform == "win32", reason="needs file size limits")
def test_a_disk_that_takes_no_more_ends_the_take_and_keeps_what_is_there(root: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with stage(build_config(root, episode_time_s=30.0)) as ready:

        def fill(status: Status) -> None:
            if status.take is not None and status.take.rows == 10:
                resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))

        ready.steer(fill)
        try:
            with pytest.raises(OSError, match="too large"):
                ready.run()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (episode,) = list_pending(root)
    assert episode.saved is not None
    assert episode.rows().num_rows == episode.length >= 10


def test_a_session_that_cannot_hold_one_take_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lerotool.storage.free_bytes", lambda _: 1000)
    with stage(build_config(root)) as ready, pytest.raises(OSError, match="a take of"):
        ready.run()
    assert list_pending(root) == []


def test_a_session_that_will_not_fit_is_warned_of_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lerotool.recording.housekeeping.free_bytes", lambda _: 256 * 1024**2 + 200_000)
    with stage(build_config(root, episodes=1000)) as ready:
        ready.steer(lambda status: ready.controls.give(Command.STOP) if status.episode == 2 else None)
        ready.run()
    assert len(ready.told(DiskLow)) == 1


def test_two_sessions_cannot_share_a_dataset(root: Path) -> None:
    with (
        ProcessLock(Workspace(root).recording_lock, "recording"),
        stage(build_config(root)) as ready,
        pytest.raises(DatasetLockedError, match="recording"),
    ):
        ready.run()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("\\begin{document}")
    with stage(build_config(tmp_path)) as ready, pytest.raises(TargetExistsError, match="holds other files"):
        ready.run()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.tex"]


def test_a_config_tells_all_that_is_wrong_with_it() -> None:
    with pytest.raises(UsageError, match=r"task is empty; episodes is 0.*; batch is -1"):
        RecordingConfig(root=Path("x"), task=" ", episodes=0, batch=-1)
