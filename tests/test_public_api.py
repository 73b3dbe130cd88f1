"""What ``import lerotool`` offers: every name is there, light to import, and known to a type checker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import lerotool
from lerotool import errors

SCRIPT = """
from pathlib import Path

import lerotool

try:
    plan = lerotool.plan_merge(
        ["a", lerotool.MergeSource("b", episodes=slice(0, -1)), lerotool.MergeSource("c", episodes=[3, 1])],
        "merged",
        to=lerotool.Version.V21,
        rename={"b": {"observation.images.top": "observation.images.front"}},
        source_units={"a": lerotool.Units.DEGREES, "b": lerotool.Units.RANGE},
        calibration={Path("b"): Path("follower.json")},
        fill_camera=lerotool.Fill.DROP,
    )
    other = lerotool.plan_merge(["a", "b"], "merged", rename={"x": "y"}, files="link")
    for text in plan.differences + plan.problems:
        print(text)
    report: lerotool.MergeReport = plan.carry_out(on_event=print, place=lerotool.ThisMachine(2))
except lerotool.TargetExistsError as error:
    print(error.hint, error.exit_code)
except (lerotool.IncompatibleDatasetError, lerotool.LerotoolError):
    raise

checked: lerotool.CheckReport = lerotool.check("merged", lerotool.Depth.DEEP)
for finding in checked.findings:
    if finding.code is lerotool.Code.STATS_STALE and finding.severity is not lerotool.Severity.NOTE:
        print(finding.place.file, finding.episodes, finding.advice)
repaired: lerotool.RepairReport = lerotool.repair("merged", drop_episodes=True)
statistics: list[lerotool.FeatureReport] = lerotool.measure_statistics("merged", only=["action"])
verified: lerotool.VerifyReport = lerotool.verify_statistics("merged", sampling=lerotool.Sampling())
written: lerotool.RewriteReport = lerotool.write_statistics("merged", sampling=None)
lerotool.export_statistics("merged", "norm_stats.json", lerotool.Export.OPENPI, lerotool.OpenpiOptions(horizon=16))
encoded: lerotool.EncodeReport = lerotool.encode_pending("merged", lerotool.EncodeOptions(salvage=True))
again: lerotool.ReencodeReport = lerotool.reencode("merged", "h264", lerotool.ReencodeOptions({"vcodec": "h264"}))
summary: lerotool.DatasetSummary = lerotool.info("merged")

dataset = lerotool.Dataset.open("merged")
feature: lerotool.Feature = dataset.features["action"]
episode: lerotool.Episode = dataset.episodes[0]
version: lerotool.FormatVersion = dataset.version
reveal_type(episode.length)
"""


def test_all_names_are_there_and_sorted() -> None:
    assert all(getattr(lerotool, name) is not None for name in lerotool.__all__)
    assert sorted(lerotool.__all__) == list(lerotool.__all__)


def test_every_error_can_be_caught_by_its_public_name() -> None:
    raised = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, Exception)}

    assert raised <= set(lerotool.__all__)
    assert all(getattr(lerotool, name) is getattr(errors, name) for name in raised)


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = (
        "import sys, lerotool; print([m for m in ('numpy', 'av', 'pyarrow', 'pydantic', 'typer') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert shown.strip() == "[]"


@pytest.mark.slow
def test_a_script_that_uses_the_api_passes_a_strict_type_checker(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(script)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert checked.returncode == 0, checked.stdout
    assert 'Revealed type is "int"' in checked.stdout
