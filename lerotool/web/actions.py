"""What the person at the page asks for: an edit is planned, looked at, confirmed and carried out; and taken back.

Whoever confirms sends back the ``seen`` of the plan; if the plan has changed since, nothing is done. A dataset is
checked only when a person asks for it; until then the findings of the last check are shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lerotool.api.checks import check, check_quality, plan_undo, undo
from lerotool.api.edits import EditPlan, list_changes, plan_edit
from lerotool.checking.kept import Found, Look, found
from lerotool.dataset.marks import save_mark
from lerotool.dataset.reading.changes import edition
from lerotool.dataset.writing.staging import finish_interrupted
from lerotool.editing.changes import Change, DeleteEpisodes, SetTask, TrimEpisodes
from lerotool.errors import LerotoolError, UsageError
from lerotool.workspace import Workspace

_AGAIN = "cancel, and look at it again"


class NotAsSeenError(LerotoolError):
    """What was confirmed is not what would be done now."""


def mark_episode(root: Path, said: Mapping[str, Any], episode: int) -> dict[str, Any]:
    """Save what was said about an episode; another process is refused by the dataset's lock."""
    return {"mark": save_mark(root, episode, said).to_json()}


def show_edit(root: Path, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an edit would do."""
    plan = plan_edit(root, _change(said))
    return {**plan.to_json(), "question": plan.question, "seen": _seen(plan)}


def carry_out_edit(root: Path, said: Mapping[str, Any]) -> dict[str, Any]:
    """Edit a dataset as it was shown."""
    change = _change(said)
    finish_interrupted(Workspace(root))
    plan = plan_edit(root, change)
    if _seen(plan) != said.get("seen"):
        raise NotAsSeenError(
            "the dataset or its marks have changed since this was shown; nothing was done", hint=_AGAIN
        )
    report = plan.carry_out()
    return {**plan.to_json(), "kept": report.kept is not None}


def show_undo(root: Path) -> dict[str, Any]:
    """Return what would be taken back; ``change`` is None where there is nothing."""
    newest = next(iter(list_changes(root)), None)
    if newest is None or (planned := plan_undo(root)) is None:
        return {"change": None}
    return {"change": {**planned.to_json(), "made": newest.made}, "seen": _digest([str(newest.folder)])}


def take_back(root: Path, said: Mapping[str, Any]) -> dict[str, Any]:
    """Take the last change back, if it is the one that was shown."""
    planned = show_undo(root)
    if planned["change"] is None or planned["seen"] != said.get("seen"):
        raise NotAsSeenError("the last change is not the one that was shown; nothing was done", hint=_AGAIN)
    undone = undo(root)
    return {"change": None if undone is None else undone.to_json()}


def _change(said: Mapping[str, Any]) -> Change:
    """Return the edit that a page means."""
    kind, episodes, text = (said.get(name) for name in ("edit", "episodes", "text"))
    if episodes is not None and not isinstance(episodes, str):
        raise UsageError("the episodes of an edit are a text such as 0-9,15 or flagged")
    if kind == "delete" and episodes is not None:
        return DeleteEpisodes(episodes)
    if kind == "trim":
        return TrimEpisodes(marked=True, episodes=episodes)
    if kind == "task" and isinstance(text, str):
        return SetTask(text, episodes)
    raise UsageError("an edit is delete with episodes, trim, or task with a text")


def _seen(plan: EditPlan) -> str:
    """Return what is another text for a plan that does something else."""
    draft = plan.details.draft
    pieces = [values.tolist() for values in (draft.episodes, draft.starts, draft.lengths)]
    return _digest([plan.details.change.command, plan.to_json(), pieces, sorted(draft.tasks.items())])


def _digest(document: object) -> str:
    return hashlib.sha256(json.dumps(document).encode()).hexdigest()


def look_again(root: Path, said: Mapping[str, Any], look: str) -> dict[str, Any]:
    """Check a dataset, or its quality; return what was found."""
    del said
    (check if look == Look.CHECK else check_quality)(root)
    return last_found(root)


def last_found(root: Path) -> dict[str, Any]:
    """Return what the last looks at a dataset found."""
    return {
        look.value: None
        if (last := found(root, look)) is None
        else {**_when(root, last), "findings": last.document.get("findings", [])}
        for look in Look
    }


def checked_line(root: Path) -> dict[str, Any] | None:
    """Return in short what the last check of a dataset found; None where it was not checked on this machine."""
    if (last := found(root, Look.CHECK)) is None:
        return None
    return {**_when(root, last), **{name: last.document.get(name, 0) for name in ("errors", "warnings", "notes")}}


def _when(root: Path, last: Found) -> dict[str, Any]:
    return {"made": last.made.isoformat(), "has_changed": last.edition != edition(root)}
