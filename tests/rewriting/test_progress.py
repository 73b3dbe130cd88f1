"""What a change of a dataset tells of its progress: all that was announced gets done, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

import lerotool
from lerotool.rewriting.events import Advanced, Begun, Event
from tests.dataset.reading import OLD_SET, SMALL_FILES_SET, VIDEO_SET, copy_set


def check(events: list[Event]) -> Begun:
    begun = [event for event in events if isinstance(event, Begun)]
    assert events[0] is begun[0]
    assert len(begun) == 1
    done = [event for event in events if isinstance(event, Advanced)]
    assert sum(event.episodes for event in done) == begun[0].episodes
    assert sum(event.bytes for event in done) == pytest.approx(begun[0].bytes, abs=len(done))
    return begun[0]


@pytest.mark.parametrize("name", [VIDEO_SET, SMALL_FILES_SET, OLD_SET])
def test_an_edit_gets_as_far_as_it_says(name: str, tmp_path: Path) -> None:
    root = copy_set(name, tmp_path)
    events: list[Event] = []
    report = lerotool.plan_edit(root, lerotool.DeleteEpisodes("1")).carry_out(events.append)
    assert check(events).episodes == report.episodes


def test_a_merge_gets_as_far_as_it_says(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    events: list[Event] = []
    lerotool.merge([root, root], tmp_path / "merged", on_event=events.append)
    assert check(events).episodes == 2 * lerotool.Dataset.open(root).num_episodes
