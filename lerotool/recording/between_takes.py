"""Between takes: the person says how the one before went, or takes it back, and puts the scene back for the next.

Devices that were lost are brought back in a thread, so that the follower can follow meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Self

from lerotool.dataset.marks import Mark, Outcome
from lerotool.devices.cameras.camera import CameraState
from lerotool.devices.robot import Robot
from lerotool.errors import DeviceError
from lerotool.recording.config import Asking
from lerotool.recording.controls import Ending, Key
from lerotool.recording.events import EpisodeDiscarded, EpisodeMarked, EpisodeSaved, QuestionAsked, ResetStarted
from lerotool.recording.following import follow
from lerotool.recording.pacing import NANOSECONDS
from lerotool.recording.status import Phase, Progress
from lerotool.recording.take import Devices
from lerotool.spool.documents import write_mark
from lerotool.spool.pending import RECORDING_LOCK, PendingEpisode
from lerotool.storage import ProcessLock

RETRY_S = 1.0
READY_WITHIN_S = 5.0
_POLL_NS = NANOSECONDS // 20
_OUTCOMES = {Key.SUCCESS: Outcome.SUCCESS, Key.FAILURE: Outcome.FAILURE}


def labelled(mark: Mark, key: Key) -> Mark:
    """Return a mark after a key: an outcome stays however often it is said, the flag goes on and off."""
    if (outcome := _OUTCOMES.get(key)) is not None:
        return replace(mark, outcome=outcome)
    return replace(mark, flagged=not mark.flagged)


class BetweenTakes:
    """What a session does while nothing is recorded. The follower follows; raises what the robot and the disk raise."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._config = progress.config
        self._clock = progress.clock
        self._controls = progress.controls
        self._listen = progress.listen

    @property
    def asks_at_the_end(self) -> bool:
        """Whether the last take, after which there is no pause, is asked about: those before were marked."""
        return self._config.asking is Asking.ALWAYS or self._progress.has_marks

    def ask(self) -> None:
        """Let the person say how the take went, take it back, or go on without a word, if that is wanted."""
        controls, progress, last = self._controls, self._progress, self._progress.last
        is_always = self._config.asking is Asking.ALWAYS
        is_last = not progress.missing and not controls.is_leaving
        is_asked = is_always or (is_last and progress.has_marks)
        if last is None or not is_asked or controls.is_interrupted:
            return
        controls.begin_phase()
        wishes = controls.wishes_to_leave
        # Whoever has left by a key has no robot to follow any more.
        run = self._wait if controls.is_leaving else self.follow
        progress.begin(Phase.ASKING, None if is_always else self._config.reset_time_s)
        self._listen(QuestionAsked(last.episode))
        end_ns = self._end_ns()

        def is_over(now_ns: int) -> bool:
            is_late = not is_always and now_ns >= end_ns
            has_answer = progress.marks.get(last.episode, Mark()).outcome is not None
            return is_late or has_answer or controls.wishes_to_leave > wishes

        self._label(last, run, is_over)

    def pause(self) -> None:
        """Follow the leader while the scene is put back; the episode before can still be marked or taken back."""
        config, progress = self._config, self._progress
        self._controls.begin_phase()
        progress.begin(Phase.RESET, config.reset_time_s)
        if config.reset_time_s > 0:
            self._listen(ResetStarted(progress.episode, config.reset_time_s, progress.task))
        end_ns = self._end_ns()
        self._label(progress.last, self.follow, lambda now_ns: now_ns >= end_ns)
        progress.last = None

    def follow(self, is_over: Callable[[int], bool]) -> Ending:
        """Let the follower follow until ``is_over(now_ns)`` or a command."""
        return follow(self._progress.devices.robot, self._config.fps, self._clock, self._controls, is_over)

    def _end_ns(self) -> int:
        return self._clock.monotonic_ns() + round(self._config.reset_time_s * NANOSECONDS)

    def _label(
        self, last: EpisodeSaved | None, run: Callable[[Callable[[int], bool]], Ending], is_over: Callable[[int], bool]
    ) -> None:
        """Run until it is over, while the take before, if there is one, can be marked and taken back."""
        if last is None:
            run(is_over)
            return

        def obey_until(now_ns: int) -> bool:
            self._obey(last)
            return is_over(now_ns)

        # Held, it is not encoded.
        with ProcessLock(last.path / RECORDING_LOCK, "deciding whether to keep it"):
            ending = run(obey_until)
            if ending is not Ending.AGAIN:
                # What was pressed just before the key that ended the phase.
                self._obey(last)
        if ending is Ending.AGAIN:
            self._progress.last = None
            PendingEpisode.open(last.path).discard()
            self._progress.take_back()
            self._listen(EpisodeDiscarded(self._progress.episode, last.report.rows))

    def _obey(self, last: EpisodeSaved) -> None:
        """Mark the take as the keys since the last call say; the mark is on disk at once."""
        marks = self._progress.marks
        for key in self._controls.take_labels():
            before = marks.get(last.episode, Mark())
            mark = labelled(before, key)
            if mark != before:
                write_mark(last.path, mark.to_json())
                marks[last.episode] = mark
            self._listen(EpisodeMarked(last.episode, mark))

    def _wait(self, is_over: Callable[[int], bool]) -> Ending:
        while not is_over(self._clock.sleep_until(self._clock.monotonic_ns() + _POLL_NS)):
            pass
        return Ending.STOP


class Reconnection:
    """Opens what is lost again and again until everything works. A context manager; leaving it ends the attempts.

    Attributes:
        robot_is_lost: whether the robot does not answer; while it does, the cameras alone are worked on.
        is_done: whether everything works again.
    """

    def __init__(self, devices: Devices) -> None:
        self._devices = devices
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconnecting", daemon=True)
        self.robot_is_lost = not _answers(devices.robot)
        self.is_done = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not (self._stop.is_set() or self.is_done):
            try:
                self.is_done = self._bring_back()
            except DeviceError:
                self._stop.wait(RETRY_S)

    def _bring_back(self) -> bool:
        """Reopen what was lost; return False if the time ran out first."""
        if self.robot_is_lost:
            self._devices.robot.reopen()
            self.robot_is_lost = False
        for camera in self._devices.cameras:
            if camera.state in (CameraState.RUNNING, CameraState.FROZEN):
                continue
            if self._stop.is_set():
                return False
            camera.reopen()
            camera.wait_ready(READY_WITHIN_S)
        return True


def _answers(robot: Robot) -> bool:
    try:
        robot.command()
        robot.observe()
    except DeviceError:
        return False
    return True
