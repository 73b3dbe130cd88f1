"""A tag is released only with its version and its section of the changelog; the oldest libraries are those declared."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import oldest
import release_notes

CLONE = Path(__file__).parents[2]
CHANGELOG = """# Changelog

## Unreleased

- later

## 1.2.0 - 2026-11-29

### Added

- something

## 1.1.0 - 2026-10-01
"""
PROJECT = '[project]\nversion = "1.2.0"\n'


def test_a_release_has_its_own_section_and_no_other() -> None:
    assert release_notes.section(CHANGELOG, "1.2.0") == "### Added\n\n- something"


@pytest.mark.parametrize("version", ["1.1.0", "1.2", "2.0.0", "Unreleased"])
def test_a_release_without_entries_of_its_own_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match=rf"no section '## {version} - "):
        release_notes.section(CHANGELOG, version)


def test_a_tag_is_the_projects_version() -> None:
    assert release_notes.version_of("v1.2.0", PROJECT) == "1.2.0"
    with pytest.raises(ValueError, match=r"the tag is 'v1\.3\.0', but pyproject\.toml has version '1\.2\.0'"):
        release_notes.version_of("v1.3.0", PROJECT)


def test_a_wrong_tag_ends_the_release_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/release_notes.py", "v99"], cwd=CLONE, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: the tag is 'v99'")
    assert done.stderr.count("\n") == 1


def test_the_oldest_release_of_every_library_is_the_lower_bound() -> None:
    extras = {"view": ["starlette>=0.41", "av>=17.0"], "test": ["pytest>=8.3"], "docs": ["mkdocs-material>=9.6"]}
    project = {"dependencies": ["av>=17.0,<19", "numpy>=2.0"], "optional-dependencies": extras}
    assert list(oldest.constraints(project)) == ["av==17.0", "numpy==2.0", "starlette==0.41"]


def test_a_library_without_a_lower_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="'numpy' has no lower bound"):
        list(oldest.constraints({"dependencies": ["numpy"], "optional-dependencies": {}}))
