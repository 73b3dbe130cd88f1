"""Datasets that LeRobot made are in order; of recordings that other people made it is told what is truly odd."""

from __future__ import annotations

from pathlib import Path

import pytest

from lerotool.checking import CheckReport, Severity, check
from lerotool.choices import Depth
from tests.shared import GOLDEN, REALDATA, golden_sets, needs_realdata

CRASHED = ("v30_lerobot061_crashed", "v30_lerobot061_batch_crashed")
SOUND = [path.name for path in golden_sets()]


def told(report: CheckReport) -> dict[str, set[str]]:
    return {
        severity.value: {finding.code.value for finding in report.findings if finding.severity is severity}
        for severity in Severity
        if severity is not Severity.HINT
    }


@pytest.mark.parametrize("depth", [Depth.FAST, Depth.DEEP])
@pytest.mark.parametrize("name", SOUND)
def test_nothing_is_flagged_on_what_lerobot_made(name: str, depth: Depth) -> None:
    report = check(GOLDEN / name, depth)

    notes = {"stats-quantiles"} if name == "v30_from_v21" else set()
    assert told(report) == {"error": set(), "warning": set(), "note": notes}
    assert report.loading == "right"
    assert report.frames > 0


def test_a_killed_recording_is_told_as_what_it_is() -> None:
    reports = {name: check(GOLDEN / name) for name in CRASHED}

    assert {name: told(report) for name, report in reports.items()} == {
        "v30_lerobot061_crashed": {
            "error": {"data-no-footer", "episodes-unreadable"},
            "warning": set(),
            "note": {"pictures-left"},
        },
        "v30_lerobot061_batch_crashed": {
            "error": {"data-no-footer", "episodes-missing"},
            "warning": set(),
            "note": {"pictures-left"},
        },
    }
    assert {report.loading.value for report in reports.values()} == {"refused"}


# What is odd about each is in the README beside them; everything here was looked up in the files by hand.
TRUE = {
    "g1_v21_b": ("right", set(), set(), set()),
    "g1_v30conv_b": ("right", set(), set(), {"stats-quantiles"}),
    "gr1_sim_v20": (
        "refused",
        {"video-missing", "wrong-timestamps"},
        {"default-features", "stats-missing", "task-list", "wrong-counts"},
        {"video-keyframes"},
    ),
    "ioai_lerobotv2": ("wrong", {"column-type"}, {"camera-names", "info-keys", "stats-missing"}, set()),
    "ioai_lerobotv2-image": ("wrong", {"column-type", "schema-metadata"}, {"info-keys", "stats-missing"}, set()),
    "ioai_lerobotv3": (
        "refused",
        {"episodes-columns", "tasks-index"},
        {"camera-names", "episodes-columns", "info-keys", "stats-missing"},
        set(),
    ),
    "koch_v21_novideo": ("refused", {"video-missing"}, set(), set()),
    "koch_v21_state": ("right", set(), set(), set()),
    "koch_v30conv_state": ("right", set(), set(), {"stats-quantiles"}),
    "pusht_v30_state": ("right", set(), set(), {"row-groups", "stats-quantiles"}),
}


@needs_realdata
@pytest.mark.parametrize("name", TRUE)
def test_what_is_flagged_on_real_recordings_is_what_is_truly_there(name: str) -> None:
    loading, errors, warnings, notes = TRUE[name]

    report = check(REALDATA / name)

    assert told(report) == {"error": errors, "warning": warnings, "note": notes}, report.findings
    assert report.loading == loading


@pytest.mark.slow
@needs_realdata
def test_the_same_is_found_by_worker_processes(tmp_path: Path) -> None:
    from lerotool.execution import ThisMachine, open_executor

    root = REALDATA / "gr1_sim_v20"
    seen: list[tuple[int, int]] = []
    with open_executor(ThisMachine(2), tmp_path) as executor:
        there = check(root, executor=executor, on_progress=lambda done, total: seen.append((done, total)))

    assert there == check(root)
    assert seen[-1][0] == seen[-1][1] >= 15
