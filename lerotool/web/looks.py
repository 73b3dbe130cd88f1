"""What `check` and `check --quality` found, and the buttons that look again: nothing is looked at unasked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lerotool.api.checks import check, check_quality
from lerotool.checking.kept import Found, Look, found
from lerotool.dataset.edition import edition
from lerotool.web.body import json_object
from lerotool.web.library import Library

_FRESH = {"cache-control": "no-store"}
_LOOKING: Mapping[Look, Callable[[Path], object]] = {Look.CHECK: check, Look.QUALITY: check_quality}


def checked_line(root: Path) -> dict[str, Any] | None:
    """Return in short what the last check of a dataset found; None where it was not checked on this machine."""
    last = found(root, Look.CHECK)
    return None if last is None else {**_when(root, last), **_counts(last)}


class Looks:
    """What was found in datasets, and the looks that a page asks for."""

    def __init__(self, library: Library) -> None:
        self._library = library
        # One at a time: each of them reads a whole dataset.
        self._turn = asyncio.Lock()

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("/api/{key}/found", self._found, methods=["GET"]),
            *[Route(f"/api/{{key}}/{look}", self._look_by(look), methods=["POST"]) for look in Look],
        ]

    async def _found(self, request: Request) -> Response:
        return await self._answer(self._root(request))

    def _look_by(self, look: Look) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            await json_object(request, "a look")
            root = self._root(request)
            async with self._turn:
                await run_in_threadpool(_LOOKING[look], root)
            return await self._answer(root)

        return endpoint

    def _root(self, request: Request) -> Path:
        return self._library.find(request.path_params["key"]).root

    async def _answer(self, root: Path) -> Response:
        return JSONResponse(await run_in_threadpool(_all_found, root), headers=_FRESH)


def _all_found(root: Path) -> dict[str, Any]:
    return {look.value: None if (last := found(root, look)) is None else _document(root, last) for look in Look}


def _document(root: Path, last: Found) -> dict[str, Any]:
    return {**_when(root, last), "findings": last.document.get("findings", [])}


def _when(root: Path, last: Found) -> dict[str, Any]:
    return {"made": last.made.isoformat(), "has_changed": last.edition != edition(root)}


def _counts(last: Found) -> dict[str, Any]:
    return {name: last.document.get(name, 0) for name in ("errors", "warnings", "notes")}
