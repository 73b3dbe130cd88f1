"""What a push would do: found by comparing the dataset with the Hub; nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lerotool.checking import CheckReport, Severity
from lerotool.checking.check import look
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.documents import parse_object
from lerotool.dataset.info import INFO, parse_info
from lerotool.dataset.partial import load_partial
from lerotool.errors import (
    CorruptDatasetError,
    DatasetNotFoundError,
    IncompatibleDatasetError,
    ReadOnlyDatasetError,
    UsageError,
)
from lerotool.execution import Progress, ignore_progress
from lerotool.sharing.card import Card, facts
from lerotool.sharing.events import Listener, Noted, Step
from lerotool.sharing.hub import Addition, Hub, Refs, RemoteFile, Tree
from lerotool.sharing.inventory import CARD, LocalFile, is_ours, take_inventory
from lerotool.sharing.last_sync import LastSync, SyncMemory, digest_of, repository_for
from lerotool.sharing.refusals import HubConflictError
from lerotool.spool.pending import pending_folders
from lerotool.wording import as_argument, counted
from lerotool.workspace import is_committed, repository_of

MAIN = "main"


class Visibility(StrEnum):
    """Who sees a repository that a push makes."""

    PRIVATE = "private"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class PushRequest:
    """What is asked of a push."""

    dataset: str  # folder, or ``user/name`` under the LeRobot home
    # ``user/name`` on the Hub; None is that of the last push or pull, else the dataset's own name.
    repository: str | None = None
    visibility: Visibility | None = None  # of a new repository; None is private, and leaves one that is there as it is
    license_id: str | None = None  # that the card states; None leaves it as it is
    branch: str = MAIN  # that the commit goes to
    tags: tuple[str, ...] = ()  # further tags to put on it
    force: bool = False  # push although checking finds errors
    replace: bool = False  # push although the Hub has commits that this machine does not know


@dataclass(frozen=True, slots=True)
class PushPlan:
    """What a push does."""

    request: PushRequest  # what was asked
    root: Path  # the dataset
    repository: str  # ``user/name`` on the Hub
    is_new: bool  # whether the repository is made
    parent: str | None  # the commit of the branch that this one follows; None where the branch is made
    # Files that are sent, because the Hub lacks them or has them otherwise; ``info.json`` last.
    additions: tuple[Addition, ...]
    deleted: tuple[RemoteFile, ...]  # files that it has and the dataset has not
    remote: Tree  # the files that it has now
    version_tag: str | None  # the tag by which LeRobot finds the dataset; None on another branch than ``main``
    tags: Mapping[str, str]  # where all tags are now
    sources: Mapping[str, LocalFile]  # the dataset's files, as they were when this was made
    known: LastSync  # what was last in common
    license_id: str | None  # what the card will state
    report: CheckReport  # what checking has found
    episodes: int  # of the dataset

    @property
    def added(self) -> tuple[Addition, ...]:
        """The files that the Hub does not have."""
        return tuple(each for each in self.additions if each.path not in self.remote)

    @property
    def changed(self) -> tuple[Addition, ...]:
        """The files that it has otherwise."""
        return tuple(each for each in self.additions if each.path in self.remote)

    @property
    def unchanged(self) -> int:
        """How many files it has as they are."""
        return len(self.sources.keys() | {CARD}) - len(self.additions)

    @property
    def bytes(self) -> int:
        """Of the files that are sent."""
        return sum(each.size for each in self.additions)

    @property
    def is_up_to_date(self) -> bool:
        """Whether the Hub's files are those of the dataset already."""
        return not (self.additions or self.deleted)

    @property
    def wanted_tags(self) -> tuple[str, ...]:
        """The tags that will be on the commit, the one that LeRobot looks for last."""
        return (*self.request.tags, *([self.version_tag] if self.version_tag else []))

    @property
    def moved_tags(self) -> tuple[str, ...]:
        """The tags that are not where they will be."""
        return tuple(tag for tag in self.wanted_tags if not self.is_up_to_date or self.tags.get(tag) != self.parent)

    def result(self, remote: Mapping[str, int]) -> dict[str, int]:
        """Return names and sizes of the files that the Hub has afterwards; what is not part of a dataset stays."""
        deleted = {file.path for file in self.deleted}
        files = {path: size for path, size in remote.items() if path not in deleted}
        files |= {path: file.size for path, file in self.sources.items() if path != CARD}
        return files | {each.path: each.size for each in self.additions}


def plan_push(request: PushRequest, listen: Listener, on_progress: Progress = ignore_progress) -> tuple[PushPlan, Hub]:
    """Look at the dataset and at the Hub, and find out what a push would do; also return the Hub, to do it."""
    dataset = _open(request)
    root = dataset.root
    memory = SyncMemory(root)
    repository = repository_for(request.repository, root, memory.repository)
    hub = Hub(repository, listen)
    listen(Step("asking the Hub"))
    hub.check_login()
    refs = hub.refs()
    if refs is not None:
        _check_visibility(request, hub)
        _check_tags(request, refs, repository)
    listen(Step("checking the dataset"))
    report = _checked(root, request, on_progress)
    _tell_pending(root, listen)
    refs = refs or Refs()
    base = refs.branches.get(request.branch) or refs.branches.get(MAIN)
    remote: Tree = {} if base is None else hub.tree(base)
    listen(Step("comparing files"))
    sources = take_inventory(root)
    card = _card(
        request, dataset, repository, sources, report, hub.read(CARD, base) if base and CARD in remote else None
    )
    plan = PushPlan(
        request=request,
        root=root,
        repository=repository,
        is_new=not refs.branches,
        parent=refs.branches.get(request.branch),
        additions=_additions(sources, card, remote),
        deleted=tuple(f for path, f in remote.items() if path not in sources and is_ours(path, dataset.layout)),
        remote=remote,
        version_tag=dataset.version.value if request.branch == MAIN else None,
        tags=refs.tags,
        sources=sources,
        known=memory.last(repository, request.branch),
        license_id=Card.parse(card, CARD).license,
        report=report,
        episodes=dataset.num_episodes,
    )
    _refuse_unknown(plan)
    return plan, hub


def _open(request: PushRequest) -> Dataset:
    dataset = Dataset.open(request.dataset)
    root = dataset.root
    if (cached := repository_of(root)) is not None:
        raise ReadOnlyDatasetError(
            f"{str(root)!r} is what the Hub's cache keeps of {cached}",
            hint=f"pull a copy of your own: lerotool pull {as_argument(cached)}",
        )
    if dataset.unfinished is not None:
        raise CorruptDatasetError(f"{root}: {dataset.unfinished}")
    if (partial := load_partial(root)) is not None:
        raise IncompatibleDatasetError(
            f"{root}: only a part of {partial.repository} is here ({partial}); a push would delete the rest there",
            hint=f"get all of it first: {partial.command}",
        )
    if not dataset.num_episodes:
        raise DatasetNotFoundError(f"{str(root)!r} has no episodes yet", hint="record some, then encode them")
    return dataset


def _check_visibility(request: PushRequest, hub: Hub) -> None:
    """Make sure that what is to be private does not go where all see it."""
    if request.visibility is Visibility.PRIVATE and not hub.is_private():
        raise UsageError(
            f"{hub.repository} is public, and a push does not change that",
            hint=f"make it private first ({hub.page}/settings), or name another repository with --repo-id",
        )
    if request.visibility is Visibility.PUBLIC and hub.is_private():
        raise UsageError(
            f"{hub.repository} is private, and a push does not change that", hint=f"make it public: {hub.page}/settings"
        )


def _check_tags(request: PushRequest, refs: Refs, repository: str) -> None:
    taken = [tag for tag in request.tags if tag in refs.tags and refs.tags[tag] != refs.branches.get(request.branch)]
    if taken:
        raise UsageError(
            f"{repository} has the tag {taken[0]!r} already, on another commit", hint="choose another name for it"
        )


def _checked(root: Path, request: PushRequest, on_progress: Progress) -> CheckReport:
    report, _ = look(root, on_progress=on_progress)
    if report.is_sound or request.force:
        return report
    errors = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    first = errors[0]
    more = f"; {counted(len(errors) - 1, 'further error')}" if len(errors) > 1 else ""
    raise CorruptDatasetError(
        f"{root}: {first.code.value}, {first.place}: {first.text}{more}",
        hint=f"lerotool check {as_argument(root)} says what to do; --force pushes it with its errors, for all to load",
    )


def _tell_pending(root: Path, listen: Listener) -> None:
    waiting = sum(not is_committed(folder) for folder in pending_folders(root))
    if waiting:
        episodes = counted(waiting, "pending episode")
        command = f"lerotool encode --pending {as_argument(root)}"
        listen(Noted(f"{episodes} not part of what is pushed; to add {'it' if waiting == 1 else 'them'}: {command}"))


def _card(
    request: PushRequest,
    dataset: Dataset,
    repository: str,
    sources: Mapping[str, LocalFile],
    report: CheckReport,
    remote: bytes | None,
) -> bytes:
    """Return the card: the dataset's own, else the one on the Hub, with new facts."""
    if CARD in sources:
        card = Card.parse(sources[CARD].source.read_bytes(), str(sources[CARD].source))
    else:
        card = Card.parse(remote or b"", f"{CARD} of {repository}")
    size = sum(file.size for path, file in sources.items() if path != CARD)
    title = repository.partition("/")[2]
    return card.with_facts(title, facts(dataset, repository, size, report), request.license_id)


def _additions(sources: Mapping[str, LocalFile], card: bytes, remote: Tree) -> tuple[Addition, ...]:
    found = [
        Addition(path, file.source, file.size)
        for path, file in sources.items()
        if path != CARD and not (path in remote and remote[path].is_same(file.source))
    ]
    if not (CARD in remote and remote[CARD].is_bytes(card)):
        found.append(Addition(CARD, card, len(card)))
    return tuple(sorted(found, key=lambda each: (each.path == INFO.as_posix(), each.path)))


def _refuse_unknown(plan: PushPlan) -> None:
    """Refuse to replace what this machine has never seen."""
    head, known, request = plan.parent, plan.known, plan.request
    has_dataset = INFO.as_posix() in plan.remote
    if head is None or head == known.commit or not has_dataset or request.replace:
        return
    if all(each.path == CARD for each in plan.additions) and not plan.deleted:
        return
    made = digest_of((path, file.size) for path, file in plan.remote.items())
    if known.attempt is not None and known.attempt.digest == made:
        return
    if known.commit is None:
        said = "is on the Hub already, and this dataset was neither pulled from there nor pushed there"
    else:
        said = f"has newer commits on the Hub ({head[:8]}) than this machine knows ({known.commit[:8]})"
    raise HubConflictError(
        f"{plan.repository} {said}",
        hint=f"look at them: lerotool pull {as_argument(plan.repository)} --root FOLDER; "
        "--replace puts this dataset in their place",
    )


@dataclass(frozen=True, slots=True)
class TagPlan:
    """Where a tag is, and where it will be."""

    repository: str  # ``user/name``
    page: str  # its address
    tag: str  # of the format of what is there
    before: str | None  # the commit that it is on; None if the tag does not exist
    after: str  # the newest commit


def plan_tag(repository: str, listen: Listener) -> tuple[TagPlan, Hub]:
    """Find out which tag the newest commit of a dataset needs; also return the Hub, to move it."""
    hub = Hub(repository, listen)
    listen(Step("asking the Hub"))
    hub.check_login()
    head = hub.commit_of(MAIN)
    refs = hub.refs()
    name = INFO.as_posix()
    if name not in hub.tree(head):
        raise DatasetNotFoundError(f"{hub.page} is not a LeRobot dataset: it has no {name}", hint="push it as a whole")
    info = parse_info(parse_object(hub.read(name, head), f"{name} of {repository}"), f"{name} of {repository}")
    tag = info.codebase_version.value
    return TagPlan(repository, hub.page, tag, refs.tags.get(tag) if refs else None, head), hub
