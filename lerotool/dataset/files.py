"""The files of a dataset by name, and where they are while a commit that was interrupted has some of them replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath


@dataclass(frozen=True, slots=True)
class Files:
    """Where a reader finds the files of a dataset; names are relative to its folder, with forward slashes."""

    root: Path  # the dataset's folder
    # Names whose file is not the one of that name, and the name of the one that is; where a name did not exist before
    # an interrupted commit, that of a file that does not exist.
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def name(self, name: str) -> str:
        """Return the name under which a file really lies."""
        return self.elsewhere.get(name, name)

    def path(self, name: PurePath | str) -> Path:
        """Return where a file lies, whether it exists or not."""
        return self.root / self.name(PurePath(name).as_posix())

    def glob(self, folder: PurePath, pattern: str) -> list[str]:
        """Return the names of the files in a folder that match a pattern without ``**``, in order."""
        found = {path.relative_to(self.root).as_posix() for path in (self.root / folder).glob(pattern)}
        found -= self.elsewhere.keys()
        whole = PurePosixPath(PurePath(folder).as_posix(), pattern)
        for name, real in self.elsewhere.items():
            path = PurePosixPath(name)
            if len(path.parts) == len(whole.parts) and path.match(str(whole)) and (self.root / real).is_file():
                found.add(name)
        return sorted(found, key=PurePosixPath)
