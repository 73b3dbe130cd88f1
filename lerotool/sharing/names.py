"""Which repository on the Hub a dataset is."""

from __future__ import annotations

import re
from pathlib import Path

from lerotool.errors import UsageError
from lerotool.sharing.last_sync import SyncMemory
from lerotool.wording import as_argument
from lerotool.workspace import dataset_root, lerobot_home

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_LOCAL = "local"
"""The user of datasets that were recorded under no other name; nobody on the Hub."""


def check_repository(name: str) -> str:
    """Return the name of a repository; refuse what cannot be one."""
    if not _REPOSITORY.fullmatch(name):
        raise UsageError(
            f"{name!r} is not the name of a dataset on the Hub", hint="expected USER/NAME, as in me/pick-cube"
        )
    return name


def repository_for(wanted: str | None, root: Path, last: str | None) -> str:
    """Return ``user/name`` of the repository that a dataset is pushed to."""
    if wanted is not None:
        return check_repository(wanted)
    if last is not None:
        return check_repository(last)
    try:
        name = root.resolve().relative_to(lerobot_home().resolve()).as_posix()
    except ValueError:
        name = ""
    if _REPOSITORY.fullmatch(name) and not name.startswith(f"{_LOCAL}/"):
        return name
    raise UsageError(
        f"{str(root)!r}: nothing tells which dataset on the Hub this is",
        hint=f"lerotool push {as_argument(root)} --repo-id USER/NAME",
    )


def repository_of_argument(argument: str, wanted: str | None) -> str:
    """Return ``user/name`` on the Hub of a dataset argument, whether the dataset is on this machine or not."""
    root = dataset_root(argument)
    if wanted is None and not root.is_dir():
        return check_repository(argument)
    return repository_for(wanted, root, SyncMemory(root).repository if root.is_dir() else None)
