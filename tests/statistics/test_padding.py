"""Padded joints and black pictures of a merge: statistics leave them out, whichever command takes them."""

from __future__ import annotations

import csv
import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lerotool
from lerotool.checking import check
from lerotool.cli.app import run
from lerotool.dataset.dataset import Dataset
from lerotool.errors import MetadataError
from lerotool.features import vector
from lerotool.findings import Severity
from lerotool.moments import QUANTILES
from lerotool.statistics.export import OpenpiOptions, export_groot, export_openpi
from lerotool.statistics.measure import Selection, measured
from lerotool.statistics.rewrite import rewrite
from lerotool.statistics.verify import verify
from tests.dataset.reading import VIDEO_SET, edit_json
from tests.sampling import examples
from tests.shared import GOLDEN
from tests.statistics.sets import make_set, moving

NAMES = ["pan.pos", "lift.pos", "grip.pos"]
MISSING = 1
"""The joint that the small arm does not have."""
NOTES = "meta/lerotool/merge.json"


def _arm(root: Path, names: list[str], lengths: list[int], seed: int) -> Path:
    features = {"action": vector(names), "observation.state": vector(names)}
    episodes = []
    for number, length in enumerate(lengths):
        values = 40 + moving(seed + number, length)[:, : len(names)]
        episodes.append({"observation.state": values.astype(np.float32), "action": (2 * values).astype(np.float32)})
    return make_set(root, episodes, features).root


def _padded(folder: Path, small: list[int], large: list[int]) -> Path:
    """Merge an arm of two joints with one of three."""
    sources = [_arm(folder / "small", [NAMES[0], NAMES[2]], small, 1), _arm(folder / "large", NAMES, large, 50)]
    lerotool.merge(sources, folder / "padded", pad=True)
    return folder / "padded"


@pytest.fixture(scope="module")
def padded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _padded(tmp_path_factory.mktemp("padded"), [30, 20], [25, 40])


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A merge in which one source lacks a camera and two joints."""
    target = tmp_path_factory.mktemp("filled") / "set"
    sources = [GOLDEN / VIDEO_SET, GOLDEN / "v30_lerobot061_wide"]
    lerotool.merge(sources, target, pad=True, fill_camera="black", robot_type="both")
    return target


def _real(root: Path, feature: str) -> list[np.ndarray]:
    """Return the recorded values of each joint."""
    dataset = Dataset.open(root)
    values, small = dataset.numpy(feature), int(dataset.episodes.lengths[:2].sum())
    return [values[small if joint == MISSING else 0 :, joint].astype(np.float64) for joint in range(3)]


def _assert_true(found: dict[str, list[float]], expected: list[np.ndarray]) -> None:
    for joint, values in enumerate(expected):
        measures = {"min": values.min(), "max": values.max(), "mean": values.mean(), "std": values.std()}
        measures |= {name: np.quantile(values, fraction) for name, fraction in QUANTILES.items()}
        for name in measures.keys() & found.keys():
            assert found[name][joint] == pytest.approx(measures[name], rel=1e-6), (joint, name)


def test_what_a_merge_states_is_verified(padded: Path, filled: Path) -> None:
    for root in (padded, filled):
        report = verify(Dataset.open(root))
        assert [f for f in report.findings if f.severity is Severity.ERROR] == []
        assert not [f for f in report.findings if f.code in ("still-in-episode", "units-differ")], report.findings


def test_taking_statistics_again_keeps_them(padded: Path, tmp_path: Path) -> None:
    root = _copy(padded, tmp_path)
    before = json.loads((root / "meta/stats.json").read_text())
    rewrite(Dataset.open(root))
    after = json.loads((root / "meta/stats.json").read_text())

    for feature in ("action", "observation.state"):
        _assert_true(after[feature], _real(padded, feature))
        assert after[feature]["count"] == before[feature]["count"] == [115]
        for name in after[feature]:
            np.testing.assert_allclose(after[feature][name], before[feature][name], rtol=1e-9)


def test_pictures_of_a_black_camera_do_not_count_when_they_are_measured_again(filled: Path, tmp_path: Path) -> None:
    root = _copy(filled, tmp_path)
    before = json.loads((root / "meta/stats.json").read_text())
    rewrite(Dataset.open(root))
    after = json.loads((root / "meta/stats.json").read_text())

    assert set(json.loads((root / NOTES).read_text())["black_cameras"]) <= set(after)
    for camera in json.loads((root / NOTES).read_text())["black_cameras"]:
        assert after[camera]["count"] == before[camera]["count"]
        np.testing.assert_allclose(after[camera]["mean"], before[camera]["mean"], atol=0.02)


def test_a_joint_says_how_many_frames_have_it(padded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", str(padded), "--json", "--feature", "action"]) == 0
    document = json.loads(capsys.readouterr().out)["features"]["action"]
    assert (document["count"], document["counts"]) == (115, [115, 65, 115])
    _assert_true(document, _real(padded, "action"))

    assert run(["stats", str(padded), "--csv", str(tmp_path / "stats.csv"), "--feature", "action"]) == 0
    with (tmp_path / "stats.csv").open(newline="") as file:
        assert [row["count"] for row in csv.DictReader(file)] == ["115", "65", "115"]
    capsys.readouterr()
    assert run(["stats", str(padded), "--feature", "action"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["of 65 frames" in line for line in lines if ".pos" in line] == [False, True, False]


@pytest.mark.parametrize("mask", [(), (True, True, False)], ids=["absolute", "relative"])
def test_exports_leave_them_out(padded: Path, mask: tuple[bool, ...]) -> None:
    dataset = Dataset.open(padded)
    _assert_true(export_groot(dataset)["observation.state"], _real(padded, "observation.state"))
    document = export_openpi(dataset, OpenpiOptions(mask=mask, horizon=4))["norm_stats"]
    _assert_true(document["state"], _real(padded, "observation.state"))
    _assert_true(document["actions"], _chunks(dataset, mask, 4))


def _chunks(dataset: Dataset, mask: tuple[bool, ...], horizon: int) -> list[np.ndarray]:
    found: list[list[np.ndarray]] = [[], [], []]
    starts = dataset.episodes.starts.tolist()
    for number, (start, stop) in enumerate(pairwise(starts)):
        action, state = (dataset.numpy(name)[start:stop] for name in ("action", "observation.state"))
        rows = np.minimum(np.arange(stop - start)[:, None] + np.arange(horizon), stop - start - 1)
        values = action[rows]
        if mask:
            values = values - np.where(mask, state, 0)[:, None].astype(np.float32)
        for joint in range(3):
            if joint != MISSING or number >= 2:
                found[joint].append(values[..., joint].ravel().astype(np.float64))
    return [np.concatenate(parts) for parts in found]


def test_merged_again_they_still_do_not_count(padded: Path, tmp_path: Path) -> None:
    target = tmp_path / "again"
    lerotool.merge([padded, padded.parent / "large"], target)
    notes = json.loads((target / NOTES).read_text())["padding"]["action"]["padded"]
    stats = json.loads((target / "meta/stats.json").read_text())["action"]

    assert [(part["episodes"], part["mask"]) for part in notes] == [([0, 2], [True, False, True])]
    _assert_true(stats, _real(target, "action"))
    assert not [f for f in verify(Dataset.open(target)).findings if f.severity is Severity.ERROR]


def test_a_camera_that_is_black_on_request_is_not_advised_against(filled: Path, tmp_path: Path) -> None:
    assert "camera-black" not in {finding.code for finding in check(filled).findings}
    # Without the merge's notes nothing says that anybody wanted it.
    root = _copy(filled, tmp_path)
    (root / NOTES).unlink()
    assert "camera-black" in {finding.code for finding in check(root).findings}


def test_notes_that_do_not_fit_are_an_error_and_a_finding(padded: Path, filled: Path, tmp_path: Path) -> None:
    root = _copy(padded, tmp_path)
    edit_json(root / NOTES, lambda notes: notes["padding"]["action"]["padded"][0].update(mask=[True]))
    with pytest.raises(MetadataError, match=r"merge\.json: a mask of 1 dimensions for 'action', which has shape \[3\]"):
        verify(Dataset.open(root))
    other = _copy(filled, tmp_path / "other")
    edit_json(other / NOTES, lambda notes: notes.update(schema=2))
    assert "sidecar" in {finding.code for finding in check(other).findings}


@settings(max_examples=examples(8), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    small=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    large=st.lists(st.integers(1, 12), min_size=1, max_size=4),
)
def test_measured_anew_they_are_what_the_merge_states(
    small: list[int], large: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = _padded(tmp_path_factory.mktemp("any"), small, large)
    stated = json.loads((root / "meta/stats.json").read_text())
    with measured(Dataset.open(root), Selection(sampling=None)) as measurement:
        for name, found in measurement.features.items():
            plain = found.stats.to_json()
            for statistic, value in stated[name].items():
                np.testing.assert_allclose(plain[statistic], value, rtol=1e-6, atol=1e-9, err_msg=f"{name} {statistic}")


def _copy(root: Path, folder: Path) -> Path:
    return Path(shutil.copytree(root, folder / root.name))
