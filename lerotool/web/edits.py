"""What the person at the page changes: an edit is planned, looked at, confirmed and carried out; and taken back.

Whoever confirms sends back the ``seen`` of the plan. What is no longer what was looked at is not done.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lerotool.api.checks import plan_undo, undo
from lerotool.api.edits import EditPlan, list_changes, plan_edit
from lerotool.dataset.writing.staging import finish_interrupted
from lerotool.editing.changes import Change, DeleteEpisodes, SetTask, TrimEpisodes
from lerotool.errors import LerotoolError, UsageError
from lerotool.web.body import json_object
from lerotool.web.library import Library
from lerotool.workspace import Workspace

_FRESH = {"cache-control": "no-store"}
_AGAIN = "cancel, and look at it again"


class NotAsSeenError(LerotoolError):
    """What was confirmed is not what would be done now."""


class Edits:
    """The edits that pages offer; ``turn`` is held while something is changed: two pages wait for each other."""

    def __init__(self, library: Library, turn: asyncio.Lock) -> None:
        self._library = library
        self._turn = turn

    def routes(self) -> list[Route]:
        """Return what is served. Only POST changes anything."""
        return [
            Route("/api/{key}/edits/plan", self._plan, methods=["POST"]),
            Route("/api/{key}/edits", self._edit, methods=["POST"]),
            Route("/api/{key}/undo", self._plan_undo, methods=["GET"]),
            Route("/api/{key}/undo", self._undo, methods=["POST"]),
        ]

    async def _plan(self, request: Request) -> Response:
        change = _change(await json_object(request, "an edit"))
        return await self._answer(request, lambda root: _planned(plan_edit(root, change)))

    async def _edit(self, request: Request) -> Response:
        said = await json_object(request, "an edit")
        change, seen = _change(said), said.get("seen")
        async with self._turn:
            return await self._answer(request, lambda root: _carried_out(root, change, seen))

    async def _plan_undo(self, request: Request) -> Response:
        return await self._answer(request, _what_undo_does)

    async def _undo(self, request: Request) -> Response:
        seen = (await json_object(request, "an undo")).get("seen")
        async with self._turn:
            return await self._answer(request, lambda root: _taken_back(root, seen))

    async def _answer(self, request: Request, make: Callable[[Path], dict[str, Any]]) -> Response:
        root = self._library.find(request.path_params["key"]).root
        return JSONResponse(await run_in_threadpool(make, root), headers=_FRESH)


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


def _planned(plan: EditPlan) -> dict[str, Any]:
    return {**plan.to_json(), "question": plan.question, "seen": _seen(plan)}


def _seen(plan: EditPlan) -> str:
    """Return what is another text for a plan that does something else."""
    draft = plan.details.draft
    pieces = [values.tolist() for values in (draft.episodes, draft.starts, draft.lengths)]
    return _digest([plan.details.change.command, plan.to_json(), pieces, sorted(draft.tasks.items())])


def _carried_out(root: Path, change: Change, seen: object) -> dict[str, Any]:
    finish_interrupted(Workspace(root))
    plan = plan_edit(root, change)
    if _seen(plan) != seen:
        raise NotAsSeenError(
            "the dataset or its marks have changed since this was shown; nothing was done", hint=_AGAIN
        )
    report = plan.carry_out()
    return {**plan.to_json(), "kept": report.kept is not None}


def _what_undo_does(root: Path) -> dict[str, Any]:
    """Return what would be taken back; ``change`` is None where there is nothing."""
    newest = next(iter(list_changes(root)), None)
    if newest is None or (planned := plan_undo(root)) is None:
        return {"change": None}
    change = {**planned.to_json(), "made": newest.made}
    return {"change": change, "seen": _digest([str(newest.folder)])}


def _taken_back(root: Path, seen: object) -> dict[str, Any]:
    planned = _what_undo_does(root)
    if planned["change"] is None or planned["seen"] != seen:
        raise NotAsSeenError("the last change is no longer the one that was shown; nothing was done", hint=_AGAIN)
    undone = undo(root)
    return {"change": None if undone is None else undone.to_json()}


def _digest(document: object) -> str:
    return hashlib.sha256(json.dumps(document).encode()).hexdigest()
