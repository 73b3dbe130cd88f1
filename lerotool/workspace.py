"""Where things lie: the LeRobot home, and lerotool's own folders inside a dataset.

<dataset>/.lerotool/
  pending/episode-000012-1f3a…/   pending episodes, one folder each (see lerotool.spool)
  staging/                         new dataset files, complete but not yet in place
  history/000001-2026-…/           what changes have replaced (see lerotool.dataset.writing.history)
  journal.json                     the commit being carried out, if any (see lerotool.dataset.journal_file)
  measure                          is there from when episodes are added until statistics are taken from all data
  views.json                       what each camera saw when the last session began (see lerotool.recording.views)
  writing.lock  recording.lock     who changes the dataset, who records into it
<dataset>/meta/lerotool/           what belongs to the dataset but not to LeRobot's format (measured times, reports)
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lerotool.errors import CorruptDatasetError, ReadOnlyDatasetError
from lerotool.storage import ProcessLock
from lerotool.wording import as_argument

_DATASETS = "datasets--"
_REPOSITORY_PARTS = 2
_TAG = re.compile(r"v\d+\.\d+")
JOURNAL = "journal.json"
COMMITTED = "committed.json"
BY_COMMIT = "commit"
"""The key in `COMMITTED` that names the staging folder of the commit that put the mark there."""


def lerobot_home() -> Path:
    """Return LeRobot's home: ``HF_LEROBOT_HOME``, else ``lerobot`` in Hugging Face's home.

    That is ``HF_HOME``, else ``$XDG_CACHE_HOME/huggingface``, else ``~/.cache/huggingface``, as huggingface_hub has it.
    """
    if home := os.environ.get("HF_LEROBOT_HOME"):
        return Path(home).expanduser()
    return _hub_home() / "lerobot"


def _hub_home() -> Path:
    return Path(os.path.expandvars(os.environ.get("HF_HOME", f"{_cache_home()}/huggingface"))).expanduser()


def user_cache() -> Path:
    """Return where things lie that can be made again: ``$XDG_CACHE_HOME/lerotool``, else ``~/.cache/lerotool``."""
    return Path(os.path.expandvars(f"{_cache_home()}/lerotool")).expanduser()


def _cache_home() -> str:
    return os.environ.get("XDG_CACHE_HOME", "~/.cache")


def hub_caches() -> tuple[Path, ...]:
    """Return where downloads from the Hub are kept: by LeRobot 0.6, and by ``hf download``."""
    own = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return lerobot_home() / "hub", Path(os.path.expandvars(own)).expanduser() if own else _hub_home() / "hub"


def dataset_root(argument: str) -> Path:
    """Return the folder that a dataset argument means.

    That is an existing folder, or of ``user/name`` the one under the LeRobot home, else what LeRobot would take from
    the Hub's caches: the snapshot of the newest format's tag, else of ``main``.
    """
    path = Path(argument).expanduser()
    if path.exists() or path.is_absolute():
        return path
    in_home = lerobot_home() / argument
    if in_home.is_dir():
        return in_home
    if len(Path(argument).parts) == _REPOSITORY_PARTS and ".." not in path.parts:
        for cache in hub_caches():
            if (found := _snapshot(cache / f"{_DATASETS}{'--'.join(Path(argument).parts)}")) is not None:
                return found
    return path


def cached_datasets(cache: Path) -> Iterator[tuple[str, Path]]:
    """Return ``user/name`` and folder of each dataset that is in one of the Hub's caches, as `dataset_root` has it."""
    for repository in sorted(cache.glob(f"{_DATASETS}*--*")):
        if (found := _snapshot(repository)) is not None:
            yield repository.name.removeprefix(_DATASETS).replace("--", "/", 1), found


def _snapshot(repository: Path) -> Path | None:
    names = {path.relative_to(repository / "refs").as_posix() for path in (repository / "refs").glob("**/*")}
    tags = sorted((tag for tag in names if _TAG.fullmatch(tag)), key=_age, reverse=True)
    for name in [*tags, *(names & {"main"})]:
        with suppress(OSError, UnicodeDecodeError):
            found = repository / "snapshots" / (repository / "refs" / name).read_text().strip()
            if (found / "meta").is_dir():
                return found
    # Downloaded by the commit's name: then there is no other word for it.
    found_by_name = [path for path in (repository / "snapshots").glob("*") if (path / "meta").is_dir()]
    return max(found_by_name, key=lambda path: path.stat().st_mtime, default=None)


def _age(tag: str) -> tuple[int, int]:
    major, minor = tag.removeprefix("v").split(".")[:2]
    return int(major), int(minor)


def repository_of(root: Path) -> str | None:
    """Return ``user/name`` of a folder in one of the Hub's caches, None for any other folder."""
    repository = Path(os.path.abspath(root)).parent  # noqa: PTH100 - the links of the cache lead elsewhere
    if repository.name != "snapshots" or not repository.parent.name.startswith(_DATASETS):
        return None
    return repository.parent.name.removeprefix(_DATASETS).replace("--", "/", 1)


def dataset_name(root: Path) -> str:
    """Return what a dataset is called in few words: its folder's name, or ``user/name`` of one in the Hub's cache."""
    return repository_of(root) or root.name


def committed_by(folder: Path) -> str | None:
    """Return the staging folder of the commit that has marked a pending episode; None if none has."""
    return _text_in(folder / COMMITTED, BY_COMMIT)


def is_committed(folder: Path) -> bool:
    """Whether a pending episode is part of the dataset: marked, and no commit waits that has put the mark there."""
    if not (folder / COMMITTED).exists():
        return False
    by = committed_by(folder)
    return by is None or by != _text_in(folder.parent.parent / JOURNAL, "staging")


def _text_in(path: Path, key: str) -> str | None:
    with suppress(OSError, ValueError, RecursionError):
        document = json.loads(path.read_bytes())
        if isinstance(document, dict) and isinstance(document.get(key), str):
            return str(document[key])
    return None


def refuse_link(path: Path) -> None:
    """Make sure that one of lerotool's own folders is none that a symbolic link has put outside of the dataset."""
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
    def history(self) -> Path:
        """Files as they were before changes that can be taken back."""
        return self.folder / "history"

    @property
    def journal(self) -> Path:
        """The list of renames of the commit being carried out."""
        return self.folder / JOURNAL

    @property
    def measure(self) -> Path:
        """An empty file, there as long as the dataset's statistics are merged and not taken from all the data."""
        return self.folder / "measure"

    @property
    def writing_lock(self) -> Path:
        """Held by the one process that changes the dataset."""
        return self.folder / "writing.lock"

    @property
    def recording_lock(self) -> Path:
        """Held by the one process that records into the dataset."""
        return self.folder / "recording.lock"

    def lock_for_writing(self, purpose: str) -> ProcessLock:
        """Return the lock that a process which changes the dataset must take."""
        self._refuse_cache()
        return ProcessLock(self.writing_lock, purpose)

    def lock_for_recording(self, purpose: str) -> ProcessLock:
        """Return the lock that a process which records into the dataset must take; raises like `lock_for_writing`."""
        self._refuse_cache()
        return ProcessLock(self.recording_lock, purpose)

    def _refuse_cache(self) -> None:
        if (repository := repository_of(self.root)) is not None:
            copy = as_argument(repository.rpartition("/")[2])
            raise ReadOnlyDatasetError(
                f"{str(self.root)!r} is what the Hub's cache keeps of {repository}, and is never written to",
                hint=f"make a copy of your own first: lerotool merge {as_argument(self.root)} -o {copy}",
            )

    @property
    def sidecar(self) -> Path:
        """Measured times and reports that stay with the dataset."""
        return self.root / "meta" / "lerotool"
