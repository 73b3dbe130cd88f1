"""Where things lie: the LeRobot home, and lerotool's own folders inside a dataset.

<dataset>/.lerotool/
  pending/episode-000012-1f3a…/   pending episodes, one folder each (see lerotool.spool)
  staging/                         new dataset files, complete but not yet in place
  journal.json                     the commit being carried out, if any (see lerotool.dataset.writing.journal)
  writing.lock  recording.lock     who changes the dataset, who records into it
<dataset>/meta/lerotool/           what belongs to the dataset but not to LeRobot's format (measured times, reports)
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lerotool.errors import CorruptDatasetError

JOURNAL = "journal.json"


def lerobot_home() -> Path:
    """Return LeRobot's home: ``HF_LEROBOT_HOME``, else ``lerobot`` in Hugging Face's home.

    That is ``HF_HOME``, else ``$XDG_CACHE_HOME/huggingface``, else ``~/.cache/huggingface``, as huggingface_hub has it.
    """
    if home := os.environ.get("HF_LEROBOT_HOME"):
        return Path(home).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    hub_home = os.environ.get("HF_HOME", f"{cache}/huggingface")
    return Path(os.path.expandvars(hub_home)).expanduser() / "lerobot"


def dataset_root(argument: str) -> Path:
    """Return the folder that a dataset argument means: an existing folder, or ``user/name`` under the LeRobot home."""
    path = Path(argument).expanduser()
    in_home = lerobot_home() / argument
    if not path.exists() and not path.is_absolute() and in_home.is_dir():
        return in_home
    return path


def refuse_link(path: Path) -> None:
    """Make sure that one of lerotool's own folders is none that a symbolic link has put outside of the dataset.

    Raises:
        CorruptDatasetError: it is a link.
    """
    if path.is_symlink():
        raise CorruptDatasetError(
            f"{path}: expected a folder, found a symbolic link to {str(path.readlink())!r}",
            hint="remove the link, or put the folder that it leads to in its place; the dataset's folder may be a link",
        )


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths of lerotool's own files inside the dataset at ``root``.

    A dataset may come from anywhere, so ``.lerotool`` and the folders in it must be folders: where one of them is a
    symbolic link, every path of them raises `CorruptDatasetError`. The dataset's folder itself may be a link.
    """

    root: Path

    @staticmethod
    def place(root: Path) -> Path:
        """Return where `folder` is, whatever is there; for who only tells about it."""
        return root / ".lerotool"

    @property
    def folder(self) -> Path:
        """All that is lerotool's own and not part of the dataset."""
        folder = self.place(self.root)
        refuse_link(folder)
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_symlink() and entry.is_dir():
                    refuse_link(Path(entry))
        return folder

    @property
    def pending(self) -> Path:
        """Pending episodes, one folder each."""
        return self.folder / "pending"

    @property
    def staging(self) -> Path:
        """New dataset files before their commit."""
        return self.folder / "staging"

    @property
    def journal(self) -> Path:
        """The list of renames of the commit being carried out."""
        return self.folder / JOURNAL

    @property
    def writing_lock(self) -> Path:
        """Held by the one process that changes the dataset."""
        return self.folder / "writing.lock"

    @property
    def recording_lock(self) -> Path:
        """Held by the one process that records into the dataset."""
        return self.folder / "recording.lock"

    @property
    def sidecar(self) -> Path:
        """Measured times and reports that stay with the dataset."""
        return self.root / "meta" / "lerotool"
