"""Lists of tasks: read from files, gone through in turn, and the same again after an interruption."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.errors import UsageError
from lerotool.recording.config import Prompts, read_prompts
from lerotool.recording.controls import Command
from lerotool.recording.events import ResetStarted, TakeStarted
from lerotool.recording.status import Status
from lerotool.spool.pending import list_pending
from tests.recording.sessions import build_config, stage

LIST = Prompts("list", ("red", "green", "blue"))


def test_a_file_has_a_task_a_line_beside_blank_lines_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "kitchen.txt"
    path.write_bytes("\ufeff# today\r\n  Nimm den Würfel  \r\n\r\n  # not this\r\nPush #2 away\r\n".encode())
    assert read_prompts(path, 7) == Prompts("kitchen", ("Nimm den Würfel", "Push #2 away"), 7)


@pytest.mark.parametrize(
    ("data", "text"), [(b"# only\n\n", "has no task"), (b"a\xff", "not UTF-8"), (b"a\x1b[2Jb", "cannot be shown")]
)
def test_what_is_no_list_of_tasks_is_an_error(tmp_path: Path, data: bytes, text: str) -> None:
    path = tmp_path / "tasks.txt"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=text):
        read_prompts(path)


@given(st.integers(1, 9), st.one_of(st.none(), st.integers()), st.integers(0, 500))
def test_every_round_has_each_task_once(count: int, seed: int | None, turn: int) -> None:
    prompts = Prompts("list", tuple(map(str, range(count))), seed)
    shown = [prompts.of(turn * count + place) for place in range(count)]
    assert sorted(shown) == sorted(prompts.texts)
    assert seed is not None or shown == list(prompts.texts)


def test_an_order_follows_from_its_seed_and_differs_from_round_to_round() -> None:
    texts = tuple(map(str, range(20)))
    orders = [
        tuple(Prompts("list", texts, seed).of(k) for k in range(first, first + 20))
        for seed, first in ((1, 0), (1, 0), (2, 0), (1, 20))
    ]
    assert orders[0] == orders[1]
    assert len(set(orders)) == 3


def test_each_take_has_the_next_task_and_keeps_it_when_it_is_recorded_again(tmp_path: Path) -> None:
    with stage(build_config(tmp_path, task="", prompts=LIST, episodes=2, episode_time_s=30.0), cameras={}) as ready:

        def again_once(status: Status) -> None:
            if status.take is not None and status.take.rows == 3:
                ready.controls.give(Command.AGAIN if len(ready.told(TakeStarted)) == 2 else Command.NEXT)

        ready.steer(again_once)
        ready.run()
    assert [event.task for event in ready.told(TakeStarted)] == ["red", "green", "green"]
    assert [event.task for event in ready.told(ResetStarted)] == ["green", "green"]
    with stage(build_config(tmp_path, task="", prompts=LIST, episodes=4, episode_time_s=0.05), cameras={}) as ready:
        shown: set[tuple[int, str]] = set()
        ready.steer(lambda status: shown.add((status.episode, status.task)))
        ready.run()
    assert shown >= {(2, "blue"), (3, "red")}
    episodes = list_pending(tmp_path)
    assert [episode.header.task for episode in episodes] == ["red", "green", "blue", "red"]
    assert [set(episode.rows()["task"].to_pylist()) for episode in episodes] == [{"red"}, {"green"}, {"blue"}, {"red"}]
