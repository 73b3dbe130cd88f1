"""Scripts written for LeRobot run through lerotool: as they are, and where LeRobot is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lerotool
from tests.lerobot.test_lerobots_own_tests import installed
from tests.lerobot_judge import judge, lerobot_python

SCRIPT = Path(__file__).with_name("script.py")
FRONT = "observation.images.front"
ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, python: str = sys.executable, path: str = str(ROOT)) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
def test_a_script_that_cannot_be_edited_is_run_without_lerobot(tmp_path: Path) -> None:
    done = run("-m", "lerotool.lerobot", str(SCRIPT), str(tmp_path / "set"), "3", "2")

    assert done.returncode == 0, done.stderr
    assert done.stdout == "(3, 36, 10, 3)\n"
    assert f"lerotool records in place of LeRobot in {SCRIPT}" in done.stderr
    dataset = lerotool.Dataset(tmp_path / "set")
    assert (dataset.robot_type, dataset.tasks) == ("toy", ("task 0", "task 1"))


@pytest.mark.slow
def test_a_script_that_ends_without_finalize_says_what_is_left(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    text = SCRIPT.read_text().replace("with VideoEncodingManager(dataset):", "if True:")
    script.write_text(text)

    done = run("-m", "lerotool.lerobot", str(script), str(tmp_path / "set"), "3", "2")

    assert done.returncode == 0, done.stderr
    assert f"encode with: lerotool encode --pending {tmp_path / 'set'}" in done.stderr
    assert run("-m", "lerotool", "encode", "--pending", str(tmp_path / "set")).returncode == 0
    assert lerotool.Dataset(tmp_path / "set").num_episodes == 3


def test_a_script_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = run("-m", "lerotool.lerobot", str(tmp_path / "no.py"))

    assert done.returncode == 2
    assert "no.py is not a file, expected a Python script" in done.stderr


def test_an_error_of_lerotools_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "something").touch()

    done = run("-m", "lerotool.lerobot", str(SCRIPT), str(tmp_path / "set"), "1", "1")

    assert done.returncode == 5
    assert done.stderr.splitlines()[-1].startswith(("error:", "hint:"))
    assert "Traceback" not in done.stderr


@pytest.mark.lerobot
def test_the_same_script_makes_the_same_rows_with_lerobot_and_with_lerotool(tmp_path: Path) -> None:
    python = lerobot_python()
    assert python, "the judge needs LEROTOOL_LEROBOT_PYTHON; run scripts/test.py --lerobot FOLDER"

    theirs = run(str(SCRIPT), str(tmp_path / "theirs"), "2", "1", python=python)
    ours = run("-m", "lerotool.lerobot", str(SCRIPT), str(tmp_path / "ours"), "2", "1")

    assert theirs.returncode == 0, theirs.stderr
    assert ours.returncode == 0, ours.stderr
    assert ours.stdout == theirs.stdout
    judge(tmp_path / "ours")
    first, second = lerotool.Dataset(tmp_path / "theirs"), lerotool.Dataset(tmp_path / "ours")
    assert first.rows().equals(second.rows())
    assert (first.tasks, first.robot_type) == (second.tasks, second.robot_type)
    for episode in range(2):
        pairs = zip(first.frames(episode, FRONT), second.frames(episode, FRONT), strict=True)
        assert all(np.abs(left.astype(int) - right).mean() < 2 for left, right in pairs)
    for name, expected in first.stats.items():
        found = second.stats[name]
        np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-4, atol=1e-2, err_msg=name)


@pytest.mark.lerobot
def test_with_the_same_libraries_the_pictures_are_lerobots_own(tmp_path: Path) -> None:
    python = lerobot_python()
    assert python, "the judge needs LEROTOOL_LEROBOT_PYTHON; run scripts/test.py --lerobot FOLDER"
    path = os.pathsep.join([str(ROOT), str(installed(tmp_path / "installed"))])

    theirs = run(str(SCRIPT), str(tmp_path / "theirs"), "1", "1", python=python)
    ours = run("-m", "lerotool.lerobot", str(SCRIPT), str(tmp_path / "ours"), "1", "1", python=python, path=path)

    assert theirs.returncode == 0, theirs.stderr
    assert ours.returncode == 0, ours.stderr
    assert f"lerotool records in place of LeRobot in {SCRIPT}" in ours.stderr
    first, second = lerotool.Dataset.open(tmp_path / "theirs"), lerotool.Dataset.open(tmp_path / "ours")
    assert first.rows().equals(second.rows())
    pairs = list(zip(first.frames(0, FRONT), second.frames(0, FRONT), strict=True))
    assert len(pairs) == 12
    assert all(np.array_equal(left, right) for left, right in pairs)


def test_where_lerobot_is_installed_its_other_names_stay_its_own(tmp_path: Path) -> None:
    package = tmp_path / "lerobot" / "datasets"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    (package / "lerobot_dataset.py").write_text("class LeRobotDataset: pass\nOTHER = 'theirs'\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom lerobot.datasets.lerobot_dataset import OTHER, LeRobotDataset\n"
        "sys.stdout.write(f'{OTHER} {LeRobotDataset.__module__}')\n"
    )

    done = run("-m", "lerotool.lerobot", str(script))

    assert done.stdout == "theirs lerotool.lerobot.dataset", done.stderr
