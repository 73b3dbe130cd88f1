"""Carrying a pull out: files are fetched beside the dataset, compared with the Hub's sums, then put in place."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from lerotool.dataset.journal_file import Commit, Rename
from lerotool.dataset.partial import PARTIAL, Partial
from lerotool.dataset.writing import journal, staging
from lerotool.errors import DatasetLockedError, HubError
from lerotool.sharing.events import Advanced, Begun, Event, Listener, Step
from lerotool.sharing.hub import Hub, RemoteFile
from lerotool.sharing.last_sync import LastSync, SyncMemory
from lerotool.sharing.pull_plan import PullPlan, PullRequest, check_commit, find_part, plan_pull
from lerotool.storage import SPARE_BYTES, check_space, make_directory, scratch_folder, write_json
from lerotool.wording import as_argument
from lerotool.workspace import Workspace

_THREADS = 8
_FETCHED = "pull"
_OWN = ".lerotool"


@dataclass(frozen=True, slots=True)
class PullReport:
    """What a pull has done.

    Attributes:
        root: the dataset.
        repository: ``user/name``.
        commit: that it is now.
        partial: what of it is here; None if that is all of it.
        files_fetched: from the Hub.
        files_removed: here, because the commit does not have them.
        files_kept: that were here already.
        bytes: of the files fetched.
        wall_s: seconds that it took, planning left out.
    """

    root: Path
    repository: str
    commit: str
    partial: Partial | None
    files_fetched: int
    files_removed: int
    files_kept: int
    bytes: int
    wall_s: float


def execute_pull(request: PullRequest, listen: Listener) -> PullReport:
    """Plan a pull and carry it out; a change of the dataset that was interrupted is finished first."""
    if request.target.is_dir():
        # A pull that was killed while it put files in place: what it has fetched belongs to its own commit.
        staging.finish_interrupted(Workspace(request.target))
    plan, hub = plan_pull(request, listen)
    return Pull(plan, hub, listen).run()


def preview_pull(request: PullRequest, listen: Listener) -> PullReport:
    """Plan a pull and say what it would do; raises as `execute_pull`."""
    plan, hub = plan_pull(request, listen)
    return Pull(plan, hub, listen).preview()


class Pull:
    """One pull."""

    def __init__(self, plan: PullPlan, hub: Hub, listen: Listener) -> None:
        self._plan = plan
        self._hub = hub
        self._listen = listen
        self._listening = threading.Lock()
        self._workspace = Workspace(plan.root)

    def run(self) -> PullReport:
        """Fetch what is missing and put it in place; interrupted, the dataset is as it was, and what came is kept."""
        plan, began = self._plan, time.monotonic()
        fetched = self._workspace.folder / _FETCHED / plan.commit
        make_directory(fetched)
        self._remove_older(fetched)
        files, partial = self._find(fetched)
        self._fetch(files, fetched)
        self._tell(Step("putting it in place"))
        removals = plan.removals([file.path for file in files])
        self._put_in_place(files, removals, fetched, partial)
        return self._report(files, removals, partial, time.monotonic() - began)

    def preview(self) -> PullReport:
        """Find out what `run` would do; only metadata are fetched, into a folder that does not stay."""
        with scratch_folder("lerotool-preview-") as folder:
            files, partial = self._find(folder)
        return self._report(files, self._plan.removals([file.path for file in files]), partial, 0.0)

    def _report(
        self, files: Sequence[RemoteFile], removals: Sequence[str], partial: Partial | None, wall_s: float
    ) -> PullReport:
        plan, size = self._plan, sum(file.size for file in files)
        name, kept = plan.request.repository, len(plan.unchanged)
        return PullReport(plan.root, name, plan.commit, partial, len(files), len(removals), kept, size, wall_s)

    def _find(self, folder: Path) -> tuple[list[RemoteFile], Partial | None]:
        """Return the files that are to be fetched, and what of the dataset is here then."""
        plan = self._plan
        if plan.scope.is_all:
            return plan.missing(plan.remote), None
        metadata = plan.missing(plan.metadata)
        self._fetch(metadata, folder)
        rest, partial = self._rest(folder)
        return [*metadata, *rest], partial

    def _rest(self, fetched: Path) -> tuple[list[RemoteFile], Partial | None]:
        """Return the files beside the metadata that the scope needs, and what of the dataset is here then."""
        plan = self._plan
        local = {name: plan.root / name if name in plan.unchanged else fetched / name for name in plan.metadata}
        files, partial = find_part(local, plan.scope, plan.request.repository)
        check_commit(plan.remote, files, plan.request.repository)
        return plan.missing(sorted(files)), None if partial.is_whole else partial

    def _remove_older(self, fetched: Path) -> None:
        for other in fetched.parent.iterdir():
            if other != fetched:
                shutil.rmtree(other, ignore_errors=True)

    def _fetch(self, files: Sequence[RemoteFile], folder: Path) -> None:
        size = sum(file.size for file in files)
        check_space(folder, SPARE_BYTES + size, "pulling")
        self._tell(Begun(len(files), size))
        with self._hub.fetching(), ThreadPoolExecutor(_THREADS, "pull") as pool:
            futures = [pool.submit(self._fetch_one, file, folder) for file in files]
            try:
                for future in as_completed(futures):
                    future.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _fetch_one(self, file: RemoteFile, folder: Path) -> None:
        seen = 0

        def on_bytes(count: int) -> None:
            nonlocal seen
            seen += count
            self._tell(Advanced(bytes=count))

        self._hub.fetch(file.path, self._plan.commit, folder, on_bytes)
        if not file.is_same(folder / file.path):
            # The client goes by the name of the file; what is wrong must not be taken for fetched again.
            (folder / file.path).unlink(missing_ok=True)
            raise HubError(
                f"{file.path} of {self._plan.request.repository} did not arrive as the Hub has it",
                hint="run the same command again: what has arrived is not fetched a second time",
            )
        self._tell(Advanced(1, max(0, file.size - seen)))

    def _tell(self, event: Event) -> None:
        """Tell the listener, also out of several threads."""
        with self._listening:
            self._listen(event)

    def _put_in_place(
        self, files: Sequence[RemoteFile], removals: Sequence[str], fetched: Path, partial: Partial | None
    ) -> None:
        plan, workspace = self._plan, self._workspace
        with workspace.lock_for_writing("pulling"):
            journal.redo(workspace)
            staging.sweep(workspace)
            self._check_unchanged()
            folder = fetched.relative_to(plan.root).as_posix()
            make_directory(workspace.staging / plan.commit)
            renames = [Rename(f"{folder}/{file.path}", file.path) for file in files]
            renames.append(self._staged_memory(fetched))
            gone = list(removals)
            if partial is not None:
                write_json(fetched / PARTIAL, partial.to_json())
                renames.append(Rename(f"{folder}/{PARTIAL}", f"{_OWN}/{PARTIAL}"))
            elif plan.partial is not None:
                gone.append(f"{_OWN}/{PARTIAL}")
            change = Commit(tuple(renames), tuple(gone), (), f"{_OWN}/staging/{plan.commit}")
            journal.commit(workspace, change)
        shutil.rmtree(fetched.parent, ignore_errors=True)

    def _staged_memory(self, fetched: Path) -> Rename:
        """Write down what is in common from now on; it gets its place in the same step as the files."""
        plan = self._plan
        memory = SyncMemory(plan.root)
        sync = LastSync(plan.commit, {name: file.oid for name, file in plan.remote.items()})
        path = memory.write_beside(plan.request.repository, plan.branch, sync, fetched)
        return Rename(path.relative_to(plan.root).as_posix(), f"{_OWN}/{path.name}")

    def _check_unchanged(self) -> None:
        changed = [name for name, file in self._plan.local.items() if not file.is_as_it_was]
        if changed:
            raise DatasetLockedError(
                f"{self._plan.root}: {changed[0]} has changed while files were fetched",
                hint=f"pull again, when nobody changes it: lerotool pull {as_argument(self._plan.request.repository)}",
            )
