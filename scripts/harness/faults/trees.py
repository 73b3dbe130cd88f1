"""Folders compared."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

_CHANCE = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ|(\d+-)?[0-9a-f]{8}([0-9a-f]{4})?")
_RANDOM = re.compile(r"(?<=episode-\d{6})-[0-9a-f]{8}")


def tree_hash(root: Path) -> str:
    """Return a hash of the names and contents of everything below a folder."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        digest.update(f"{path.relative_to(root)}\0{path.is_dir()}\0".encode())
        if path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def likeness(root: Path) -> str:
    """Return a hash like `tree_hash`, the same for folders that differ in random names and holders of locks only."""
    digest = hashlib.sha256()
    entries = {_CHANCE.sub("*", str(path.relative_to(root))): path for path in root.rglob("*")}
    for name, path in sorted(entries.items()):
        digest.update(f"{name}\0{path.is_dir()}\0".encode())
        if path.is_file() and path.suffix != ".lock":
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def names_of(root: Path) -> list[str]:
    """Return the names of all files and folders below a folder.

    The parts of recordings' names that chance has chosen are replaced.
    """
    return sorted(_RANDOM.sub("-*", str(path.relative_to(root))) for path in root.rglob("*"))


def names_without_chance(root: Path) -> frozenset[str]:
    """Return the names of all files and folders below a folder, parts chosen by chance, process id or time replaced."""
    return frozenset(without_chance(path.relative_to(root).as_posix()) for path in root.rglob("*"))


def without_chance(name: str) -> str:
    """Return a name whose parts chosen by chance, process id or time are replaced."""
    return _CHANCE.sub("*", name)
