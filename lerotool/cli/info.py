"""``lerotool info``: what a dataset is, without reading its rows or decoding its pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lerotool.cli.options import JsonOption
from lerotool.cli.output import Output
from lerotool.wording import counted, sized

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lerotool.dataset.dataset import Dataset
    from lerotool.features import Feature

EXAMPLES = """
[bold]Examples[/bold]

  $ lerotool info ~/recordings/pick-cube\n
  $ lerotool info me/pick-cube          [dim]# under the LeRobot home[/dim]\n
  $ lerotool info me/pick-cube --json
"""
_TASKS_SHOWN = 10
_NAMES_SHOWN = 8
_HEADING_WIDTH = 11
_SECONDS_PER_HOUR = 3600


def info(
    dataset: Annotated[str, typer.Argument(help="A dataset's folder, or user/name under the LeRobot home.")],
    as_json: JsonOption = False,
) -> None:
    """Show what a dataset contains: format, robot, features, cameras, episodes, tasks, and what waits to be encoded."""
    from lerotool.dataset.dataset import Dataset
    from lerotool.errors import DatasetNotFoundError
    from lerotool.workspace import dataset_root

    output = Output.of(json=as_json, quiet=False)
    try:
        document = describe(Dataset.open(dataset))
    except DatasetNotFoundError:
        # The first session recorded, and nothing of it is encoded yet.
        document = _describe_recorded(dataset_root(dataset))
        if not document["pending"]["episodes"]:
            raise
    output.document(document)
    if not output.is_json:
        output.result(_render(document))


def describe(dataset: Dataset) -> dict[str, Any]:
    """Return what is known of a dataset from its metadata, as plain values."""
    from lerotool.storage import tree_bytes
    from lerotool.workspace import Workspace

    own = Workspace(dataset.root).folder
    own_bytes = tree_bytes(own) if own.is_dir() else 0
    return {
        "root": str(dataset.root),
        "codebase_version": dataset.version.value,
        "robot_type": dataset.robot_type,
        "fps": dataset.fps,
        "episodes": dataset.num_episodes,
        "frames": dataset.num_frames,
        "hours": dataset.num_frames / dataset.fps / _SECONDS_PER_HOUR,
        "tasks": list(dataset.tasks),
        "features": {
            name: {"dtype": feature.dtype, "shape": list(feature.shape), "names": feature.names}
            for name, feature in dataset.features.items()
        },
        "cameras": {name: _describe_camera(dataset, name) for name in dataset.cameras},
        "bytes": tree_bytes(dataset.root) - own_bytes,
        "pending": _describe_pending(dataset.root),
        "unknown_keys": sorted(dataset.info.model_extra or {}),
    }


def _describe_recorded(root: Path) -> dict[str, Any]:
    """Return what is known of a folder that has pending episodes but no dataset yet: the keys of `describe`."""
    return {
        "root": str(root),
        "codebase_version": None,
        "robot_type": None,
        "fps": None,
        "episodes": 0,
        "frames": 0,
        "hours": 0.0,
        "tasks": [],
        "features": {},
        "cameras": {},
        "bytes": 0,
        "pending": _describe_pending(root),
        "unknown_keys": [],
    }


def _describe_camera(dataset: Dataset, name: str) -> dict[str, Any]:
    feature = dataset.features[name]
    height, width = _size(feature)
    described = {
        "dtype": feature.dtype,
        "codec": feature.info.get("video.codec"),
        "pix_fmt": feature.info.get("video.pix_fmt"),
        "width": feature.info.get("video.width") or width,
        "height": feature.info.get("video.height") or height,
        "is_depth": feature.is_depth,
        "is_present": True,
    }
    if feature.dtype != "video" or not dataset.episodes:
        return described
    span = dataset.episodes[0].videos.get(name)
    if span is None or not span.path.is_file():
        return {**described, "is_present": False}
    if described["codec"] is None:
        from lerotool.media.probe import probe

        video = probe(span.path)
        described |= {"codec": video.codec, "pix_fmt": video.pix_fmt, "width": video.width, "height": video.height}
    return described


def _size(feature: Feature) -> tuple[int | None, int | None]:
    """Return height and width as the shape tells them, which may be (height, width, channels) or channels first."""
    shape = feature.shape
    if len(shape) != 3:
        return None, None
    channels_first = shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4)
    return (shape[1], shape[2]) if channels_first else (shape[0], shape[1])


def _describe_pending(root: Path) -> dict[str, Any]:
    from lerotool.storage import tree_bytes
    from lerotool.workspace import Workspace

    folder = Workspace(root).pending
    if not folder.is_dir() or not any(folder.iterdir()):
        return {"episodes": 0, "frames": 0, "bytes": 0, "kinds": {}}
    from lerotool.spool.episode import COMMITTED
    from lerotool.spool.recovery import examine_all

    verdicts = [verdict for verdict in examine_all(root) if not (verdict.path / COMMITTED).exists()]
    return {
        "episodes": len(verdicts),
        "frames": sum(verdict.rows for verdict in verdicts),
        "bytes": tree_bytes(folder),
        "kinds": dict(Counter(verdict.kind.value for verdict in verdicts)),
    }


def _render(document: Mapping[str, Any]) -> RenderableType:
    from rich.text import Text

    text = Text()
    for heading, line in _lines(document):
        text.append(f"{heading:<{_HEADING_WIDTH}}", style="bold").append(f"{_printable(line)}\n")
    text.right_crop(1)
    return text


def _printable(text: str) -> str:
    """Return the text with everything escaped that a terminal would act on: it comes from a file."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def _lines(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "dataset", document["root"]
    if document["codebase_version"] is None:
        yield "episodes", "0: nothing is encoded yet"
    else:
        yield "format", f"LeRobot {document['codebase_version']}"
        yield "robot", document["robot_type"] or "unknown"
        yield "fps", f"{document['fps']:g}"
        yield "episodes", f"{document['episodes']}"
        yield "frames", f"{document['frames']} ({_duration(document['hours'])})"
        yield "size", sized(document["bytes"])
    yield from _headed("tasks", _task_lines(document["tasks"]))
    yield from _headed("cameras", (_camera_line(name, camera) for name, camera in document["cameras"].items()))
    columns = ((n, f) for n, f in document["features"].items() if n not in document["cameras"])
    yield from _headed("features", (f"{name}  {f['dtype']} {f['shape']}{_names(f['names'])}" for name, f in columns))
    pending = document["pending"]
    if pending["episodes"]:
        kinds = ", ".join(f"{count} {kind}" for kind, count in pending["kinds"].items())
        episodes, frames = counted(pending["episodes"], "episode"), counted(pending["frames"], "frame")
        yield "pending", f"{episodes} ({kinds}), {frames}, {sized(pending['bytes'])}"
        yield "", f"lerotool encode --pending {document['root']}"


def _headed(heading: str, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines):
        yield "" if number else heading, line


def _task_lines(tasks: list[str]) -> Iterator[str]:
    for number, task in enumerate(tasks[:_TASKS_SHOWN]):
        yield f"{number}  {task}"
    if len(tasks) > _TASKS_SHOWN:
        yield f"and {len(tasks) - _TASKS_SHOWN} more"


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
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"  {', '.join(map(str, names[:_NAMES_SHOWN]))}{more}"


def _duration(hours: float) -> str:
    seconds = round(hours * _SECONDS_PER_HOUR)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} h"
