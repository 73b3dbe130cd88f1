"""``lerotool merge`` as typed."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lerotool.benchmarking import rowwise
from lerotool.cli import app
from lerotool.cli.merge_report import report_text
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.formats import FormatVersion
from lerotool.merging.plan import MergeReport
from tests.dataset.reading import tree_hash
from tests.merging.sets import assert_is_concatenation, make, make_with_cameras
from tests.patience import PATIENCE_S

COMMAND = [sys.executable, "-m", "lerotool", "merge"]


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S)


@pytest.mark.slow
def test_datasets_become_one_and_the_result_is_told(tmp_path: Path) -> None:
    sources = [make_with_cameras(tmp_path / n, (3, 2), seed=k) for k, n in enumerate("ab")]
    found = run("a", "b", "-o", "merged", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("merged: 4 episodes, 10 frames, ")
    assert_is_concatenation(tmp_path / "merged", sources)
    again = run("a", "b", "-o", "merged", cwd=tmp_path)
    assert again.returncode == 5
    assert "exists already: a dataset" in again.stderr
    assert again.stdout == ""


def test_a_dry_run_shows_everything_at_once_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make_with_cameras(tmp_path / "a")
    make(tmp_path / "b", fps=20, robot_type="other")
    before = tree_hash(tmp_path)
    command = ["merge", "a", "b:1", "-o", "merged", "--dry-run"]
    assert app.run(command) == 4
    shown = capsys.readouterr().out
    for part in ("1 of 2 episodes", "to settle first", "--fps 20", "--robot-type other", "--fill-camera black"):
        assert part in shown
    assert app.run([*command, "--json"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["dry_run"], document["episodes"]) == (1, True, 3)
    assert {d["what"] for d in document["differences"]} >= {"fps", "robot_type"}
    assert len(document["problems"]) == 4
    assert tree_hash(tmp_path) == before


@pytest.mark.slow
def test_flags_settle_what_differs_and_json_tells_what_was_done(tmp_path: Path) -> None:
    make_with_cameras(tmp_path / "a")
    make(tmp_path / "b", robot_type="other")
    flags = ("--fill-camera", "drop", "--robot-type", "both", "--to", "v2.1", "--gr00t")
    found = run("a", "b", "-o", "merged", *flags, "--json", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    report = json.loads(found.stdout)
    assert (report["episodes"], report["codebase_version"], report["speed_up"]) == (4, "v2.1", None)
    merged = Dataset.open(tmp_path / "merged")
    assert (merged.version, merged.robot_type, merged.cameras) == ("v2.1", "both", ())
    assert (tmp_path / "merged/meta/modality.json").is_file()


def test_a_finished_merge_is_told_also_when_its_speed_up_cannot_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp")

    make(tmp_path / "a", [5])
    monkeypatch.setattr(rowwise, "WORTH_COMPARING_S", 0.0)
    monkeypatch.setattr(tempfile, "mkdtemp", full)
    assert app.run(["merge", str(tmp_path / "a"), "-o", str(tmp_path / "merged"), "--json"]) == 0
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert (document["episodes"], document["speed_up"]) == (1, None)
    assert "could not be measured" in told.err
    assert "No space left on device" in told.err


@pytest.mark.parametrize(("wall_s", "rates"), [(1.0, " (20 episodes/s, 6 MB/s)"), (5.0, " (4 episodes/s)"), (20.0, "")])
def test_rates_are_left_out_where_they_say_nothing(wall_s: float, rates: str) -> None:
    report = MergeReport(Path("new"), FormatVersion.V30, 20, 400, 1, 6_000_000, wall_s, 0, (), ())

    assert report_text(report, None) == f"new: 20 episodes, 400 frames, 6.0 MB in {wall_s} s{rates}"


def test_errors_have_their_codes_and_never_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "a")
    monkeypatch.chdir(tmp_path)
    cases = [
        (("nowhere", "-o", "m"), 3),
        (("a", "-o", "a"), 5),
        (("a", "-o", "m", "--keep-files", "--link"), 2),
        (("a", "-o", "m", "--rename", "x"), 2),
        (("a", "-o", "m", "--fps", "0"), 2),
        (("a:7", "-o", "m"), 2),
    ]
    for arguments, code in cases:
        assert app.run(["merge", *arguments]) == code, arguments
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        assert told.err.startswith("error: ")
    assert not (tmp_path / "m").exists()
