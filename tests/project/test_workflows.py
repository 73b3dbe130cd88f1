"""What the hosted workflows run, runs in a clone: scripts and stages exist, and the matrix is what is promised."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

CLONE = Path(__file__).parents[2]
WORKFLOWS = sorted((CLONE / ".github/workflows").glob("*.yml"))
PROJECT = tomllib.loads((CLONE / "pyproject.toml").read_text())["project"]


def jobs(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())["jobs"]
    return found


def commands() -> list[str]:
    """Return the lines that steps run."""
    steps = [step for path in WORKFLOWS for job in jobs(path).values() for step in job.get("steps", ())]
    return [step["run"] for step in steps if "run" in step]


@pytest.fixture(scope="module")
def stages() -> set[str]:
    """The stages that scripts/test.py knows."""
    said = subprocess.run([sys.executable, "scripts/test.py", "--help"], cwd=CLONE, capture_output=True, text=True)
    return set(said.stdout.partition("--only {")[2].partition("}")[0].replace("\n", "").replace(" ", "").split(","))


def test_every_script_and_stage_that_a_workflow_names_exists(stages: set[str]) -> None:
    scripts = [words for line in commands() if "scripts/" in (words := shlex.split(line))[1]]
    assert len(scripts) > 8
    for words in scripts:
        assert (CLONE / words[1]).is_file(), words
        if words[1] == "scripts/test.py":
            named = words[words.index("--only") + 1 :]
            assert {word for word in named if word.isalpha()} <= stages, words


def test_every_stage_is_run_by_a_workflow(stages: set[str]) -> None:
    run = {word for line in commands() for word in shlex.split(line)}
    assert stages - run == set()


def test_the_matrix_is_what_the_package_says_it_works_with() -> None:
    matrix = jobs(CLONE / ".github/workflows/ci.yml")["tests"]["strategy"]["matrix"]
    said = [text.rpartition(" :: ")[2] for text in PROJECT["classifiers"] if ":: Python :: 3." in text]
    assert matrix["python"] == said
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_jobs_may_only_read_unless_they_say_more_and_end_by_themselves(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}
    assert [name for name, job in jobs(path).items() if "uses" not in job and "timeout-minutes" not in job] == []
