"""A recording session: take, pause, take, … until the dataset has as many episodes as it shall have.

The session runs in one thread, which is also the loop's; it prints nothing and asks nobody. Commands come through
`Controls`, news goes to a callback, and `status` gives a snapshot to whoever shows it. Robot and cameras are closed
before anything else happens at the end, however it comes about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from lerotool.errors import DeviceError, LerotoolError
from lerotool.recording.batch_encoder import BatchEncoder, EncoderStatus, EncodingRest
from lerotool.recording.between_takes import BetweenTakes
from lerotool.recording.config import BatchMode, RecordingConfig
from lerotool.recording.controls import Command, Controls
from lerotool.recording.events import (
    AlignmentStarted,
    DeviceLost,
    DevicesBack,
    DiskLow,
    EncodingStarted,
    EpisodeDiscarded,
    EpisodeSaved,
    Event,
    FreezeAlarm,
    InterruptedFound,
    PictureAlarm,
    RobotOpened,
    SessionEnd,
    SessionReport,
    SessionStarted,
    TakeLeft,
    TakeStarted,
    ViewsChanged,
)
from lerotool.recording.housekeeping import DiskNeed, Housekeeper, measure_disk, require_space
from lerotool.recording.inventory import require_dataset, take_stock
from lerotool.recording.labelling import Labelling
from lerotool.recording.loop import Ending
from lerotool.recording.pacing import NANOSECONDS, Clock, SystemClock
from lerotool.recording.reconnect import Reconnection
from lerotool.recording.rig_memory import compare_views
from lerotool.recording.session_plan import Plan, plan_session
from lerotool.recording.status import Phase, Progress, Status
from lerotool.recording.take import Devices, Discard, OpenTake
from lerotool.storage import free_bytes
from lerotool.workspace import Workspace

Failure = LerotoolError | OSError
Listener = Callable[[Event], None]
_LEAVING = (Ending.STOP, Ending.INTERRUPT, Ending.ABORT, Ending.FAILURE)
_ENDS = {Command.STOP: SessionEnd.STOPPED, Command.INTERRUPT: SessionEnd.INTERRUPTED, Command.ABORT: SessionEnd.ABORTED}
_POLL_NS = NANOSECONDS // 20
_Result = TypeVar("_Result")
_Other = TypeVar("_Other")


class Session:
    """One session. Use it once."""

    def __init__(
        self,
        config: RecordingConfig,
        devices: Devices,
        controls: Controls,
        *,
        encoder: BatchEncoder | None = None,
        listen: Listener,
        clock: Clock | None = None,
    ) -> None:
        self._config = config
        self._devices = devices
        self._controls = controls
        self._encoder = encoder
        self._listen = listen
        self._clock = clock or SystemClock()
        self._progress = Progress(config, devices, self._clock)
        self._between = BetweenTakes(config, devices.robot, self._progress, self._clock, controls, listen)
        self._housekeeper = Housekeeper(lambda: measure_disk(config.root, self._need))
        self._need: DiskNeed | None = None
        self._failure: Failure | None = None
        self._encoding_failure: Failure | None = None
        self._sequence = 0
        self._warned = False
        self.report: SessionReport | None = None

    def status(self) -> Status:
        """Return a snapshot; from any thread."""
        encoder = self._encoder.status() if self._encoder is not None else None
        return self._progress.status(encoder, self._housekeeper.disk, self._controls)

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
        self._progress.begin(Phase.DONE, None)
        report = self._progress.report(self._end(), self._encoder.status() if self._encoder is not None else None)
        self.report = report
        self._listen(report)
        if failure := self._failure or self._encoding_failure:
            raise failure
        return report

    def _record(self) -> None:
        config = self._config
        stock = take_stock(config.root)
        plan = plan_session(config, self._devices, stock, self._clock)
        self._need, self._sequence = plan.need, stock.next_sequence
        self._progress.resume(stock)
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
        self._progress.begin(Phase.ALIGNING, None)
        self._listen(AlignmentStarted())
        self._guard(lambda: self._between.follow(lambda _: robot.is_aligned))

    def _announce(self, plan: Plan) -> None:
        root, free = self._config.root, free_bytes(self._config.root)
        stock = plan.stock
        needed = plan.need.session_bytes
        self._listen(SessionStarted(root, stock.committed, stock.waiting, self._config.episodes, needed, free))
        for verdict in stock.interrupted:
            self._listen(InterruptedFound(verdict.path, verdict.rows, verdict.reason))
        self._warn_of_full_disk()

    def _warn_of_full_disk(self) -> None:
        assert self._need is not None
        disk = measure_disk(self._config.root, self._need)
        needed = self._need.take_bytes * self._progress.missing
        if not self._warned and disk.left_s is not None and disk.left_s * self._need.bytes_per_second < needed:
            self._warned = True
            self._listen(DiskLow(disk.free_bytes, disk.left_s, needed))

    # One take.

    def _take(self) -> Ending:
        """Record one take and save it, discard it or leave it; a failure is kept for later."""
        config, progress = self._config, self._progress
        take = self._guard(self._open_take, None)
        if take is None:
            return Ending.FAILURE
        try:
            self._controls.begin_phase()
            progress.begin_take(take)
            self._listen(TakeStarted(progress.episode, config.episodes, progress.task))
            ending = self._guard(lambda: self._record_take(take)) or Ending.FAILURE
            progress.begin(Phase.SAVING, None)
            is_full = progress.missing == 1 and take.why_discarded(ending) is None and not self._between.asks_at_the_end
            is_last = ending in _LEAVING or is_full
            if is_last and not (ending is Ending.FAILURE and self._may_reconnect()):
                self._close_robot()
            self._finish_take(take, ending)
        finally:
            take.leave()
            progress.end_take()
        return ending

    def _record_take(self, take: OpenTake) -> Ending:
        return take.record(self._clock, self._controls, self._housekeeper, self._tell_alarm, self._tell_freeze)

    def _open_take(self) -> OpenTake:
        assert self._need is not None
        require_space(self._config.root, self._need)
        self._warn_of_full_disk()
        return OpenTake(self._config, self._devices, self._sequence, self._progress.task)

    def _finish_take(self, take: OpenTake, ending: Ending) -> None:
        progress, rows = self._progress, take.log.rows
        if ending is Ending.ABORT and rows:
            self._listen(TakeLeft(progress.episode, rows, take.path, "stopped at once"))
        elif (why := take.why_discarded(ending)) is not None:
            self._guard(take.discard)
            progress.discarded += why is not Discard.EMPTY
            progress.not_kept = take.explain(why)
            self._listen(EpisodeDiscarded(progress.episode, rows, progress.not_kept))
        elif (saved := self._guard(lambda: take.save(ending), None)) is not None:
            self._sequence += 1
            episode = progress.episode
            progress.add(saved)
            progress.labelling = Labelling(saved, episode, self._between.tell_mark)
            event = EpisodeSaved(
                episode,
                self._config.episodes,
                progress.waiting(self._encoder),
                saved.pending.path,
                saved.seconds,
                saved.report,
            )
            self._listen(event)
        else:
            self._listen(TakeLeft(progress.episode, rows, take.path, str(self._failure)))

    def _tell_alarm(self, key: str, age_ns: int, is_stale: bool) -> None:
        self._listen(PictureAlarm(key, age_ns / 1e9, is_over=not is_stale))

    def _tell_freeze(self, key: str, is_frozen: bool) -> None:
        self._listen(FreezeAlarm(key, is_over=not is_frozen))

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
        waiting = progress.waiting(encoder)
        progress.unhanded = 0
        encoder.notify(waiting)
        has_stopped = _Watch()
        self._listen(EncodingStarted(waiting, at_end=False))
        if config.mode is BatchMode.FOREGROUND and not self._controls.is_leaving:
            progress.begin(Phase.WAITING, None)
            self._guard(
                lambda: self._between.follow(lambda _: progress.waiting(encoder) == 0 or has_stopped(encoder.status()))
            )

    # The end.

    def _encode_rest(self) -> None:
        """Encode what waits; any further wish to leave stops that."""
        config, encoder, waiting = self._config, self._encoder, self._progress.waiting(self._encoder)
        if encoder is None:
            return
        is_disk_trouble = self._failure is not None and not isinstance(self._failure, LerotoolError)
        # Batches were committed without packing the dataset's small files; that comes last.
        has_work = waiting or encoder.status().done
        if not config.encode_at_end or not has_work or is_disk_trouble or self._controls.command is Command.ABORT:
            encoder.stop()
            return
        self._progress.begin(Phase.ENCODING, None)
        self._listen(EncodingStarted(waiting, at_end=True))
        rest = EncodingRest(encoder)
        rest.run(self._clock, self._controls)
        self._encoding_failure = rest.failure

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

    def _guard(self, action: Callable[[], _Result], otherwise: _Other = None) -> _Result | _Other:  # type: ignore[assignment]
        """Do something that must not keep the session from ending well; the first failure is kept."""
        try:
            return action()
        except (LerotoolError, OSError) as error:
            self._fail(error)
            return otherwise

    def _fail(self, failure: Failure) -> None:
        self._failure = self._failure or failure


class _Watch:
    """Tells when an encoder that was asked to work has stopped: it may need a moment to begin."""

    def __init__(self) -> None:
        self._was_busy = False

    def __call__(self, status: EncoderStatus) -> bool:
        self._was_busy = self._was_busy or status.is_busy
        return self._was_busy and not status.is_busy
