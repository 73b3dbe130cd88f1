"""A recording session: take, pause, take, … until the dataset has as many episodes as it shall have.

The session runs in one thread, which is also the loop's; it prints nothing and asks nobody. Commands come through
`Controls`, news goes to a callback, and `status` gives a snapshot to whoever shows it. Robot and cameras are closed
before anything else happens at the end, however it comes about.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from lerotool.errors import DeviceError, LerotoolError
from lerotool.recording.between_takes import BetweenTakes, Reconnection
from lerotool.recording.config import BatchMode, RecordingConfig
from lerotool.recording.controls import Command, Controls, Ending
from lerotool.recording.events import (
    AlignmentStarted,
    DeviceLost,
    DevicesBack,
    DiskLow,
    EncodingStarted,
    EpisodeDiscarded,
    EpisodeSaved,
    Event,
    InterruptedFound,
    RobotOpened,
    SessionEnd,
    SessionReport,
    SessionStarted,
    TakeLeft,
    TakeStarted,
    ViewsChanged,
)
from lerotool.recording.housekeeping import measure_disk, require_space
from lerotool.recording.pacing import NANOSECONDS, Clock
from lerotool.recording.session_plan import Plan, plan_session, require_dataset, take_stock
from lerotool.recording.status import BatchEncoder, Phase, Progress, Status
from lerotool.recording.take import Devices, Take, create_episode
from lerotool.recording.views import compare_views
from lerotool.storage import free_bytes
from lerotool.workspace import Workspace

Failure = LerotoolError | OSError
_LEAVING = (Ending.STOP, Ending.INTERRUPT, Ending.ABORT, Ending.FAILURE)
_ENDS = {Command.STOP: SessionEnd.STOPPED, Command.INTERRUPT: SessionEnd.INTERRUPTED, Command.ABORT: SessionEnd.ABORTED}
_POLL_NS = NANOSECONDS // 20
_Result = TypeVar("_Result")


class Session:
    """One session. Use it once."""

    def __init__(
        self,
        config: RecordingConfig,
        devices: Devices,
        controls: Controls,
        *,
        encoder: BatchEncoder | None = None,
        listen: Callable[[Event], None],
        clock: Clock | None = None,
    ) -> None:
        self._config = config
        self._devices = devices
        self._controls = controls
        self._encoder = encoder
        self._listen = listen
        self._clock = clock or Clock()
        self._progress = Progress(config, devices, controls, encoder, listen, self._clock)
        self._between = BetweenTakes(self._progress)
        self._housekeeper = self._progress.housekeeper
        self._failure: Failure | None = None
        self._encoding_failure: Failure | None = None
        self._sequence = 0
        self._warned = False
        self.report: SessionReport | None = None

    def status(self) -> Status:
        """Return a snapshot; from any thread."""
        return self._progress.status()

    def run(self) -> SessionReport:
        """Record, then encode what waits, and return what was done."""
        try:
            require_dataset(self._config.root)
            with Workspace(self._config.root).lock_for_recording("recording"):
                self._record()
        except (LerotoolError, OSError) as error:
            self._fail(error)
            raise
        finally:
            self._housekeeper.stop()
            self._close_devices()
        self._encode_rest()
        self._progress.begin(Phase.DONE)
        self.report = report = self._progress.report(self._end())
        self._listen(report)
        if failure := self._failure or self._encoding_failure:
            raise failure
        return report

    def _record(self) -> None:
        config = self._config
        stock = take_stock(config.root)
        plan = plan_session(config, self._devices, stock, self._clock)
        self._housekeeper.need, self._sequence = plan.need, stock.next_sequence
        self._progress.resume(stock.committed, stock.waiting)
        self._housekeeper.start()
        self._announce(plan)
        if plan.takes == 0:
            return
        require_space(config.root, plan.need)
        if notes := compare_views(config.root, self._devices.cameras):
            self._listen(ViewsChanged(notes))
        self._devices.robot.open()
        self._listen(RobotOpened(self._devices.robot.notes))
        self._align()
        self._hand_over()
        while self._progress.missing and not self._is_over():
            again = self._take() is Ending.AGAIN
            if self._failure is None:
                self._guard(self._between.ask)
            self._reconnect()
            if self._is_over() or not (again or self._progress.missing):
                break
            self._guard(self._between.pause)
            self._reconnect()
            if not self._is_over():
                self._hand_over()

    def _align(self) -> None:
        """Let the follower come to the leader's pose before anything is recorded."""
        robot = self._devices.robot
        if robot.is_aligned:
            return
        self._progress.begin(Phase.ALIGNING)
        self._listen(AlignmentStarted())
        self._guard(lambda: self._between.follow(lambda _: robot.is_aligned))

    def _announce(self, plan: Plan) -> None:
        root, stock = self._config.root, plan.stock
        needed, free = plan.need.session_bytes, free_bytes(root)
        self._listen(SessionStarted(root, stock.committed, stock.waiting, self._config.episodes, needed, free))
        for verdict in stock.interrupted:
            self._listen(InterruptedFound(verdict.path, verdict.rows, verdict.reason))
        self._warn_of_full_disk()

    def _warn_of_full_disk(self) -> None:
        need = self._housekeeper.need
        disk = measure_disk(self._config.root, need)
        needed = need.take_bytes * self._progress.missing
        if not self._warned and disk.left_s is not None and disk.left_s * need.bytes_per_second < needed:
            self._warned = True
            self._listen(DiskLow(disk.free_bytes, disk.left_s, needed))

    # One take.

    def _take(self) -> Ending:
        """Record one take and save it, discard it or leave it; a failure is kept for later."""
        config, progress = self._config, self._progress
        take = self._guard(self._open_take)
        if take is None:
            return Ending.FAILURE
        try:
            self._controls.begin_phase()
            progress.begin_take(take)
            self._listen(TakeStarted(progress.episode, config.episodes, progress.task))
            ending = self._guard(lambda: take.record(self._clock, self._controls, self._housekeeper)) or Ending.FAILURE
            progress.begin(Phase.SAVING)
            is_full = progress.missing == 1 and take.why_discarded(ending) is None and not self._between.asks_at_the_end
            is_last = ending in _LEAVING or is_full
            if is_last and not (ending is Ending.FAILURE and self._may_reconnect()):
                self._close_robot()
            self._finish_take(take, ending)
        finally:
            take.leave()
            progress.take = None
        return ending

    def _open_take(self) -> Take:
        require_space(self._config.root, self._housekeeper.need)
        self._warn_of_full_disk()
        task = self._progress.task
        writer = create_episode(self._config, self._devices, self._sequence, task)
        return Take(self._config, self._devices, writer, task, self._listen)

    def _finish_take(self, take: Take, ending: Ending) -> None:
        progress, rows, episode = self._progress, take.log.rows, self._progress.episode
        began = time.monotonic()
        if ending is Ending.ABORT and rows:
            self._listen(TakeLeft(episode, rows, take.path, "stopped at once"))
        elif (why := take.why_discarded(ending)) is not None:
            self._guard(take.discard)
            progress.discarded += rows > 0 or ending is Ending.AGAIN
            progress.not_kept = why or None
            self._listen(EpisodeDiscarded(episode, rows, progress.not_kept))
        elif (report := self._guard(lambda: take.save(ending))) is not None:
            save_s = time.monotonic() - began
            self._sequence += 1
            progress.add(report, save_s)
            goal, waiting = self._config.episodes, progress.waiting
            progress.last = EpisodeSaved(episode, goal, waiting, take.path, save_s, report)
            self._listen(progress.last)
        else:
            self._listen(TakeLeft(episode, rows, take.path, str(self._failure)))

    # When a device was lost.

    def _may_reconnect(self) -> bool:
        return isinstance(self._failure, DeviceError) and self._config.reconnect_s > 0 and not self._controls.is_leaving

    def _reconnect(self) -> None:
        """Wait until a lost device is back; the failure stays if that takes too long or nothing is left to record."""
        failure = self._failure
        if failure is None or not self._progress.missing or not self._may_reconnect():
            return
        assert isinstance(failure, DeviceError)
        self._controls.begin_phase()
        self._progress.begin(Phase.RECONNECTING, self._config.reconnect_s)
        self._listen(DeviceLost(failure.message, failure.hint, self._config.reconnect_s))
        self._failure = None
        end_ns = self._clock.monotonic_ns() + round(self._config.reconnect_s * NANOSECONDS)
        with Reconnection(self._devices) as reconnection:
            self._guard(lambda: self._await(reconnection, end_ns))
        if reconnection.is_done and not self._is_over():
            self._listen(DevicesBack())
            self._guard(self._align)
        elif not self._controls.is_leaving:
            self._fail(failure)

    def _await(self, reconnection: Reconnection, end_ns: int) -> None:
        def is_over(now_ns: int) -> bool:
            return reconnection.is_done or now_ns >= end_ns or self._controls.is_leaving

        while not is_over(self._clock.monotonic_ns()):
            if reconnection.robot_is_lost:
                self._clock.sleep_until(self._clock.monotonic_ns() + _POLL_NS)
            else:
                self._between.follow(is_over)

    # Between takes.

    def _hand_over(self) -> None:
        """Tell the encoder of a full batch, and wait for it where that was asked for."""
        config, progress, encoder = self._config, self._progress, self._encoder
        if encoder is None or config.mode is BatchMode.LATER or not config.batch or progress.unhanded < config.batch:
            return
        waiting = progress.waiting
        progress.unhanded = 0
        encoder.notify(waiting)
        self._listen(EncodingStarted(waiting, at_end=False))
        was_busy = False

        def is_over(_: int) -> bool:
            nonlocal was_busy
            # It may need a moment to begin; whether it has stopped shows only then.
            is_busy = encoder.status().is_busy
            was_busy = was_busy or is_busy
            return progress.waiting == 0 or (was_busy and not is_busy)

        if config.mode is BatchMode.FOREGROUND and not self._controls.is_leaving:
            progress.begin(Phase.WAITING)
            self._guard(lambda: self._between.follow(is_over))

    # The end.

    def _encode_rest(self) -> None:
        """Encode what waits; any further wish to leave stops that."""
        config, encoder, waiting = self._config, self._encoder, self._progress.waiting
        if encoder is None:
            return
        is_disk_trouble = self._failure is not None and not isinstance(self._failure, LerotoolError)
        # Batches were committed without packing the dataset's small files; that comes last.
        has_work = waiting or encoder.status().done
        if not config.encode_at_end or not has_work or is_disk_trouble or self._controls.command is Command.ABORT:
            encoder.stop()
            return
        self._progress.begin(Phase.ENCODING)
        self._listen(EncodingStarted(waiting, at_end=True))
        wishes = self._controls.wishes_to_leave
        thread = threading.Thread(target=self._finish_encoding, args=(encoder,), name="encoding the rest", daemon=True)
        thread.start()
        while thread.is_alive():
            self._clock.sleep_until(self._clock.monotonic_ns() + _POLL_NS)
            if self._controls.wishes_to_leave > wishes:
                encoder.stop()
                thread.join()

    def _finish_encoding(self, encoder: BatchEncoder) -> None:
        try:
            encoder.finish()
        except (LerotoolError, OSError) as error:
            self._encoding_failure = error

    def _is_over(self) -> bool:
        return self._failure is not None or self._controls.is_leaving

    def _end(self) -> SessionEnd:
        if self._failure is not None:
            return SessionEnd.FAILED
        return _ENDS.get(self._controls.command, SessionEnd.COMPLETE)

    def _close_robot(self) -> None:
        """Make the robot safe; what may still hold torque is said also where something else had failed before."""
        try:
            self._devices.robot.close()
        except (LerotoolError, OSError) as error:
            if self._failure is not None and str(self._failure) != str(error):
                self._failure.add_note(str(error))
            self._fail(error)

    def _close_devices(self) -> None:
        self._close_robot()
        for camera in self._devices.cameras:
            self._guard(camera.close)

    def _guard(self, action: Callable[[], _Result]) -> _Result | None:
        """Do something that must not keep the session from ending well; the first failure is kept."""
        try:
            return action()
        except (LerotoolError, OSError) as error:
            self._fail(error)
            return None

    def _fail(self, failure: Failure) -> None:
        self._failure = self._failure or failure
