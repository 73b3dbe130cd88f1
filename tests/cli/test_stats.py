"""``lerotool stats``: shows, verifies, writes and exports, and tells by its exit code how it went."""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lerotool.cli.app import run
from lerotool.cli.stats_show import sparkline
from lerotool.dataset.dataset import Dataset
from tests.dataset.faults import contents
from tests.dataset.reading import copy_set, edit_json
from tests.shared import GOLDEN, REALDATA, all_sets, needs_realdata
from tests.statistics.sets import arm_set, moving


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small set of joint values."""
    return arm_set(tmp_path_factory.mktemp("arm") / "set", [moving(seed, 20) for seed in range(3)]).root


def test_joints_are_shown_by_name_with_a_histogram(arm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", str(arm)]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()

    assert lines[0] == "action  float32, 60 frames"
    assert lines[1].split() == ["min", "q01", "q10", "q50", "q90", "q99", "max", "mean", "std"]
    assert lines[2].split()[0] == "pan.pos"
    assert len(lines[2].split()[1:10]) == 9
    assert "█" in lines[2]
    assert "timestamp" not in shown.out
    assert "--feature shows them" in shown.err


def test_several_datasets_are_measured_one_after_another(
    arm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = shutil.copytree(arm, tmp_path / "other")

    assert run(["stats", str(arm), str(tmp_path / "nothing"), str(other)]) == 3
    shown = capsys.readouterr()
    first, second = shown.out.split("\n\n")
    assert first.splitlines()[0] == str(arm)
    assert second.splitlines()[0] == str(other)
    assert first.splitlines()[1:] == second.splitlines()[1:]
    assert str(tmp_path / "nothing") in shown.err

    assert run(["stats", str(arm), str(other), "--verify", "--json"]) == 0
    documents = json.loads(capsys.readouterr().out)["datasets"]
    assert [(each["root"], each["errors"]) for each in documents] == [(str(arm), 0), (str(other), 0)]


@pytest.mark.parametrize("option", ["--csv", "--plot", "--export"])
def test_a_file_is_of_one_dataset(arm: Path, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", str(arm), str(arm), option, "openpi"]) == 2
    assert "name one dataset" in capsys.readouterr().err


def test_one_feature_of_every_episode(arm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", str(arm), "--feature", "timestamp", "--per-episode", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert [line.split()[:2] for line in shown.out.splitlines()[4:7]] == [["0", "20"], ["1", "20"], ["2", "20"]]
    assert shown.err == ""


def test_one_json_document_has_exact_numbers(arm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", str(arm), "--json", "--per-episode"]) == 0
    document = json.loads(capsys.readouterr().out)
    action = document["features"]["action"]
    values = Dataset.open(arm).numpy("action").astype(float)

    assert (document["schema"], document["episodes"], document["frames"]) == (1, 3, 60)
    assert (action["dimensions"], action["count"]) == (["pan.pos", "lift.pos", "grip.pos"], 60)
    assert action["mean"] == pytest.approx(values.mean(axis=0).tolist())
    assert action["max"] == values.max(axis=0).tolist()
    assert [episode["count"] for episode in action["episodes"]] == [20, 20, 20]
    assert [sum(bars) for bars in action["histogram"]] == [60, 60, 60]


def test_csv_has_a_row_for_each_dimension_and_episode(arm: Path, tmp_path: Path) -> None:
    path = tmp_path / "stats.csv"
    assert run(["stats", str(arm), "--feature", "action", "--per-episode", "--csv", str(path)]) == 0
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 + 9
    assert (rows[0]["feature"], rows[0]["name"], rows[0]["episode"], rows[0]["count"]) == (
        "action",
        "pan.pos",
        "",
        "60",
    )
    assert float(rows[0]["min"]) == Dataset.open(arm).numpy("action")[:, 0].min()


def test_csv_goes_to_stdout_too(arm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", str(arm), "--feature", "action", "--csv", "-"]) == 0
    assert capsys.readouterr().out.count("\n") == 4


@pytest.mark.parametrize("root", all_sets())
def test_every_known_set_can_be_shown(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", str(root)]) == 0
    shown = capsys.readouterr()
    assert "action" in shown.out or "observation" in shown.out
    assert all(line == line.rstrip() for line in shown.out.splitlines())


def test_cameras_are_as_stored_until_they_are_to_be_decoded(capsys: pytest.CaptureFixture[str]) -> None:
    root, camera = str(GOLDEN / "v30_lerobot061_h264"), "observation.images.front"
    assert run(["stats", root, "--feature", camera]) == 0
    assert "as stored (--images measures)" in capsys.readouterr().out
    assert run(["stats", root, "--feature", camera, "--images", "3", "--json"]) == 0
    entry = json.loads(capsys.readouterr().out)["features"][camera]
    assert (entry["source"], entry["count"], entry["dimensions"]) == ("measured", 6, ["r", "g", "b"])
    assert run(["stats", root, "--skip-images"]) == 0
    assert camera not in capsys.readouterr().out


def test_a_right_set_is_verified_with_exit_code_0(arm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(arm)
    assert run(["stats", str(arm), "--verify"]) == 0
    assert "nothing is wrong: 7 features in 3 episodes compared with 60 frames" in capsys.readouterr().out
    assert contents(arm) == before


def test_a_wrong_set_is_told_with_remedies_and_exit_code_8(capsys: pytest.CaptureFixture[str]) -> None:
    root = str(GOLDEN / "v30_lerobot044_two_cams")
    assert run(["stats", root, "--verify"]) == 8
    shown = capsys.readouterr().out
    assert "error   picture-std-overflow  meta/stats.json, observation.images.front: " in shown
    assert f"lerotool stats {root} --write" in shown
    assert run(["stats", root, "--verify", "--json"]) == 8
    document = json.loads(capsys.readouterr().out)
    assert (document["errors"], document["warnings"]) == (4, 0)
    assert {finding["severity"] for finding in document["findings"]} == {"error"}


@needs_realdata
def test_warnings_fail_only_where_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    root = str(REALDATA / "koch_v30conv_state")
    assert run(["stats", root, "--verify"]) == 0
    assert "0 errors, 2 warnings" in capsys.readouterr().out
    assert run(["stats", root, "--verify", "--strict"]) == 8


def test_writing_makes_right_what_was_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = copy_set("v30_lerobot044_two_cams", tmp_path)
    before = contents(root)
    assert run(["stats", str(root), "--write", "--dry-run"]) == 0
    planned = capsys.readouterr().out
    assert "would write the statistics of 9 features and 4 episodes to" in planned
    assert "picture-std-overflow  observation.images.front" in planned
    assert contents(root) == before

    assert run(["stats", str(root), "--write", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [Path(path).name for path in document["files"]] == ["file-000.parquet", "stats.json"]
    assert run(["stats", str(root), "--verify", "--strict"]) == 0


def test_a_camera_that_cannot_be_measured_is_an_incomplete_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copy_set("v21_lerobot033_other", tmp_path)
    next((root / "videos").rglob("*.mp4")).unlink()
    assert run(["stats", str(root), "--write"]) == 8
    shown = capsys.readouterr()
    assert "statistics stay as they are" in shown.err
    assert "hint: restore the videos, or leave cameras out with --skip-images" in shown.err
    assert run(["stats", str(root), "--write", "--skip-images"]) == 0


def test_exports_are_written_once_and_say_what_they_are_right_for(
    arm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "norm_stats.json"
    command = ["stats", str(arm), "--export", "openpi", "--delta-actions", "2,-1", "--horizon", "5", "-o", str(path)]
    assert run(command) == 0
    assert "2 actions relative to the state, action_horizon 5" in capsys.readouterr().err
    assert set(json.loads(path.read_text())["norm_stats"]) == {"state", "actions"}
    assert run(command) == 5
    assert run(["stats", str(arm), "--export", "gr00t", "-o", str(tmp_path / "stats.json")]) == 0
    assert "action" in json.loads((tmp_path / "stats.json").read_text())


@pytest.mark.slow
def test_a_plot_has_distribution_and_episodes_of_every_joint(arm: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert run(["stats", str(arm), "--plot", str(tmp_path / "all.svg")]) == 0
    drawing = (tmp_path / "all.svg").read_text()
    labels = [
        f"{name} {joint}" for name, feature in Dataset.open(arm).features.items() for joint in feature.names or ()
    ]
    assert labels
    for label in labels:
        assert drawing.count(f"<!-- {label} -->") == 1
    assert drawing.count('id="axes_') >= 2 * len(labels)


def test_a_plot_in_a_format_that_does_not_exist_is_refused(
    arm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    assert run(["stats", str(arm), "--plot", str(tmp_path / "all.doc")]) == 2
    assert "end the file name with .png, .svg or .pdf" in capsys.readouterr().err
    assert list(tmp_path.glob("all*")) == []


def test_plotting_without_matplotlib_says_what_to_install(
    arm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert run(["stats", str(arm), "--plot", str(tmp_path / "x.png")]) == 2
    assert "pip install matplotlib" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--verify", "--write"], "exclude each other"),
        (["--dry-run"], "--dry-run is for --write"),
        (["--skip-images", "--images", "all"], "exclude each other"),
        (["--horizon", "5"], "are for --export"),
        (["--images", "some"], "does not say which frames"),
        (["--json", "--csv", "-"], "both write to stdout"),
        (["--export", "torch"], "not a format to export to"),
        (["--export", "gr00t", "--pad-to", "3"], "are for --export openpi"),
        (["--feature", "acton"], "no feature 'acton'"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    arm: Path, options: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["stats", str(arm), *options]) == 2
    assert text in capsys.readouterr().err


def test_what_is_no_dataset_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", str(tmp_path), "--verify"]) == 3
    assert "is not a dataset" in capsys.readouterr().err


def test_nothing_to_look_at_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    root = str(GOLDEN / "v30_lerobot061_h264")
    assert run(["stats", root, "--verify", "--skip-images", "--feature", "observation.images.front"]) == 2
    assert "nothing left to look at" in capsys.readouterr().err


def test_statistics_that_are_no_json_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = copy_set("v30_lerobot061_novideo", tmp_path)
    (root / "meta/stats.json").write_text("{")
    assert run(["stats", str(root), "--verify"]) == 3
    assert "stats.json" in capsys.readouterr().err
    assert run(["stats", str(root)]) == 0


def test_names_of_a_file_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = arm_set(tmp_path / "set", [moving(0, 5)]).root
    names = ["\x1b[2J[red]pan", "lift", "grip"]
    edit_json(root / "meta/info.json", lambda document: document["features"]["action"].update(names=names))
    assert run(["stats", str(root)]) == 0
    assert "\\x1b[2J[red]pan" in capsys.readouterr().out


def test_empty_names_are_shown_in_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = arm_set(tmp_path / "set", [moving(0, 5)]).root
    edit_json(root / "meta/info.json", lambda document: document["features"]["action"].update(names=["", "lift", ""]))

    def spoil(document: dict[str, Any]) -> None:
        document["action"]["max"][0] = 999.0
        document[""] = document["action"]

    edit_json(root / "meta/stats.json", spoil)

    assert run(["stats", str(root), "--verify"]) == 8

    said = capsys.readouterr().out
    assert "meta/stats.json, '': there are statistics of names that are not features" in said
    assert "meta/stats.json, action: max (0): max of 0 is 999" in said


def test_names_of_a_file_are_no_formulas_in_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = arm_set(tmp_path / "set", [moving(0, 5)]).root
    names = ["=cmd()", "@sum", "+1\x1b[2J"]
    edit_json(root / "meta/info.json", lambda document: document["features"]["action"].update(names=names))

    assert run(["stats", str(root), "--feature", "action", "--csv", "-"]) == 0

    rows = csv.DictReader(capsys.readouterr().out.splitlines())
    assert [row["name"] for row in rows] == ["'=cmd()", "'@sum", "'+1\\x1b[2J"]


@pytest.mark.parametrize(
    ("counts", "line"),
    [([0] * 20, ""), ([1] * 20, "█" * 20), ([1000, 1] + [0] * 18, "█▁" + " " * 18), ([5] * 60, "█" * 20)],
)
def test_small_histograms_show_whatever_is_there(counts: list[int], line: str) -> None:
    assert sparkline(counts) == line
