"""What a session tells its encoder, and when."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lerotool.errors import IncompleteError
from lerotool.execution import EncoderStatus
from lerotool.recording.config import BatchMode
from lerotool.recording.controls import Command
from lerotool.recording.events import EncodingStarted, SessionEnd
from lerotool.recording.status import Phase, Status
from tests.recording.sessions import build_config, record, stage


@dataclass
class ScriptedEncoder:
    """Notes what it is told. ``finish`` waits for ``may_finish`` or ``stop``."""

    told: list[int | str] = field(default_factory=list)
    progress: EncoderStatus = field(default_factory=EncoderStatus)
    may_finish: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    error: IncompleteError | None = None

    def notify(self, saved_count: int) -> None:
        self.told.append(saved_count)

    def status(self) -> EncoderStatus:
        return self.progress

    def finish(self) -> None:
        self.told.append("finish")
        while not (self.may_finish.wait(0.01) or self.stopped.is_set()):
            pass
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        self.told.append("stop")
        self.stopped.set()


def test_the_encoder_is_told_of_every_full_batch_and_of_the_end(tmp_path: Path) -> None:
    encoder = ScriptedEncoder()
    encoder.may_finish.set()
    config = build_config(tmp_path / "d", episodes=5, batch=2, mode=BatchMode.BACKGROUND, reset_time_s=0.0)
    with stage(config, encoder=encoder) as ready:
        report = ready.run()
    assert encoder.told == [2, 4, "finish"]
    assert [event.at_end for event in ready.told(EncodingStarted)] == [False, False, True]
    assert report.ended is SessionEnd.COMPLETE


def test_episodes_of_an_earlier_session_count_for_the_batch(tmp_path: Path) -> None:
    record(tmp_path / "d", episodes=2)
    encoder = ScriptedEncoder()
    encoder.may_finish.set()
    config = build_config(tmp_path / "d", episodes=3, batch=2, mode=BatchMode.BACKGROUND)
    with stage(config, encoder=encoder) as ready:
        ready.run()
    assert encoder.told == [2, "finish"]


def test_nothing_is_encoded_at_the_end_when_told_so(tmp_path: Path) -> None:
    encoder = ScriptedEncoder()
    config = build_config(tmp_path / "d", batch=9, mode=BatchMode.BACKGROUND, encode_at_end=False)
    with stage(config, encoder=encoder) as ready:
        assert ready.run().pending == 2
    assert encoder.told == ["stop"]


def test_in_the_foreground_the_next_take_waits_and_the_follower_follows(tmp_path: Path) -> None:
    encoder = ScriptedEncoder()
    encoder.may_finish.set()
    phases: list[Phase] = []
    config = build_config(tmp_path / "d", batch=1, mode=BatchMode.FOREGROUND, reset_time_s=0.0)
    with stage(config, encoder=encoder) as ready:

        def encode_slowly(status: Status) -> None:
            phases.append(status.phase)
            waited = phases.count(Phase.WAITING)
            if waited:
                encoder.progress = EncoderStatus(is_busy=waited < 10, done=int(waited >= 10))

        ready.steer(encode_slowly)
        ready.run()
    assert phases.count(Phase.WAITING) >= 10
    assert encoder.told == [1, "finish"]


def test_a_wish_to_leave_while_the_rest_is_encoded_stops_that(tmp_path: Path) -> None:
    encoder = ScriptedEncoder()
    config = build_config(tmp_path / "d", episodes=1, batch=5, mode=BatchMode.BACKGROUND)
    with stage(config, encoder=encoder) as ready:

        def leave(status: Status) -> None:
            if status.phase is Phase.ENCODING and "finish" in encoder.told:
                assert not ready.robot.is_open
                ready.controls.give(Command.STOP)

        ready.steer(leave)
        report = ready.run()
    assert encoder.told == ["finish", "stop"]
    assert (report.ended, report.pending) == (SessionEnd.STOPPED, 1)


def test_what_could_not_be_encoded_is_an_error_after_everything_was_recorded(tmp_path: Path) -> None:
    encoder = ScriptedEncoder(error=IncompleteError("episode 1 could not be encoded"))
    encoder.may_finish.set()
    config = build_config(tmp_path / "d", episodes=1, batch=5, mode=BatchMode.BACKGROUND)
    with stage(config, encoder=encoder) as ready:
        with pytest.raises(IncompleteError, match="could not be encoded"):
            ready.run()
        assert ready.session.report is not None
        assert ready.session.report.ended is SessionEnd.COMPLETE


def test_a_second_signal_stops_the_encoder_and_encodes_nothing_more(tmp_path: Path) -> None:
    encoder = ScriptedEncoder()
    config = build_config(tmp_path / "d", batch=1, mode=BatchMode.BACKGROUND)
    with stage(config, encoder=encoder) as ready:
        ready.steer(lambda status: ready.controls.give(Command.ABORT) if status.episode == 1 else None)
        ready.run()
    assert "finish" not in encoder.told
    assert encoder.told[-1] == "stop"
