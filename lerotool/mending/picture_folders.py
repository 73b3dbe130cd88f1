"""The picture files that LeRobot's recorder leaves in ``images/``: one folder per camera and episode.

    images/observation.images.front/episode-000012/frame-000000.png

LeRobot up to 0.3 has ``_`` in place of ``-``; depth pictures are TIFF files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

IMAGES = "images"
_EPISODE = re.compile(r"episode[-_](\d+)")
_FRAME = re.compile(r"frame[-_](\d+)\.(?:png|jpe?g|tiff?)", re.IGNORECASE)
# How a finished PNG or JPEG ends; a TIFF has no such mark.
_ENDS = {".png": b"IEND\xaeB`\x82", ".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9"}


@dataclass(frozen=True, slots=True)
class PictureFolder:
    """The pictures of one camera of one episode."""

    path: Path  # the folder
    camera: str  # the feature that its name says
    episode: int  # the number that its name says
    # Names of the finished pictures, frame 0 first, up to the first that is missing or not finished.
    files: tuple[str, ...]
    others: int  # how many more pictures there are


def find_picture_folders(root: Path) -> list[PictureFolder]:
    """Return what is in a dataset's ``images/``, by episode and camera; empty folders are nothing."""
    found = [
        folder for path, number in _episode_folders(root) if (folder := _look(path, number)).files or folder.others
    ]
    return sorted(found, key=lambda folder: (folder.episode, folder.camera))


def has_picture_folders(root: Path) -> bool:
    """Return whether there is an episode's folder in a dataset's ``images/``."""
    return next(_episode_folders(root), None) is not None


def _episode_folders(root: Path) -> Iterator[tuple[Path, int]]:
    for camera in _folders(root / IMAGES):
        for path in _folders(camera):
            if match := _EPISODE.fullmatch(path.name):
                yield path, int(match[1])


def _folders(path: Path) -> Iterator[Path]:
    # Links are not followed: what is behind them is not this dataset's, and may not be removed.
    if path.is_dir() and not path.is_symlink():
        yield from (entry for entry in sorted(path.iterdir()) if entry.is_dir() and not entry.is_symlink())


def _look(path: Path, episode: int) -> PictureFolder:
    names = {int(match[1]): entry.name for entry in path.iterdir() if (match := _FRAME.fullmatch(entry.name))}
    files: list[str] = []
    while (name := names.get(len(files))) is not None and _is_finished(path / name):
        files.append(name)
    return PictureFolder(path, path.parent.name, episode, tuple(files), len(names) - len(files))


def _is_finished(path: Path) -> bool:
    end = _ENDS.get(path.suffix.lower(), b"")
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - len(end)))
        return size > len(end) and file.read() == end
