"""Between takes: the person says how the one before went, or takes it back, and puts the scene back for the next."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

from lerotool.devices.robot import Robot
from lerotool.recording.config import Asking, RecordingConfig
from lerotool.recording.controls import Controls
from lerotool.recording.events import EpisodeDiscarded, EpisodeMarked, Event, QuestionAsked, ResetStarted
from lerotool.recording.labelling import Labelling
from lerotool.recording.loop import Ending, follow
from lerotool.recording.pacing import NANOSECONDS, Clock, Schedule
from lerotool.recording.status import Phase, Progress

_POLL_NS = NANOSECONDS // 20


class BetweenTakes:
    """What a session does while nothing is recorded. The follower follows; raises what the robot and the disk raise."""

    def __init__(
        self,
        config: RecordingConfig,
        robot: Robot,
        progress: Progress,
        clock: Clock,
        controls: Controls,
        listen: Callable[[Event], None],
    ) -> None:
        self._config = config
        self._robot = robot
        self._progress = progress
        self._clock = clock
        self._controls = controls
        self._listen = listen

    @property
    def asks_at_the_end(self) -> bool:
        """Whether the last take, after which there is no pause, is asked about: those before were marked."""
        return self._config.asking is Asking.ALWAYS or self._progress.has_marks

    def ask(self) -> None:
        """Let the person say how the take went, take it back, or go on without a word, if that is wanted."""
        controls, progress, labelling = self._controls, self._progress, self._progress.labelling
        is_always = self._config.asking is Asking.ALWAYS
        is_last = not progress.missing and not controls.is_leaving
        is_asked = is_always or (is_last and progress.has_marks)
        if labelling is None or not is_asked or controls.is_interrupted:
            return
        controls.begin_phase()
        wishes = controls.wishes_to_leave
        # Whoever has left by a key has no robot to follow any more.
        run = self._wait if controls.is_leaving else self.follow
        progress.begin(Phase.ASKING, None if is_always else self._config.reset_time_s)
        self._listen(QuestionAsked(labelling.episode))
        end_ns = self._end_ns()

        def is_over(now_ns: int) -> bool:
            is_late = not is_always and now_ns >= end_ns
            return is_late or labelling.mark.outcome is not None or controls.wishes_to_leave > wishes

        self._label(labelling, run, is_over)

    def pause(self) -> None:
        """Follow the leader while the scene is put back; the episode before can still be marked or taken back."""
        config, progress, labelling = self._config, self._progress, self._progress.labelling
        self._controls.begin_phase()
        progress.begin(Phase.RESET, config.reset_time_s)
        if config.reset_time_s > 0:
            self._listen(ResetStarted(progress.episode, config.reset_time_s, progress.task))
        end_ns = self._end_ns()
        self._label(labelling, self.follow, lambda now_ns: now_ns >= end_ns)
        progress.labelling = None

    def follow(self, is_over: Callable[[int], bool]) -> Ending:
        """Let the follower follow until ``is_over(now_ns)`` or a command."""
        schedule = Schedule(self._clock.monotonic_ns(), self._config.fps)
        return follow(self._robot, schedule, self._clock, self._controls, is_over)

    def tell_mark(self, event: EpisodeMarked) -> None:
        """Count and tell what was said about a take."""
        self._progress.add_mark(event.episode, event.mark)
        self._listen(event)

    def _end_ns(self) -> int:
        return self._clock.monotonic_ns() + round(self._config.reset_time_s * NANOSECONDS)

    def _label(
        self,
        labelling: Labelling | None,
        run: Callable[[Callable[[int], bool]], Ending],
        is_over: Callable[[int], bool],
    ) -> None:
        """Run until it is over, while the take before, if there is one, can be marked and taken back."""

        def obey_until(now_ns: int) -> bool:
            if labelling is not None:
                labelling.obey(self._controls)
            return is_over(now_ns)

        with labelling.saved.held() if labelling is not None else nullcontext():
            ending = run(obey_until)
            if labelling is not None and ending is not Ending.AGAIN:
                # What was pressed just before the key that ended the phase.
                labelling.obey(self._controls)
        if ending is Ending.AGAIN and labelling is not None:
            self._take_back(labelling)

    def _wait(self, is_over: Callable[[int], bool]) -> Ending:
        while not is_over(self._clock.sleep_until(self._clock.monotonic_ns() + _POLL_NS)):
            pass
        return Ending.STOP

    def _take_back(self, labelling: Labelling) -> None:
        self._progress.labelling = None
        labelling.saved.pending.discard()
        self._progress.take_back()
        self._listen(EpisodeDiscarded(self._progress.episode, labelling.saved.report.rows))
