"""The pages and what they ask for. Reading only, but for marks, and for edits that the person at the page confirms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.marks import load_marks, save_mark
from lerotool.errors import DatasetLockedError, DatasetNotFoundError, LerotoolError, ReadOnlyDatasetError, UsageError
from lerotool.storage import tree_bytes
from lerotool.web import describing, pictures, waiting
from lerotool.web.access import Access, Guard
from lerotool.web.assets import STATIC, chart_script
from lerotool.web.body import json_object
from lerotool.web.conversions import Conversions, convert_episode
from lerotool.web.edits import Edits, NotAsSeenError
from lerotool.web.library import Library, Opened, Shelf
from lerotool.web.looks import Looks, checked_line
from lerotool.web.statistics_table import statistics_table

_STATUS: dict[type[LerotoolError], int] = {
    DatasetNotFoundError: 404,
    DatasetLockedError: 409,
    NotAsSeenError: 409,
    ReadOnlyDatasetError: 403,
    UsageError: 400,
}
_KEPT = {"cache-control": "private, max-age=3600"}
_FRESH = {"cache-control": "no-cache"}
_JPEG = "image/jpeg"
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
    routes = [
        *more,
        *Edits(library, pages.changing).routes(),
        *Looks(library).routes(),
        Route("/", page),
        Route("/d/{rest:path}", page),
        Route("/charts.js", _chart_script),
        Mount("/static", StaticFiles(directory=STATIC)),
        Route("/api/datasets", pages.answer(pages.datasets)),
        Route(f"/api{key}", pages.answer(pages.dataset)),
        Route(f"/api{key}/size", pages.answer(pages.size)),
        Route(f"/api{key}/traits", pages.answer(pages.traits)),
        Route(f"/api{key}/statistics", pages.answer(pages.statistics)),
        Route(f"/api{episode}", pages.answer(pages.episode)),
        Route(f"/api{episode}/rows", pages.answer(pages.rows)),
        Route(f"/api{episode}/mark", pages.mark, methods=["POST"]),
        Route(f"/api{pending}", pages.answer(pages.waiting)),
        Route(f"/api{pending}/rows", pages.answer(pages.waiting_rows)),
        Route(f"/video{episode}/{{camera:int}}.mp4", pages.answer(pages.video)),
        Route(f"/h264{episode}/{{camera:int}}.mp4", pages.answer(pages.converted)),
        Route(f"/frame{episode}/{{camera:int}}/{{number:int}}.jpg", pages.answer(pages.frame)),
        Route(f"/frame{pending}/{{camera:int}}/{{number:int}}.jpg", pages.answer(pages.waiting_frame)),
        Route(f"/thumbnail{episode}.jpg", pages.answer(pages.thumbnail)),
        Route(f"/thumbnail{pending}.jpg", pages.answer(pages.waiting_thumbnail)),
    ]
    app = Starlette(routes=routes, exception_handlers={LerotoolError: _said, IndexError: _missing, OSError: _unread})
    app.add_middleware(partial(Guard, access=access))
    return app


async def page(_: Request) -> Response:
    """Return the document that is every page; its script looks at the address."""
    return FileResponse(STATIC / "index.html", headers=_FRESH)


async def _chart_script(_: Request) -> Response:
    return FileResponse(chart_script(), media_type="text/javascript", headers=_KEPT)


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
        self._conversions = Conversions()
        self.changing = asyncio.Lock()
        """Held while something is changed: two pages wait for each other."""

    @staticmethod
    def answer(make: Callable[[Request], Any]) -> Callable[[Request], Any]:
        """Return an endpoint that makes its answer in a thread; what is not a response becomes JSON."""

        async def endpoint(request: Request) -> Response:
            made = await run_in_threadpool(make, request)
            return made if isinstance(made, Response) else JSONResponse(made, headers=_FRESH)

        return endpoint

    def datasets(self, _: Request) -> dict[str, Any]:
        """Return the list of datasets."""
        return {"datasets": [self._line(shelf) for shelf in self._library.shelves()]}

    def _line(self, shelf: Shelf) -> dict[str, Any]:
        line: dict[str, Any] = {"key": shelf.key, "name": shelf.name, "folder": str(shelf.root)}
        try:
            pending = waiting.waiting(shelf.root)
            line["pending"] = len(pending)
            if pending:
                line |= {"pending_name": pending[0]["name"], "task": pending[0]["task"]}
            line["checked"] = checked_line(shelf.root)
            opened = self._library.open(shelf)
            line |= {"edition": opened.edition, **describing.dataset_line(opened.dataset)}
            return {**line, "marks": load_marks(opened.dataset).count()}
        except DatasetNotFoundError as error:
            return {**line, "episodes": 0} if line.get("pending") else {**line, "error": error.message}
        except LerotoolError as error:
            return {**line, "error": error.message, "hint": error.hint}

    def dataset(self, request: Request) -> dict[str, Any]:
        """Return a dataset with all of its episodes."""
        shelf = self._shelf(request)
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

    def size(self, request: Request) -> dict[str, Any]:
        """Return how many bytes a dataset has."""
        return {"bytes": tree_bytes(self._shelf(request).root)}

    def traits(self, request: Request) -> dict[str, Any]:
        """Return what can be filtered by and costs some time to find."""
        return describing.traits(self._dataset(request))

    def statistics(self, request: Request) -> dict[str, Any]:
        """Return the statistics of the whole dataset, by dimension."""
        return statistics_table(self._dataset(request))

    def episode(self, request: Request) -> dict[str, Any]:
        """Return an episode without its rows."""
        shelf, number = self._shelf(request), request.path_params["episode"]
        opened = self._library.open(shelf)
        dataset = opened.dataset
        page = describing.episode_page(dataset, dataset.episodes[number], load_marks(dataset))
        return {**page, "dataset": shelf.name, "edition": opened.edition}

    def rows(self, request: Request) -> dict[str, Any]:
        """Return the numbers of an episode's rows."""
        return describing.episode_rows(self._dataset(request), request.path_params["episode"])

    def video(self, request: Request) -> Response:
        """Return the video file that an episode is in, as it is; by range where a range is asked for."""
        dataset, camera = self._camera(request)
        span = dataset.episodes[request.path_params["episode"]].videos.get(camera)
        if span is None or not span.path.is_file():
            raise DatasetNotFoundError(f"camera {camera!r} has no video of this episode")
        return FileResponse(span.path, media_type="video/mp4", headers=_FRESH)

    def converted(self, request: Request) -> Response:
        """Return an episode of a camera as H.264, for a browser that cannot play its video; made now or before."""
        dataset, camera = self._camera(request)
        path = convert_episode(self._conversions, dataset, request.path_params["episode"], camera)
        return FileResponse(path, media_type="video/mp4", headers=_FRESH)

    def frame(self, request: Request) -> Response:
        """Return a frame of an episode as JPEG."""
        opened = self._opened(request)
        dataset, camera = opened.dataset, _at(opened.dataset.cameras, request.path_params["camera"])
        episode, number = request.path_params["episode"], request.path_params["number"]
        place = (request.path_params["key"], opened.edition, episode, camera)

        def make() -> list[tuple[pictures.Key, bytes]]:
            return [((*place, n), data) for n, data in pictures.frame_block(dataset, episode, camera, number)]

        return _picture(self._pictures.get((*place, number), make), request, opened)

    def thumbnail(self, request: Request) -> Response:
        """Return a small picture of an episode."""
        opened, episode = self._opened(request), request.path_params["episode"]
        dataset = opened.dataset
        if not dataset.cameras:
            raise DatasetNotFoundError("this dataset has no cameras")
        camera = next((name for name in dataset.cameras if not dataset.features[name].is_depth), dataset.cameras[0])
        key = (request.path_params["key"], opened.edition, episode)
        data = self._pictures.get(key, lambda: [(key, pictures.thumbnail(dataset, episode, camera))])
        return _picture(data, request, opened)

    def waiting(self, request: Request) -> dict[str, Any]:
        """Return a pending episode without its rows."""
        shelf = self._shelf(request)
        page = waiting.waiting_page(waiting.open_waiting(shelf.root, request.path_params["name"]))
        return {**page, "dataset": shelf.name}

    def waiting_rows(self, request: Request) -> dict[str, Any]:
        """Return the numbers of a pending episode's rows."""
        return waiting.waiting_rows(self._waiting(request))

    def waiting_frame(self, request: Request) -> Response:
        """Return the picture of a row of a pending episode."""
        episode = self._waiting(request)
        camera = _at(list(episode.header.cameras), request.path_params["camera"])
        data = waiting.waiting_frame(episode, camera, request.path_params["number"])
        return Response(data, media_type=_JPEG, headers=_KEPT)

    def waiting_thumbnail(self, request: Request) -> Response:
        """Return a small picture of a pending episode."""
        return Response(waiting.waiting_thumbnail(self._waiting(request)), media_type=_JPEG, headers=_FRESH)

    async def mark(self, request: Request) -> Response:
        """Save what was said about an episode."""
        said = await json_object(request, "a mark")
        root, episode = self._shelf(request).root, request.path_params["episode"]
        # Another process is refused by the dataset's lock.
        async with self.changing:
            mark = await run_in_threadpool(save_mark, root, episode, said)
        return JSONResponse({"mark": mark.to_json()}, headers=_FRESH)

    def _shelf(self, request: Request) -> Shelf:
        return self._library.find(request.path_params["key"])

    def _opened(self, request: Request) -> Opened:
        return self._library.open(self._shelf(request))

    def _dataset(self, request: Request) -> Dataset:
        return self._opened(request).dataset

    def _camera(self, request: Request) -> tuple[Dataset, str]:
        dataset = self._dataset(request)
        return dataset, _at(dataset.cameras, request.path_params["camera"])

    def _waiting(self, request: Request) -> Any:
        return waiting.open_waiting(self._shelf(request).root, request.path_params["name"])


def _picture(data: bytes, request: Request, opened: Opened) -> Response:
    """Return a JPEG; a browser may keep it under an address that names this edition."""
    is_of_edition = request.query_params.get("edition") == opened.edition
    return Response(data, media_type=_JPEG, headers=_KEPT if is_of_edition else _FRESH)


def _at(names: Any, number: int) -> str:
    if number >= len(names):
        raise IndexError(f"no camera {number}: the dataset has {len(names)}")
    return str(names[number])
