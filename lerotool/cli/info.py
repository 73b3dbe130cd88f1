"""``lerotool info``: what a dataset is, without reading its rows or decoding its pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lerotool.cli.help import Examples
from lerotool.cli.options import DatasetsArgument
from lerotool.cli.output import JsonOption, Output, shortened
from lerotool.cli.running import Answer, answer_each
from lerotool.wording import as_argument, clock, counted, listed, one_line, sized
from lerotool.workspace import dataset_root

if TYPE_CHECKING:
    from rich.console import RenderableType

EXAMPLES: Examples = {
    "A folder": "lerotool info ~/recordings/pick-cube",
    "A dataset in the LeRobot home": "lerotool info me/pick-cube",
    "Several, for programs": "lerotool info ~/recordings/* --json",
}
_TASKS_SHOWN = 10
_NAMES_SHOWN = 8
_HEADING_WIDTH = 11
_SECONDS_PER_HOUR = 3600


def info(datasets: DatasetsArgument, as_json: JsonOption = False) -> int:
    """Show what datasets contain: robot, features, cameras, episodes, tasks, and what is pending."""
    output = Output(is_json=as_json)
    documents, code = answer_each(datasets, output, lambda dataset: _describe(dataset, output))
    output.document(documents[0] if len(datasets) == 1 else {"datasets": documents})
    return code


def _describe(dataset: str, output: Output) -> Answer:
    import lerotool
    from lerotool.cli.running import naming_cures

    with naming_cures([dataset_root(dataset)]):
        summary = lerotool.info(dataset)
    if summary.unfinished is not None:
        output.warn(summary.unfinished)
    document = summary.to_json()
    return Answer(document, _render(document))


def _render(document: Mapping[str, Any]) -> RenderableType:
    from rich.text import Text

    text = Text()
    for heading, line in _lines(document):
        text.append(f"{heading:<{_HEADING_WIDTH}}", style="bold").append(f"{one_line(line)}\n")
    text.right_crop(1)
    return text


def _lines(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "dataset", document["root"]
    if document["codebase_version"] is None:
        yield "episodes", "0: nothing is encoded yet"
    else:
        yield "format", f"LeRobot {document['codebase_version']}"
        yield "robot", document["robot_type"] or "unknown"
        yield "fps", f"{document['fps']:g}"
        yield "episodes", f"{document['episodes']}"
        yield "frames", f"{document['frames']} ({clock(document['hours'] * _SECONDS_PER_HOUR)})"
        yield "size", sized(document["bytes"])
    if document["partial"]:
        yield "here", f"{document['partial']['text']}; all of it: {document['partial']['command']}"
    tasks = [f"{number}  {task}" for number, task in enumerate(document["tasks"])]
    yield from _headed("tasks", shortened(tasks, _TASKS_SHOWN))
    yield from _headed("cameras", (_camera_line(name, camera) for name, camera in document["cameras"].items()))
    columns = ((n, f) for n, f in document["features"].items() if n not in document["cameras"])
    yield from _headed("features", (f"{name}  {f['dtype']} {f['shape']}{_names(f['names'])}" for name, f in columns))
    if document["marks"]:
        yield "marks", ", ".join(f"{count} {kind}" for kind, count in document["marks"].items())
    if document["operators"]:
        yield "operators", ", ".join(f"{name} ({count})" for name, count in document["operators"].items())
    pending = document["pending"]
    if pending["episodes"]:
        kinds = ", ".join(f"{count} {kind}" for kind, count in pending["kinds"].items())
        episodes, frames = counted(pending["episodes"], "episode"), counted(pending["frames"], "frame")
        yield "pending", f"{episodes} ({kinds}), {frames}, {sized(pending['bytes'])}"
        yield "", f"lerotool encode --pending {as_argument(document['root'])}"


def _headed(heading: str, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines):
        yield "" if number else heading, line


def _camera_line(name: str, camera: Mapping[str, Any]) -> str:
    size = f"{camera['width']}x{camera['height']}" if camera["width"] and camera["height"] else "unknown size"
    kind = "pictures in the rows" if camera["dtype"] == "image" else camera["codec"] or "unknown codec"
    parts = [size, str(kind), str(camera["pix_fmt"] or ""), "depth" if camera["is_depth"] else ""]
    missing = "" if camera["is_present"] else "  (no video files)"
    return f"{name}  {' '.join(part for part in parts if part)}{missing}"


def _names(names: Any) -> str:
    while isinstance(names, dict) and len(names) == 1:
        names = next(iter(names.values()))
    while isinstance(names, list) and len(names) == 1 and isinstance(names[0], list):
        names = names[0]
    if not isinstance(names, list):
        return ""
    return f"  {listed(names, _NAMES_SHOWN)}"
