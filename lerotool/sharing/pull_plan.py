"""What a pull would do: which files are missing here, which go, and what must not be lost; nothing is changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.info import INFO
from lerotool.dataset.layout import check_relative
from lerotool.dataset.partial import Partial, load_partial
from lerotool.errors import CorruptDatasetError, DatasetNotFoundError, TargetExistsError, UsageError
from lerotool.sharing.events import Listener, Noted, Step
from lerotool.sharing.hub import Hub, Refs, RemoteFile, Tree, same_contents
from lerotool.sharing.inventory import CARD, LocalFile, is_ours, take_inventory
from lerotool.sharing.last_sync import LastSync, SyncMemory, check_repository
from lerotool.sharing.listing import is_dataset
from lerotool.sharing.push_plan import MAIN
from lerotool.sharing.refusals import no_repository
from lerotool.storage import scratch_folder
from lerotool.wording import as_argument, counted
from lerotool.workspace import Workspace, lerobot_home


@dataclass(frozen=True, slots=True)
class Scope:
    """How much of a dataset is wanted."""

    episodes: frozenset[int] | None = None  # their numbers, none for the metadata only; None is everything
    kept: frozenset[int] = frozenset()  # the numbers of those that are here already, and stay

    @property
    def is_all(self) -> bool:
        """Whether everything is wanted."""
        return self.episodes is None


ALL = Scope()
METADATA = Scope(frozenset())


@dataclass(frozen=True, slots=True)
class PullRequest:
    """What is asked of a pull."""

    repository: str  # ``user/name`` on the Hub
    # Branch, tag or commit; None is what LeRobot loads: the tag of the newest format, else ``main``.
    revision: str | None = None
    scope: Scope = ALL  # how much of it
    root: Path | None = None  # where to; None is ``user/name`` in the LeRobot home

    @property
    def target(self) -> Path:
        """The folder that it goes to."""
        return lerobot_home() / self.repository if self.root is None else self.root.expanduser()


@dataclass(frozen=True, slots=True)
class PullPlan:
    """What a pull does, as far as it is known before the metadata are here."""

    request: PullRequest  # what was asked
    root: Path  # the folder
    commit: str  # that is pulled
    branch: str  # whose memory it belongs to
    remote: Tree  # the files of the commit that can be pulled
    local: Mapping[str, LocalFile]  # the files that are here
    partial: Partial | None  # what of it is here, if that is not all
    scope: Scope  # how much is wanted, with what is here already
    unchanged: frozenset[str]  # the paths of files that are here as they are there

    def missing(self, names: Iterable[str]) -> list[RemoteFile]:
        """Return those of some files of the commit that are not here as they are there."""
        return [self.remote[name] for name in names if name not in self.unchanged]

    @property
    def metadata(self) -> list[str]:
        """The files that are there in every scope."""
        return [name for name in self.remote if is_metadata(name)]

    def removals(self, wanted: Iterable[str]) -> list[str]:
        """Return the files of a dataset that are here, but not in the commit, or otherwise and not wanted."""
        stale = self.remote.keys() - self.unchanged - set(wanted)
        return [name for name in self.local if is_ours(name, None) and (name not in self.remote or name in stale)]


def plan_pull(request: PullRequest, listen: Listener) -> tuple[PullPlan, Hub]:
    """Look at the Hub and at what is here, and find out what a pull would do; also return the Hub, to do it."""
    check_repository(request.repository)
    hub = Hub(request.repository, listen)
    root = request.target
    _check_target(root, request.repository)
    listen(Step("asking the Hub"))
    refs = hub.refs()
    if refs is None:
        raise no_repository(request.repository)
    commit = _chosen(request, refs, hub, listen)
    tree = hub.tree(commit)
    for path in tree:
        check_relative(path, f"{request.repository} on the Hub")
    remote = {path: file for path, file in tree.items() if is_pulled(path)}
    if INFO.as_posix() not in remote:
        raise DatasetNotFoundError(
            f"{hub.page} is not a LeRobot dataset: it has no {INFO.as_posix()}",
            hint=f"hf download {request.repository} --repo-type dataset gets it as it is",
        )
    branch = request.revision if request.revision in refs.branches else MAIN
    listen(Step("comparing files"))
    local = take_inventory(root) if root.is_dir() else {}
    known = SyncMemory(root).last(request.repository, branch or MAIN)
    unchanged = frozenset(name for name in local if name in remote and remote[name].is_same(local[name].source))
    is_here = INFO.as_posix() in local
    partial = load_partial(root) if is_here else None
    scope = request.scope if partial is not None or not is_here else ALL
    if partial is not None and not scope.is_all:
        scope = replace(scope, kept=frozenset(partial.episodes))
    plan = PullPlan(request, root, commit, branch or MAIN, remote, local, partial, scope, unchanged)
    _refuse_to_lose(plan, known)
    return plan, hub


def _check_target(root: Path, repository: str) -> None:
    """Make sure that a dataset may be put there."""
    Workspace(root).lock_for_writing("pulling")  # refuses what is in the Hub's cache
    if not root.exists():
        return
    if not root.is_dir():
        raise TargetExistsError(f"{str(root)!r} is a file", hint="name a folder with --root")
    if not is_dataset(root) and any(root.iterdir()):
        raise TargetExistsError(
            f"{str(root)!r} has files, and is not a dataset",
            hint=f"name another folder: lerotool pull {as_argument(repository)} --root FOLDER",
        )


def _chosen(request: PullRequest, refs: Refs, hub: Hub, listen: Listener) -> str:
    if request.revision is not None:
        return hub.commit_of(request.revision)
    head = refs.branches.get(MAIN)
    for version in reversed(FormatVersion.registered()):
        if (found := refs.tags.get(version.value)) is not None:
            if head not in (None, found):
                stale = f"the tag {version.value}, which LeRobot loads, is not on the newest commit"
                listen(Noted(f"{request.repository}: {stale}; --revision main pulls that one"))
            return found
    if head is None:
        raise DatasetNotFoundError(f"{hub.page} has no tag of a format and no branch {MAIN!r}", hint="give --revision")
    listen(
        Noted(
            f"{request.repository} has no tag of a format, so LeRobot does not load it; if it is yours: "
            f"lerotool push {as_argument(request.repository)} --tag-only"
        )
    )
    return head


def _refuse_to_lose(plan: PullPlan, known: LastSync) -> None:
    """Refuse to replace or remove files that are nowhere else."""
    replaced = [name for name in plan.local if name in plan.remote and name not in plan.unchanged]
    own = [
        name
        for name in dict.fromkeys((*replaced, *plan.removals(())))
        if name not in known.files or not same_contents(plan.local[name].source, known.files[name])
    ]
    if not own:
        return
    lost = f"{own[0]}{f' and {len(own) - 1} more' if len(own) > 1 else ''} would be lost"
    if known.commit is None:
        what = "is not known to come from there, and differs"
    else:
        what = "has changed since it was last pulled or pushed"
    raise TargetExistsError(
        f"{str(plan.root)!r} {what}: {lost}",
        hint=f"the Hub's beside it: lerotool pull {as_argument(plan.request.repository)} --root FOLDER; "
        f"this one to the Hub: lerotool push {as_argument(plan.root)}",
    )


def check_commit(tree: Tree, names: Iterable[str], repository: str) -> None:
    """Make sure that a commit has the files that its own metadata name."""
    lacking = sorted(name for name in names if name not in tree)
    if lacking:
        raise CorruptDatasetError(
            f"{repository} on the Hub lacks {counted(len(lacking), 'file')} that its metadata name: {lacking[0]}",
            hint="tell its owner; --meta pulls what is there",
        )


def is_metadata(path: str) -> bool:
    """Whether a file of a repository is there in every scope: the metadata and the card."""
    return path.startswith("meta/") or path == CARD


def is_pulled(path: str) -> bool:
    """Whether a file of a repository is one for a folder of ours: hidden files are the Hub's or nobody's."""
    return not any(part.startswith(".") for part in path.split("/"))


def find_part(metadata: Mapping[str, Path], scope: Scope, repository: str) -> tuple[frozenset[str], Partial]:
    """Return the files with rows and pictures that a scope needs, and what of the dataset is here then."""
    with scratch_folder("lerotool-metadata-") as root:
        for name, path in metadata.items():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        dataset = Dataset.open(root)
        total = dataset.num_episodes
        asked = scope.episodes or frozenset()
        if beyond := sorted(number for number in asked if number >= total):
            raise UsageError(f"there are episodes 0 to {total - 1}, asked for {beyond[0]}")
        wanted = asked | {number for number in scope.kept if number < total}
        files = frozenset(name for number in wanted for name in _files_of(dataset, number))
        # Files hold many episodes, so more may be here than were asked for.
        episodes = [n for n in range(total) if n in wanted or (files and _files_of(dataset, n) <= files)]
    return files, Partial(repository, tuple(episodes), total)


def _files_of(dataset: Dataset, number: int) -> set[str]:
    episode = dataset.episodes[number]
    if episode.data.file_index is None:
        raise CorruptDatasetError(
            "the episode table does not tell where rows are, so some episodes alone cannot be fetched",
            hint="pull all of it, or --meta",
        )
    paths = [episode.data.path, *(span.path for span in episode.videos.values())]
    return {os.path.relpath(path, dataset.root).replace(os.sep, "/") for path in paths}
