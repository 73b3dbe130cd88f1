"""Verification names what is wrong with a dataset's statistics, and says nothing about right ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.findings import Code, Finding, Severity
from lerotool.statistics.measure import Selection
from lerotool.statistics.rewrite import rewrite
from lerotool.statistics.sampling import Sampling
from lerotool.statistics.verify import verify
from tests.dataset.reading import EPISODES, copy_set, edit_json
from tests.shared import GOLDEN, REALDATA, needs_realdata
from tests.statistics.sets import arm_set, edit_data, moving

STATS = "meta/stats.json"
JOINT_SET = "v30_lerobot061_two_cams"


def found(root: Path, *only: str) -> list[Finding]:
    """Verify columns only and return the findings."""
    return list(verify(Dataset.open(root), Selection(only, None)).findings)


def codes(findings: list[Finding]) -> set[Code]:
    return {finding.code for finding in findings}


def edit_episodes(root: Path, column: str, change: Callable[[list[Any]], Any]) -> None:
    """Let ``change`` edit a column of the episodes table as a list of rows."""
    path = root / EPISODES
    table = pq.ParquetFile(path).read()
    rows = table[column].to_pylist()
    change(rows)
    place = table.column_names.index(column)
    pq.write_table(
        table.set_column(place, table.schema.field(place), pa.array(rows, table.schema.field(place).type)), path
    )


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small set with right statistics."""
    return arm_set(tmp_path_factory.mktemp("template") / "set", [moving(seed) for seed in range(4)]).root


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(template, tmp_path / "set"))


def test_what_lerotool_writes_is_right(root: Path) -> None:
    report = verify(Dataset.open(root))
    assert report.findings == ()
    assert report.episodes == 4
    assert set(report.definitions.values()) == {"of all values"}


CLEAN = ["v21_lerobot033_images", "v21_lerobot033_other", "v21_lerobot033_two_cams"]
CLEAN += [f"v30_lerobot061_{name}" for name in ("depth", "depth_images", "h264", "images", "language", "novideo")]
CLEAN += [f"v30_lerobot061_{name}" for name in ("other", "resumed", "small_files", "streaming", "two_cams", "wide")]


@pytest.mark.parametrize("name", CLEAN)
def test_nothing_is_said_about_what_lerobot_wrote_right(name: str) -> None:
    assert verify(Dataset.open(GOLDEN / name)).findings == ()


def test_quantiles_averaged_by_lerobot_are_told_as_such() -> None:
    definitions = verify(Dataset.open(GOLDEN / JOINT_SET), Selection((), None)).definitions
    assert set(definitions.values()) == {"averaged over the episodes, as LeRobot up to 0.6.1 does"}


def test_quantiles_by_the_rule_of_later_lerobots_are_right_too(tmp_path: Path) -> None:
    root = copy_set(JOINT_SET, tmp_path)
    stats = [episode.stats["action"].quantiles for episode in Dataset.open(root).episodes]

    def change(document: dict[str, Any]) -> None:
        for name in ("q01", "q10", "q50"):
            document["action"][name] = np.min([q[name] for q in stats], axis=0).tolist()
        for name in ("q90", "q99"):
            document["action"][name] = np.max([q[name] for q in stats], axis=0).tolist()

    edit_json(root / STATS, change)
    report = verify(Dataset.open(root), Selection(("action",), None))
    assert report.findings == ()
    assert report.definitions == {"action": "the episodes' extremes, as LeRobot after 0.6.1 does"}


@pytest.mark.parametrize("name", ["v30_lerobot044_two_cams", "v30_lerobot044_other", "v30_lerobot044_merged"])
def test_the_std_that_lerobot_04_took_in_8_bits_is_known_by_name(name: str) -> None:
    findings = verify(Dataset.open(GOLDEN / name)).findings
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    assert codes(errors) == {Code.STD_OVERFLOW}
    assert {f.features[0] for f in errors} == {"observation.images.front", "observation.images.wrist"}
    assert all("0.4.0 to 0.5.1" in finding.meaning.text for finding in errors)


def test_lerobots_merge_leaves_its_own_columns_stale_and_nothing_else() -> None:
    findings = verify(Dataset.open(GOLDEN / "v30_lerobot061_merged")).findings
    assert codes(list(findings)) == {Code.STATS_STALE}
    assert {f.severity for f in findings} == {Severity.WARNING}
    assert {f.features[0] for f in findings} == {"index", "episode_index", "task_index"}


REAL: dict[str, set[tuple[Code, str]]] = {
    "g1_v21_b": set(),
    "g1_v30conv_b": {(Code.STATS_QUANTILES, "observation.state")},
    "gr1_sim_v20": {
        (Code.NOT_MEASURABLE, "observation.images.egoview"),
        (Code.STATS_MISSING, "observation.images.ego_view"),
        (Code.CONSTANT, "observation.state"),
        (Code.CONSTANT, "action"),
        (Code.OUTLIERS, "observation.state"),
    },
    "ioai_lerobotv2": {(Code.STATS_MISSING, "observation.state"), (Code.STATS_MISSING, "timestamp")},
    "ioai_lerobotv2-image": {(Code.STATS_MISSING, "observation.state"), (Code.STATS_MISSING, "timestamp")},
    "ioai_lerobotv3": {(Code.STATS_MISSING, "observation.state"), (Code.STATS_MISSING, "timestamp")},
    "koch_v21_novideo": {
        (Code.NOT_MEASURABLE, f"observation.images.{name}") for name in ("screwdriver", "side", "top")
    },
    "koch_v21_state": set(),
    "koch_v30conv_state": {(Code.STATS_QUANTILES, "action")},
    "pusht_v30_state": {(Code.STATS_QUANTILES, "observation.state")},
}


@needs_realdata
@pytest.mark.parametrize("name", REAL)
def test_recordings_of_others_are_told_what_is_truly_wrong_with_them(name: str) -> None:
    findings = verify(Dataset.open(REALDATA / name)).findings
    assert {(finding.code, finding.features[0]) for finding in findings} == REAL[name]


def test_a_stale_mean_is_named_with_dimension_and_numbers(root: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["action"]["mean"][1] += 1.0

    edit_json(root / STATS, change)
    (finding,) = found(root)
    assert (finding.code, finding.severity, finding.place.file) == (Code.STATS_STALE, Severity.ERROR, STATS)
    assert (finding.features, finding.dimensions, finding.episodes) == (("action",), ("lift.pos",), ())
    assert "mean of lift.pos is " in finding.text
    assert "--write" in finding.remedy


def test_a_stale_episode_is_named_by_number(root: Path) -> None:
    def change(rows: list[Any]) -> None:
        rows[2][0] += 0.5

    edit_episodes(root, "stats/observation.state/max", change)
    (finding,) = found(root)
    assert (finding.code, finding.place.file, finding.episodes) == (Code.STATS_STALE, EPISODES, (2,))
    assert "max in 1 of 4 episodes" in finding.text


def test_data_that_changed_make_both_places_stale(root: Path) -> None:
    edit_data(root, "action", lambda values: values * 1.01)
    findings = found(root)
    assert codes(findings) == {Code.STATS_STALE}
    assert {finding.place.file for finding in findings} == {STATS, EPISODES}


def test_rounding_of_float32_is_not_stale(root: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        for statistic in ("min", "max", "mean", "std", "q50"):
            document["action"][statistic] = np.float32(document["action"][statistic]).astype(float).tolist()

    edit_json(root / STATS, change)
    assert found(root) == []


@pytest.mark.parametrize(
    ("statistic", "value", "text"),
    [
        ("std", [-1.0, 1.0, 1.0], "std is negative"),
        ("min", [1e9, -1e3, -1e3], "min > q01"),
        ("mean", [1e9, 0.0, 0.0], "mean > max"),
        ("q50", [1e9, 0.0, 0.0], "q50 > q90"),
        ("mean", [float("nan"), 0.0, 0.0], "mean is not finite"),
        ("count", [0], "count is less than 1"),
    ],
)
def test_what_cannot_be_is_told_without_looking_at_the_data(
    root: Path, statistic: str, value: list[float], text: str
) -> None:
    edit_json(root / STATS, lambda document: document["action"].update({statistic: value}))
    impossible = [finding for finding in found(root, "action") if finding.code is Code.STATS_IMPOSSIBLE]
    assert len(impossible) == 1
    assert text in impossible[0].text


def test_a_count_that_is_not_the_frames_is_told(root: Path) -> None:
    edit_json(root / STATS, lambda document: document["action"].update(count=[159]))
    (finding,) = found(root)
    assert finding.code is Code.STATS_COUNT
    assert "count is 159, there are 160 frames" in finding.text


def test_a_wrong_shape_is_told_and_the_rest_compared(root: Path) -> None:
    edit_json(root / STATS, lambda document: document["action"].update(mean=[0.0, 0.0], std="much"))
    (finding,) = found(root)
    assert finding.code is Code.STATS_SHAPE
    assert "mean has shape [2], expected [3]" in finding.text


@pytest.mark.parametrize("statistic", ["min", "std"])
def test_missing_statistics_are_told(root: Path, statistic: str) -> None:
    edit_json(root / STATS, lambda document: document["action"].pop(statistic))
    edit_json(root / STATS, lambda document: document.pop("timestamp"))
    errors, warnings = found(root)
    assert (errors.code, errors.severity, errors.features) == (Code.STATS_MISSING, Severity.ERROR, ("action",))
    assert (warnings.code, warnings.severity, warnings.features) == (
        Code.STATS_MISSING,
        Severity.WARNING,
        ("timestamp",),
    )


def test_a_missing_file_is_told(root: Path) -> None:
    (root / STATS).unlink()
    (finding,) = found(root)
    assert (finding.code, finding.place.file) == (Code.STATS_MISSING, STATS)


def test_an_episode_without_statistics_is_told(root: Path) -> None:
    def change(rows: list[Any]) -> None:
        rows[1] = None

    edit_episodes(root, "stats/action/mean", change)
    (finding,) = found(root)
    assert (finding.code, finding.place.file, finding.episodes) == (Code.STATS_MISSING, "meta/episodes", (1,))


def test_missing_quantiles_are_a_warning(root: Path) -> None:
    edit_json(root / STATS, lambda document: document["action"].pop("q99"))
    (finding,) = found(root)
    assert (finding.code, finding.severity, finding.features) == (Code.STATS_QUANTILES, Severity.WARNING, ("action",))


def test_quantiles_between_the_definitions_are_a_warning_and_others_are_stale(root: Path) -> None:
    episodes = [episode.stats["action"].quantiles["q10"] for episode in Dataset.open(root).episodes]
    edit_json(root / STATS, lambda document: document["action"].update(q10=np.sort(episodes, axis=0)[1].tolist()))
    assert codes(found(root)) == {Code.MIXED_QUANTILES}
    edit_json(root / STATS, lambda document: document["action"].update(q10=[0.0] * 3))
    assert Code.STATS_STALE in codes(found(root))


def test_statistics_of_what_is_no_feature_are_told(root: Path) -> None:
    edit_json(root / STATS, lambda document: document.update(gone=document["action"]))
    (finding,) = found(root)
    assert (finding.code, finding.features) == (Code.UNKNOWN_FEATURE, ("gone",))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_told_with_episode_and_joint(root: Path, value: float) -> None:
    def spoil(values: np.ndarray) -> None:
        values[85, 2] = value

    edit_data(root, "observation.state", spoil)
    (finding,) = [finding for finding in found(root) if finding.code is Code.NOT_FINITE]
    assert (finding.severity, finding.episodes, finding.dimensions) == (Severity.ERROR, (2,), ("grip.pos",))


def test_what_training_trips_over_is_warned_of(tmp_path: Path) -> None:
    episodes = [moving(seed, 200) for seed in range(4)]
    for episode in episodes:
        episode[:, 1] = 5.0
    episodes[1][7, 0] = 9000.0
    episodes[3][:, 2] = 1.0
    arm_set(tmp_path / "set", episodes)
    by_code = {finding.code: finding for finding in found(tmp_path / "set", "observation.state")}

    assert set(by_code) == {Code.CONSTANT, Code.OUTLIERS, Code.STILL}
    assert by_code[Code.CONSTANT].dimensions == ("lift.pos",)
    assert "always 5" in by_code[Code.CONSTANT].text
    assert (by_code[Code.OUTLIERS].dimensions, by_code[Code.OUTLIERS].episodes) == (("pan.pos",), (1,))
    assert (by_code[Code.STILL].dimensions, by_code[Code.STILL].episodes) == (("grip.pos",), (3,))
    assert {finding.severity for finding in by_code.values()} == {Severity.WARNING}


def test_episodes_in_another_unit_are_told_with_a_guess(tmp_path: Path) -> None:
    episodes = [moving(seed, 80) for seed in range(5)]
    episodes[4] = np.radians(episodes[4])
    arm_set(tmp_path / "set", episodes)
    units = [finding for finding in found(tmp_path / "set") if finding.code is Code.UNITS]
    assert [finding.features for finding in units] == [("action",), ("observation.state",)]
    assert all(finding.episodes == (4,) and "degrees against radians" in finding.text for finding in units)


def test_a_goal_that_is_set_for_each_episode_is_no_joint_that_stands_still(tmp_path: Path) -> None:
    episodes = [moving(seed) for seed in range(4)]
    for number, episode in enumerate(episodes):
        episode[:, 0] = number
    arm_set(tmp_path / "set", episodes)
    assert found(tmp_path / "set") == []


def test_a_count_of_pixels_is_a_known_way_to_count() -> None:
    dataset = Dataset.open(GOLDEN / "v30_lerobot061_streaming")
    assert dataset.stats["observation.images.front"].count == 55296
    assert verify(dataset, Selection(("observation.images.front",))).findings == ()


@pytest.mark.parametrize("name", ["v30_lerobot061_images", "v30_lerobot061_h264"])
@pytest.mark.parametrize("images", ["3", "all"])
def test_statistics_of_other_frames_are_right_too(name: str, images: str, tmp_path: Path) -> None:
    root = copy_set(name, tmp_path)
    rewrite(Dataset.open(root), Selection(sampling=Sampling.parse(images)))
    assert verify(Dataset.open(root)).findings == ()
    assert verify(Dataset.open(root), Selection(sampling=Sampling.parse(images))).findings == ()


@pytest.mark.parametrize("count", [0.5, 63, 10**9])
def test_a_count_of_pictures_that_cannot_be_is_told(count: float, tmp_path: Path) -> None:
    root = copy_set("v30_lerobot061_images", tmp_path)
    camera = "observation.images.front"

    def change(rows: list[Any]) -> None:
        rows[0] = [int(count)]

    edit_episodes(root, f"stats/{camera}/count", change)
    findings = verify(Dataset.open(root), Selection((camera,))).findings
    assert {finding.code for finding in findings} <= {Code.STATS_COUNT, Code.STATS_IMPOSSIBLE}
    assert findings


def test_pictures_of_another_scene_are_stale(tmp_path: Path) -> None:
    root = copy_set("v30_lerobot061_h264", tmp_path)
    camera = "observation.images.front"
    edit_json(root / STATS, lambda document: document[camera].update(mean=[[[0.9]], [[0.9]], [[0.9]]]))
    findings = verify(Dataset.open(root), Selection((camera,))).findings
    assert [(f.code, f.place.file) for f in findings if f.code is Code.STATS_STALE] == [(Code.STATS_STALE, STATS)]


def test_findings_are_plain_values(root: Path) -> None:
    edit_json(root / STATS, lambda document: document["action"].update(count=[1]))
    (finding,) = found(root)
    document = json.loads(json.dumps(finding.to_json()))
    assert (document["code"], document["severity"], document["features"]) == ("stats-count", "error", ["action"])


def test_statistics_of_v21_are_compared_line_by_line(tmp_path: Path) -> None:
    root = copy_set("v21_lerobot033_two_cams", tmp_path)
    path = root / "meta/episodes_stats.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[1]["stats"]["action"]["mean"][0] += 1
    path.write_text("\n".join(json.dumps(line) for line in lines[:3]))
    findings = found(root)
    assert {(f.code, f.episodes) for f in findings} == {(Code.STATS_STALE, (1,)), (Code.STATS_MISSING, (3,))}
    path.unlink()
    assert {(f.code, f.place.file) for f in found(root)} == {(Code.STATS_MISSING, "meta/episodes_stats.jsonl")}
