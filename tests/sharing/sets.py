"""Datasets to share, and what their files are."""

from __future__ import annotations

import shutil
from pathlib import Path

import lerotool
from tests.dataset.reading import VIDEO_SET
from tests.shared import GOLDEN

OWN = (".lerotool", "images")


def put_set(home: Path, name: str = "me/pick-cube", golden: str = VIDEO_SET) -> Path:
    """Put a golden dataset into the LeRobot home."""
    return Path(shutil.copytree(GOLDEN / golden, home / name))


def contents(root: Path) -> dict[str, bytes]:
    """Return the files of a dataset that belong to it."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.relative_to(root).parts[0] not in OWN
    }


def without_card(files: dict[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in files.items() if path != "README.md"}


def keep_episodes(source: Path, episodes: str, target: Path) -> Path:
    """Make a dataset of some episodes, and put it in the place of the source."""
    lerotool.merge([f"{source}:{episodes}"], target)
    own = source / ".lerotool"
    kept = target.parent / "kept-own"
    if own.exists():
        own.replace(kept)
    shutil.rmtree(source)
    target.replace(source)
    if kept.exists():
        shutil.rmtree(own, ignore_errors=True)
        kept.replace(own)
    return source
