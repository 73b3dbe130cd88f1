"""The wheel holds what users run, and what is in it runs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[1]
DEVELOPERS = {"harness", "faults", "fuzzing", "soak", "tests", "scripts", "conftest"}
"""Names of what puts the product to the test, as folders or as modules of their own."""
PAGES = PurePosixPath("lerotool/web/static")
"""What a browser is sent."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_and_nothing_that_tests_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        paths = [PurePosixPath(name) for name in archive.namelist()]
    package = [path for path in paths if not path.parts[0].endswith(".dist-info")]
    assert {path.parts[0] for path in package} == {"lerotool"}
    data = [path for path in package if path.suffix != ".py" and PAGES not in path.parents]
    assert data == [PurePosixPath("lerotool/py.typed")]
    assert [str(path) for path in package if DEVELOPERS & {*path.parts, path.stem}] == []


def test_a_command_runs_from_the_wheel(wheel: Path) -> None:
    program = "import lerotool.cli.app as app; print(app.__file__); app.run(['--version'])"
    command = [sys.executable, "-P", "-c", program]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(wheel)}, capture_output=True, text=True)
    place, _, said = done.stdout.partition("\n")
    assert place.startswith(str(wheel)), done.stderr
    assert said.startswith("lerotool ")
