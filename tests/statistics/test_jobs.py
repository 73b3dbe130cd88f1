"""Jobs run here or elsewhere with the same results, and stop when one fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from lerotool.execution import ThisMachine, open_executor
from lerotool.statistics.jobs import opened, run_jobs, stamp
from tests.statistics.sets import arm_set, edit_data, moving


def square(number: int) -> int:
    if number == 13:
        raise ValueError("unlucky")
    return number * number


def test_every_job_comes_back_with_its_result(tmp_path: Path) -> None:
    jobs = [n for n in range(60) if n != 13]
    expected = {job: job * job for job in jobs}
    assert dict(run_jobs(square, jobs, None)) == expected
    with open_executor(ThisMachine(2), tmp_path) as executor:
        assert dict(run_jobs(square, jobs, executor)) == expected


def test_a_job_that_fails_is_raised(tmp_path: Path) -> None:
    with open_executor(ThisMachine(1), tmp_path) as executor, pytest.raises(ValueError, match="unlucky"):
        list(run_jobs(square, [1, 13, 2], executor))


def test_a_stamp_changes_with_the_data_and_with_nothing_else(tmp_path: Path) -> None:
    root = arm_set(tmp_path / "set", [moving(0)]).root
    before = stamp(root)
    (root / "meta/stats.json").unlink()
    assert stamp(root) == before
    edit_data(root, "action", lambda values: values + 1)
    assert stamp(root) != before


def test_a_dataset_is_opened_once_for_each_state(tmp_path: Path) -> None:
    root = arm_set(tmp_path / "set", [moving(0)]).root
    state = stamp(root)
    assert opened(root, state) is opened(root, state)
    assert opened(root, "other") is not opened(root, state)
