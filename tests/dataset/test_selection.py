"""Episodes are chosen by number, range, from the end, by mark and by condition, and nothing of it is run as code."""

from __future__ import annotations

import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.marks import save_mark
from lerotool.dataset.selection import Selection
from lerotool.errors import UsageError
from tests.merging.sets import PICK, PLACE, make


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Five episodes of 3, 4, 5, 6 and 1 frames at 10 frames a second; the last has the first task only."""
    root = make(tmp_path_factory.mktemp("selection") / "set", (3, 4, 5, 6, 1))
    save_mark(root, 1, {"outcome": "success"})
    save_mark(root, 3, {"outcome": "success", "flagged": True})
    return Dataset.open(root)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", [0]),
        ("-1", [4]),
        ("3, 0-1", [3, 0, 1]),
        ("-3--2", [2, 3]),
        ("1--1", [1, 2, 3, 4]),
        ("success", [1, 3]),
        ("flagged", [3]),
        ("unmarked", [0, 2, 4]),
        ("length < 4", [0, 4]),
        ("length>=5", [2, 3]),
        ("length = 4 or length == 6", [1, 3]),
        ("length != 4 and length > 1 and length<6", [0, 2]),
        ("mark = success", [1, 3]),
        ("mark != success and length > 3", [2]),
        (f"task = '{PLACE}'", [0, 1, 2, 3]),
        (f'task != "{PLACE}"', [4]),
        ("task ~ CUBE and length < 2", [4]),
        ("length < 2 or mark = flagged and length > 5", [3, 4]),
    ],
)
def test_what_is_written_chooses_episodes(dataset: Dataset, text: str, expected: list[int]) -> None:
    selection = Selection.parse(text)
    assert selection.choose(dataset, "set").tolist() == expected
    assert Selection.parse(str(selection)) == selection


def test_a_duration_is_in_seconds(dataset: Dataset) -> None:
    chosen = Selection.parse(f"duration > {4.5 / dataset.fps}").choose(dataset, "set")
    assert chosen.tolist() == [2, 3]


REFUSED = """x|1-|3-1|-1--3|5|-6|4-9|1,1|2--4|failure|length|length <|length < x|size > 3|length < 3 but length > 1
mark = good|mark < success|task < 3|length ~ 3|length < 1|length < 3 and|__import__('os') = 3|length < 3; 1
length < 'a"|"""


@pytest.mark.parametrize("text", REFUSED.replace("\n", "|").split("|"))
def test_what_cannot_be_is_refused(dataset: Dataset, text: str) -> None:
    with pytest.raises(UsageError):
        Selection.parse(text).choose(dataset, "set")


@pytest.mark.parametrize("given", [3, [0, 2], (1,), range(2), Selection(((0, 1),))])
def test_programs_may_give_numbers(dataset: Dataset, given: object) -> None:
    assert len(Selection.of(given).choose(dataset, "set"))  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [None, 1.5, [True], ["1"]])
def test_what_programs_must_not_give_is_refused(given: object) -> None:
    with pytest.raises(UsageError, match="expected numbers"):
        Selection.of(given)  # type: ignore[arg-type]


def test_the_tasks_of_the_set_are_what_the_cases_above_say(dataset: Dataset) -> None:
    assert set(dataset.tasks) == {PICK, PLACE}
