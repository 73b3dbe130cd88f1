"""Carrying a push out: files first, which are part of nothing yet, then one commit, then the tags, all read back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lerotool.errors import CorruptDatasetError, HubError
from lerotool.sharing.events import Begun, Listener, Noted, Step
from lerotool.sharing.hub import Hub, Tree
from lerotool.sharing.last_sync import Attempt, LastSync, SyncMemory, digest_of
from lerotool.sharing.push_plan import MAIN, PushPlan, Visibility
from lerotool.wording import as_argument, counted

if TYPE_CHECKING:
    from lerotool.sharing.hub import Operation

MOST_OPERATIONS = 25_000
"""The Hub takes no more files in one commit."""


@dataclass(frozen=True, slots=True)
class PushReport:
    """What a push has done.

    Attributes:
        repository: ``user/name``.
        page: its address.
        commit: that the dataset is now.
        commits: how many were made; 0 where the Hub had everything already.
        files_sent: added or changed.
        files_deleted: on the Hub.
        bytes: of the files sent.
        tags: that are on the commit.
        wall_s: seconds that it took, planning left out.
    """

    repository: str
    page: str
    commit: str
    commits: int
    files_sent: int
    files_deleted: int
    bytes: int
    tags: tuple[str, ...]
    wall_s: float


def execute_push(plan: PushPlan, hub: Hub, listen: Listener) -> PushReport:
    """Do what a plan says; interrupted at any time, the Hub has the old dataset or the new one."""
    began = time.monotonic()
    memory = SyncMemory(plan.root)
    commit, commits = plan.parent, 0
    if commit is None or not plan.is_up_to_date:
        parent = _make_place(plan, hub)
        commit, commits = _commit(plan, hub, parent, memory, listen)
    tree = hub.tree(commit)
    _verify(plan, tree)
    for tag in plan.wanted_tags:
        listen(Step(f"tag {tag}"))
        hub.move_tag(tag, commit)
    _remember(plan, memory, LastSync(commit, {path: file.oid for path, file in tree.items()}), listen)
    return PushReport(
        plan.repository,
        hub.page,
        commit,
        commits,
        len(plan.additions),
        len(plan.deleted),
        plan.bytes,
        plan.wanted_tags,
        time.monotonic() - began,
    )


def _make_place(plan: PushPlan, hub: Hub) -> str:
    """Make repository and branch where they are not there yet; return the commit that the new one follows."""
    if plan.is_new:
        hub.create(is_private=plan.request.visibility is not Visibility.PUBLIC)
    branch = plan.request.branch
    if plan.parent is None and branch != MAIN:
        hub.create_branch(branch)
    return plan.parent or hub.commit_of(branch)


def _commit(plan: PushPlan, hub: Hub, parent: str, memory: SyncMemory, listen: Listener) -> tuple[str, int]:
    from huggingface_hub import CommitOperationDelete

    listen(Begun(len(plan.additions), plan.bytes))
    sent: list[Operation] = list(hub.send(plan.additions, plan.request.branch))
    _check_unchanged(plan)
    # Where one commit does not take it all, what counts the rest comes last.
    operations = [*sent[:-1], *(CommitOperationDelete(file.path) for file in plan.deleted), *sent[-1:]]
    files = {path: file.size for path, file in hub.tree(parent).items()}
    attempt = Attempt(parent, digest_of(plan.result(files).items()))
    _remember(plan, memory, LastSync(plan.known.commit, plan.known.files, attempt), listen)
    listen(Step("making the commit"))
    parts = [operations[start : start + MOST_OPERATIONS] for start in range(0, len(operations), MOST_OPERATIONS)]
    for number, part in enumerate(parts):
        title = f"{counted(plan.episodes, 'episode')}, pushed with lerotool"
        title += f" ({number + 1} of {len(parts)})" if len(parts) > 1 else ""
        files = _after(files, part)
        parent = hub.commit(part, title, plan.request.branch, parent, files)
    return parent, len(parts)


def _after(files: Mapping[str, int], operations: Sequence[Operation]) -> dict[str, int]:
    """Return names and sizes after a commit."""
    from huggingface_hub import CommitOperationAdd

    kept = {path: size for path, size in files.items() if path not in {each.path_in_repo for each in operations}}
    added = {e.path_in_repo: e.upload_info.size for e in operations if isinstance(e, CommitOperationAdd)}
    return kept | added


def _check_unchanged(plan: PushPlan) -> None:
    """Make sure that the files that were sent are still those of the dataset, so that no two states are mixed."""
    changed = [path for path, file in plan.sources.items() if not file.is_as_it_was]
    if changed:
        raise CorruptDatasetError(
            f"{plan.root}: {changed[0]} has changed while files were sent; the Hub has the dataset as it was before",
            hint=f"push it again, when nobody changes it: lerotool push {as_argument(plan.root)}",
        )


def _verify(plan: PushPlan, tree: Tree) -> None:
    """Compare what the Hub has now with what it should have, before LeRobot can find it by its tag."""
    found = {path: file.size for path, file in tree.items()}
    wanted = plan.result(found)
    if found == wanted:
        return
    wrong = sorted(path for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path))
    raise HubError(
        f"{plan.repository}: the Hub does not have {wrong[0]} as it was sent ({counted(len(wrong), 'file')} differ); "
        "the tag was not moved",
        hint="a .gitignore in the repository may leave files out: remove it there, and push again",
    )


def _remember(plan: PushPlan, memory: SyncMemory, sync: LastSync, listen: Listener) -> None:
    try:
        memory.remember(plan.repository, plan.request.branch, sync)
    except OSError as error:
        listen(Noted(f"what was pushed cannot be remembered here, so the next push needs --replace: {error}"))
