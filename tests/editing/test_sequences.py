"""Any edits one after another do what a model of them does, and all of them can be taken back."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lerotool
from lerotool.editing.changes import Change
from tests.dataset.reading import OLD_SET, SMALL_FILES_SET, VIDEO_SET
from tests.editing.model import Model, findings
from tests.mending.test_undoing import contents
from tests.shared import GOLDEN

Step = tuple[Change, Model]


@st.composite
def steps(draw: Callable[..., object], model: Model) -> Step:
    """Draw a change of a dataset, and what it makes of its model."""
    count = len(model.pieces)
    numbers = draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=max(1, count - 1), unique=True))
    assert isinstance(numbers, list)
    kind = draw(st.sampled_from(["delete", "keep", "trim", "task", "rename", "drop", "repack"]))
    if kind == "delete" and len(numbers) < count:
        return lerotool.DeleteEpisodes(numbers), model.without(*numbers)
    if kind == "keep":
        return lerotool.KeepEpisodes(numbers), model.without(*(set(range(count)) - set(numbers)))
    if kind == "trim":
        shortest = min(piece.stop - piece.start for n, piece in enumerate(model.pieces) if n in numbers)
        # Where videos belong to one episode, they are cut at keyframes, which are every second picture here.
        first = 2 * int(str(draw(st.integers(0, (shortest - 1) // 2))))
        last = int(str(draw(st.integers(0, shortest - first - 1))))
        if first or last:
            cut = [
                replace(p, start=p.start + first, stop=p.stop - last) if n in numbers else p
                for n, p in enumerate(model.pieces)
            ]
            return lerotool.TrimEpisodes(first, last, episodes=numbers), replace(model, pieces=tuple(cut))
    if kind == "task":
        text = str(draw(st.sampled_from(["fold", "pour", "stack the cubes"])))
        named = [replace(p, task=text) if n in numbers else p for n, p in enumerate(model.pieces)]
        return lerotool.SetTask(text, numbers), replace(model, pieces=tuple(named))
    if kind == "rename":
        old = "observation.state"
        now = model.names.get(old, old)
        return lerotool.RenameFeature(now, f"{now}_x"), replace(model, names={**model.names, old: f"{now}_x"})
    if kind == "repack":
        return lerotool.RepackFiles(), model
    feature = "action"
    if kind == "drop" and feature not in model.dropped:
        return lerotool.DropFeature(feature), replace(model, dropped=model.dropped | {feature})
    return lerotool.SetTask("nothing else"), replace(
        model, pieces=tuple(replace(p, task="nothing else") for p in model.pieces)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", [VIDEO_SET, OLD_SET, SMALL_FILES_SET])
@settings(max_examples=6)
@given(data=st.data())
def test_edits_one_after_another_are_what_they_say_and_can_all_be_taken_back(name: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(shutil.copytree(GOLDEN / name, Path(folder) / name))
        model, states = Model.of(GOLDEN / name), [contents(root)]
        for _ in range(data.draw(st.integers(1, 4))):
            change, model = data.draw(steps(model))
            report = lerotool.edit(root, change)
            model.check(root)
            if report.kept is None:  # it was so already, and there is nothing to take back
                assert contents(root) == states[-1]
            else:
                states.append(contents(root))
        assert findings(root) <= findings(GOLDEN / name) | HARMLESS
        for state in reversed(states[:-1]):
            lerotool.undo(root)
            assert contents(root) == state


HARMLESS = {lerotool.Code.CONSTANT, lerotool.Code.EPISODE_IDLE}
"""What short pieces of an episode may have, whoever cuts them."""
