"""The pages and what they ask for. Reading only, but for marks, and for edits that the person at the page confirms."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from lerotool.checking.kept import Look
from lerotool.dataset.marks import load_marks
from lerotool.errors import DatasetLockedError, DatasetNotFoundError, LerotoolError, ReadOnlyDatasetError, UsageError
from lerotool.spool.pending import PendingEpisode
from lerotool.storage import tree_bytes
from lerotool.web import actions, describing, pictures, waiting
from lerotool.web.access import Access, Guard
from lerotool.web.library import Library, Opened, Shelf

_STATIC = Path(__file__).parent / "static"
_STATUS: dict[type[LerotoolError], int] = {
    DatasetNotFoundError: 404,
    DatasetLockedError: 409,
    actions.NotAsSeenError: 409,
    ReadOnlyDatasetError: 403,
    UsageError: 400,
}
_KEPT = {"cache-control": "private, max-age=3600"}
_FRESH = {"cache-control": "no-cache"}
_LARGEST_BODY = 64 << 10
_NOTHING_ENCODED: dict[str, Any] = {
    "episodes": 0,
    "lengths": [],
    "episode_tasks": [],
    "tasks": [],
    "marks": {},
    "cameras": [],
    "thumbnail": None,
}


def create_app(library: Library, access: Access, more: Sequence[Route] = ()) -> Starlette:
    """Return the ASGI application."""
    pages = Pages(library)
    key, episode, pending = "/{key}", "/{key}/episodes/{episode:int}", "/{key}/pending/{name}"
    # Two pages that change something wait for each other; so do two that look at a whole dataset.
    changing, looking = asyncio.Lock(), asyncio.Lock()
    routes = [
        *more,
        Route("/", page),
        Route("/d/{rest:path}", page),
        Route("/charts.js", answer(_chart_script)),
        Mount("/static", StaticFiles(directory=_STATIC)),
        Route("/api/datasets", answer(pages.datasets)),
        Route(f"/api{key}", answer(pages.dataset)),
        Route(f"/api{key}/size", pages.of_root(lambda root: {"bytes": tree_bytes(root)})),
        Route(f"/api{key}/traits", pages.of_dataset(describing.traits)),
        Route(f"/api{key}/statistics", pages.of_dataset(describing.statistics_table)),
        Route(f"/api{key}/found", pages.of_root(actions.last_found)),
        *[
            Route(
                f"/api{key}/{look}",
                pages.act("a look", partial(actions.look_again, look=look), looking),
                methods=["POST"],
            )
            for look in Look
        ],
        Route(f"/api{key}/undo", pages.of_root(actions.show_undo)),
        Route(f"/api{key}/undo", pages.act("an undo", actions.take_back, changing), methods=["POST"]),
        Route(f"/api{key}/edits/plan", pages.act("an edit", actions.show_edit), methods=["POST"]),
        Route(f"/api{key}/edits", pages.act("an edit", actions.carry_out_edit, changing), methods=["POST"]),
        Route(f"/api{episode}", answer(pages.episode)),
        Route(f"/api{episode}/rows", pages.of_dataset(describing.episode_rows)),
        Route(f"/api{episode}/mark", pages.act("a mark", actions.mark_episode, changing), methods=["POST"]),
        Route(f"/api{pending}", answer(pages.waiting)),
        Route(f"/api{pending}/rows", pages.of_pending(waiting.waiting_rows)),
        Route(f"/video{episode}/{{camera:int}}.mp4", answer(pages.video)),
        Route(f"/h264{episode}/{{camera:int}}.mp4", answer(pages.converted)),
        Route(f"/frame{episode}/{{camera:int}}/{{number:int}}.jpg", answer(pages.frame, "edition")),
        Route(f"/frame{pending}/{{camera:int}}/{{number:int}}.jpg", pages.of_pending(_waiting_frame)),
        Route(f"/thumbnail{episode}.jpg", answer(pages.thumbnail, "edition")),
        Route(f"/thumbnail{pending}.jpg", pages.of_pending(_waiting_thumbnail)),
    ]
    app = Starlette(routes=routes, exception_handlers={LerotoolError: _said, IndexError: _missing, OSError: _unread})
    app.add_middleware(partial(Guard, access=access))
    return app


def answer(make: Callable[..., Any], *asked: str) -> Callable[[Request], Any]:
    """Return an endpoint that makes its answer in a thread, of what the path and ``asked`` of the query say.

    What is not a response becomes JSON.
    """

    async def endpoint(request: Request) -> Response:
        query = {name: request.query_params.get(name) for name in asked}
        made = await run_in_threadpool(make, **request.path_params, **query)
        return made if isinstance(made, Response) else JSONResponse(made, headers=_FRESH)

    return endpoint


async def json_object(request: Request, noun: str) -> dict[str, Any]:
    """Return what a page has sent: one JSON object, and not a large one."""
    # A form of another page cannot send this type without being asked first.
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise UsageError(f"{noun} is sent as application/json")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_BODY:
            raise UsageError(f"{noun} has at most {_LARGEST_BODY} bytes")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise UsageError(f"{noun} is a JSON object")
    return said


async def page(_: Request) -> Response:
    """Return the document that is every page; its script looks at the address."""
    return FileResponse(_STATIC / "index.html", headers=_FRESH)


def _chart_script() -> Response:
    """Return plotly's script, without importing plotly."""
    spec = find_spec("plotly")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        script = Path(folder, "package_data", "plotly.min.js")
        if script.is_file():
            return FileResponse(script, media_type="text/javascript", headers=_KEPT)
    raise UsageError("plotly is not installed, so charts cannot be drawn", hint="pip install plotly")


async def _said(_: Request, error: Exception) -> Response:
    assert isinstance(error, LerotoolError)
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 422)
    return JSONResponse({"error": error.message, "hint": error.hint}, status)


async def _missing(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error), "hint": None}, 404)


async def _unread(_: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    return JSONResponse({"error": error.strerror or str(error), "hint": None}, 500)


class Pages:
    """What pages ask for, answered from a library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._pictures = pictures.PictureCache()
        self._conversions = pictures.Conversions()

    def act(self, noun: str, make: Callable[..., Any], turn: asyncio.Lock | None = None) -> Callable[[Request], Any]:
        """Return an endpoint that does to a dataset what a page has said; whoever has the same turn waits."""

        async def endpoint(request: Request) -> Response:
            said, (key, *rest) = await json_object(request, noun), request.path_params.values()
            async with turn or nullcontext():
                made = await run_in_threadpool(lambda: make(self._root(key), said, *rest))
            return JSONResponse(made, headers=_FRESH)

        return endpoint

    def of_root(self, make: Callable[..., Any]) -> Callable[[Request], Any]:
        """Return an endpoint whose answer is made of a dataset's folder and the rest of the path."""
        return answer(lambda key, **rest: make(self._root(key), **rest))

    def of_dataset(self, make: Callable[..., Any]) -> Callable[[Request], Any]:
        """Return an endpoint whose answer is made of an open dataset and the rest of the path."""
        return answer(lambda key, **rest: make(self._opened(key).dataset, **rest))

    def of_pending(self, make: Callable[..., Any]) -> Callable[[Request], Any]:
        """Return an endpoint whose answer is made of a pending episode and the rest of the path."""
        return answer(lambda key, name, **rest: make(waiting.open_waiting(self._root(key), name), **rest))

    def datasets(self) -> dict[str, Any]:
        """Return the list of datasets."""
        return {"datasets": [self._line(shelf) for shelf in self._library.shelves()]}

    def _line(self, shelf: Shelf) -> dict[str, Any]:
        line: dict[str, Any] = {"key": shelf.key, "name": shelf.name, "folder": str(shelf.root)}
        try:
            pending = waiting.waiting(shelf.root)
            line["pending"] = len(pending)
            if pending:
                line |= {"pending_name": pending[0]["name"], "task": pending[0]["task"]}
            line["checked"] = actions.checked_line(shelf.root)
            opened = self._library.open(shelf)
            line |= {"edition": opened.edition, **describing.dataset_line(opened.dataset)}
            return {**line, "marks": load_marks(opened.dataset).count()}
        except DatasetNotFoundError as error:
            return {**line, "episodes": 0} if line.get("pending") else {**line, "error": error.message}
        except LerotoolError as error:
            return {**line, "error": error.message, "hint": error.hint}

    def dataset(self, key: str) -> dict[str, Any]:
        """Return a dataset with all of its episodes."""
        shelf = self._library.find(key)
        pending = waiting.waiting(shelf.root)
        document = {"key": shelf.key, "name": shelf.name, "folder": str(shelf.root), "pending": pending}
        try:
            opened = self._library.open(shelf)
        except DatasetNotFoundError:
            if not pending:
                raise
            return {**document, **_NOTHING_ENCODED}
        page = describing.dataset_page(opened.dataset, load_marks(opened.dataset))
        return {**document, **page, "edition": opened.edition}

    def episode(self, key: str, episode: int) -> dict[str, Any]:
        """Return an episode without its rows."""
        shelf = self._library.find(key)
        opened = self._library.open(shelf)
        dataset = opened.dataset
        page = describing.episode_page(dataset, dataset.episodes[episode], load_marks(dataset))
        return {**page, "dataset": shelf.name, "edition": opened.edition}

    def video(self, key: str, episode: int, camera: int) -> Response:
        """Return the video file that an episode is in, as it is; by range where a range is asked for."""
        dataset = self._opened(key).dataset
        name = _at(dataset.cameras, camera)
        span = dataset.episodes[episode].videos.get(name)
        if span is None or not span.path.is_file():
            raise DatasetNotFoundError(f"camera {name!r} has no video of this episode")
        return FileResponse(span.path, media_type="video/mp4", headers=_FRESH)

    def converted(self, key: str, episode: int, camera: int) -> Response:
        """Return an episode of a camera as H.264, for a browser that cannot play its video; made now or before."""
        dataset = self._opened(key).dataset
        path = pictures.convert_episode(self._conversions, dataset, episode, _at(dataset.cameras, camera))
        return FileResponse(path, media_type="video/mp4", headers=_FRESH)

    def frame(self, key: str, episode: int, camera: int, number: int, edition: str | None) -> Response:
        """Return a frame of an episode as JPEG."""
        opened = self._opened(key)
        dataset, name = opened.dataset, _at(opened.dataset.cameras, camera)
        place = (key, opened.edition, episode, name)

        def make() -> list[tuple[pictures.Key, bytes]]:
            return [((*place, n), data) for n, data in pictures.frame_block(dataset, episode, name, number)]

        return _picture(self._pictures.get((*place, number), make), is_of_edition=edition == opened.edition)

    def thumbnail(self, key: str, episode: int, edition: str | None) -> Response:
        """Return a small picture of an episode."""
        opened = self._opened(key)
        dataset = opened.dataset
        if not dataset.cameras:
            raise DatasetNotFoundError("this dataset has no cameras")
        camera = next((name for name in dataset.cameras if not dataset.features[name].is_depth), dataset.cameras[0])
        place = (key, opened.edition, episode)
        data = self._pictures.get(place, lambda: [(place, pictures.thumbnail(dataset, episode, camera))])
        return _picture(data, is_of_edition=edition == opened.edition)

    def waiting(self, key: str, name: str) -> dict[str, Any]:
        """Return a pending episode without its rows."""
        shelf = self._library.find(key)
        return {**waiting.waiting_page(waiting.open_waiting(shelf.root, name)), "dataset": shelf.name}

    def _root(self, key: str) -> Path:
        return self._library.find(key).root

    def _opened(self, key: str) -> Opened:
        return self._library.open(self._library.find(key))


def _waiting_frame(episode: PendingEpisode, camera: int, number: int) -> Response:
    data = waiting.waiting_frame(episode, _at(list(episode.header.cameras), camera), number)
    return _picture(data, is_of_edition=True)


def _waiting_thumbnail(episode: PendingEpisode) -> Response:
    return _picture(waiting.waiting_thumbnail(episode), is_of_edition=False)


def _picture(data: bytes, *, is_of_edition: bool) -> Response:
    """Return a JPEG; a browser may keep it under an address that names this edition."""
    return Response(data, media_type="image/jpeg", headers=_KEPT if is_of_edition else _FRESH)


def _at(names: Sequence[str], number: int) -> str:
    if number >= len(names):
        raise IndexError(f"no camera {number}: the dataset has {len(names)}")
    return names[number]
