"""Takes are marked while recording: in the pause after them, or where the person is asked, and the marks stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import lerotool
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.marks import Mark, Outcome, load_marks
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.errors import IncompatibleDatasetError, SpoolError
from lerotool.recording.config import SUCCESS_COLUMN, Asking
from lerotool.recording.controls import Command, Controls, Key
from lerotool.recording.events import EpisodeDiscarded, EpisodeMarked, QuestionAsked, SessionReport, TakeStarted
from lerotool.recording.status import Phase, Status
from lerotool.spool.documents import MARK, load_mark
from lerotool.spool.pending import list_pending
from tests.recording.sessions import Stage, build_config, stage

SHORT = {"episode_time_s": 0.05}
SUCCESS, FAILURE = {"outcome": "success"}, {"outcome": "failure"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "dataset"


def run_with(root: Path, act: Callable[[Stage, Status], None], **changes: object) -> tuple[Stage, SessionReport]:
    """Run a session without cameras; ``act`` is called at every tick."""
    with stage(build_config(root, **{**SHORT, **changes}), cameras={}) as ready:
        ready.steer(lambda status: act(ready, status))
        return ready, ready.run()


def said(root: Path) -> list[dict[str, object]]:
    return [episode.mark for episode in list_pending(root)]


def test_keys_in_the_pause_mark_the_take_before_and_the_mark_is_on_disk_at_once(root: Path) -> None:
    seen: list[tuple[dict[str, object], Status]] = []

    def act(ready: Stage, status: Status) -> None:
        if status.phase is Phase.RESET and not seen:
            seen.append((said(root)[0], status))
            for key in Key.FAILURE, Key.SUCCESS, Key.SUCCESS, Key.FLAG:
                ready.controls.press(key)
        elif status.phase is Phase.RESET:
            seen.append((said(root)[0], status))
            ready.controls.give(Command.STOP)

    ready, report = run_with(root, act, reset_time_s=9.0)
    assert [mark for mark, _ in seen[:2]] == [{}, {"outcome": "success", "flagged": True}]
    assert [status.marked and (status.marked.outcome, status.marked.flagged) for _, status in seen[:2]] == [
        (None, False),
        (Outcome.SUCCESS, True),
    ]
    assert [event.episode for event in ready.told(EpisodeMarked)] == [0, 0, 0, 0]
    assert ready.told(EpisodeMarked)[-1].to_json() == {"episode": 0, "mark": {"outcome": "success", "flagged": True}}
    assert dict(report.marks) == {"success": 1, "flagged": 1}


@pytest.mark.slow
def test_a_mark_counts_when_the_key_that_ends_the_pause_comes_in_the_same_moment(root: Path) -> None:
    def act(ready: Stage, status: Status) -> None:
        if status.phase is Phase.RESET:
            for key in Key.FAILURE, Key.NEXT:
                ready.controls.press(key)

    run_with(root, act, reset_time_s=9.0, asking=Asking.NEVER, episodes=2)
    assert said(root)[0] == FAILURE


def test_a_key_during_a_take_marks_nothing(root: Path) -> None:
    def act(ready: Stage, status: Status) -> None:
        if status.phase is Phase.TAKE:
            ready.controls.press(Key.SUCCESS)

    ready, report = run_with(root, act)
    assert said(root) == [{}, {}]
    assert (ready.told(EpisodeMarked), dict(report.marks)) == ([], {})


def test_who_has_marked_takes_is_asked_about_the_last_one_too(root: Path) -> None:
    def act(ready: Stage, status: Status) -> None:
        if status.phase is Phase.RESET:
            ready.controls.press(Key.SUCCESS)
        elif status.phase is Phase.ASKING:
            ready.controls.press(Key.FAILURE)

    ready, _ = run_with(root, act, reset_time_s=0.1)
    assert said(root) == [SUCCESS, FAILURE]
    assert [event.episode for event in ready.told(QuestionAsked)] == [1]


def test_asking_waits_after_every_take_for_an_answer_or_for_going_on_without_one(root: Path) -> None:
    def act(ready: Stage, status: Status) -> None:
        if status.phase is Phase.ASKING and status.elapsed_s > 0.1:
            ready.controls.press([Key.SUCCESS, Key.NEXT, Key.FAILURE][status.episode - 1])

    ready, report = run_with(root, act, episodes=3, reset_time_s=0.0, asking=Asking.ALWAYS)
    assert said(root) == [SUCCESS, {}, FAILURE]
    assert [event.episode for event in ready.told(QuestionAsked)] == [0, 1, 2]
    assert report.total == 3


def test_a_flag_is_no_answer_to_the_question(root: Path) -> None:
    def act(ready: Stage, status: Status) -> None:
        if status.phase is Phase.ASKING:
            is_flagged = status.marked is not None and status.marked.flagged
            ready.controls.press(Key.SUCCESS if is_flagged else Key.FLAG)

    run_with(root, act, episodes=1, asking=Asking.ALWAYS)
    assert said(root) == [{"outcome": "success", "flagged": True}]


def test_the_last_take_can_be_taken_back_when_it_is_asked_about(root: Path) -> None:
    def act(ready: Stage, status: Status) -> None:
        if status.phase is Phase.ASKING:
            is_first = not ready.told(EpisodeDiscarded)
            for key in [Key.FLAG, Key.AGAIN] if is_first else [Key.SUCCESS]:
                ready.controls.press(key)

    ready, report = run_with(root, act, episodes=1, asking=Asking.ALWAYS)
    assert [event.episode for event in ready.told(TakeStarted)] == [0, 0]
    assert (said(root), dict(report.marks), report.discarded) == ([SUCCESS], {"success": 1}, 1)


@pytest.mark.parametrize(("command", "asked", "mark"), [(Command.STOP, 1, SUCCESS), (Command.INTERRUPT, 0, {})])
def test_who_leaves_by_a_key_is_still_asked_and_by_ctrl_c_not(
    root: Path, command: Command, asked: int, mark: dict[str, object]
) -> None:
    def act(ready: Stage, status: Status) -> None:
        if status.phase is Phase.TAKE and status.take is not None and status.take.rows == 3:
            ready.controls.give(command)
        elif status.phase is Phase.ASKING:
            ready.controls.press(Key.SUCCESS)

    ready, _ = run_with(root, act, asking=Asking.ALWAYS, episode_time_s=30.0)
    assert (len(ready.told(QuestionAsked)), said(root)) == (asked, [mark])


def test_a_second_wish_to_leave_is_no_answer_and_ends_the_question(root: Path) -> None:
    def act(ready: Stage, status: Status) -> None:
        if status.phase is Phase.TAKE or status.phase is Phase.ASKING:
            ready.controls.press(Key.STOP)

    with stage(build_config(root, asking=Asking.ALWAYS, episode_time_s=9.0), cameras={}) as ready:
        ready.steer(lambda status: act(ready, status) if status.take is None or status.take.rows > 2 else None)
        ready.run()
    assert said(root) == [{}]


def test_marks_and_operator_come_into_the_dataset_with_the_episode_beside_those_that_are_there(root: Path) -> None:
    def act(ready: Stage, status: Status) -> None:
        if status.phase is Phase.ASKING:
            ready.controls.press(Key.SUCCESS if status.episode % 2 else Key.FAILURE)

    for episodes in 1, 3:
        run_with(root, act, episodes=episodes, asking=Asking.ALWAYS, operator="Ada")
        with ThreadPoolExecutor(1) as executor:
            encode_pending(root, EncodeOptions(), executor=executor)
    dataset = Dataset.open(root)
    success, failure = Mark(Outcome.SUCCESS), Mark(Outcome.FAILURE)
    assert load_marks(dataset).by_episode == {0: success, 1: failure, 2: success}
    lines = [
        json.loads(line)
        for path in root.glob("meta/lerotool/recordings/*/*")
        for line in path.read_bytes().splitlines()
    ]
    assert [line["operator"] for line in lines] == ["Ada"] * 3
    assert lerotool.info(root).operators == {"Ada": 3}


def test_the_success_column_says_true_in_the_last_frame_of_takes_marked_a_success(root: Path) -> None:
    def act(ready: Stage, status: Status) -> None:
        if status.phase is Phase.ASKING:
            ready.controls.press([Key.SUCCESS, Key.FAILURE, Key.NEXT][status.episode - 1])

    run_with(root, act, episodes=3, asking=Asking.ALWAYS, success_column=SUCCESS_COLUMN)
    assert not any(any(episode.rows()[SUCCESS_COLUMN].to_pylist()) for episode in list_pending(root))
    with ThreadPoolExecutor(1) as executor:
        encode_pending(root, EncodeOptions(), executor=executor)
    dataset = Dataset.open(root)
    feature = dataset.features[SUCCESS_COLUMN]
    assert (feature.dtype, feature.shape) == ("bool", (1,))
    first = dataset.episodes[0].dataset_to
    said_so = dataset.numpy(SUCCESS_COLUMN, 0, dataset.num_frames).ravel().nonzero()[0].tolist()
    assert said_so == [first - 1]
    stats = dataset.episodes[0].stats[SUCCESS_COLUMN]
    assert (float(stats.min[0]), float(stats.max[0])) == (0.0, 1.0)


def test_a_session_without_the_success_column_does_not_fit_a_dataset_that_has_it(root: Path) -> None:
    run_with(root, lambda *_: None, episodes=1, success_column=SUCCESS_COLUMN)
    with pytest.raises(IncompatibleDatasetError, match=r"next\.success': missing in this session"):
        run_with(root, lambda *_: None, episodes=2)


def test_a_damaged_mark_is_named_and_the_episode_stays(root: Path) -> None:
    run_with(root, lambda *_: None, episodes=1)
    (episode,) = list_pending(root)
    (episode.path / MARK).write_text('{"outcome": "maybe"}')
    with ThreadPoolExecutor(1) as executor:
        report = encode_pending(root, EncodeOptions(), executor=executor)
    assert "mark.json" in str(report)
    assert len(list_pending(root)) == 1
    (episode.path / MARK).write_text("[")
    with pytest.raises(SpoolError, match=r"mark\.json"):
        load_mark(episode.path)


def test_keys_that_mark_are_forgotten_with_the_phase_and_never_end_one() -> None:
    controls = Controls()
    controls.press(Key.FLAG)
    assert controls.command is Command.NONE
    controls.begin_phase()
    assert controls.take_labels() == []
