"""`lerotool record --dry-run`: what a session would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lerotool.wording import sized
from lerotool.workspace import Workspace

if TYPE_CHECKING:
    from lerotool.cli.output import Output
    from lerotool.cli.record_request import Request
    from lerotool.recording.config import RecordingConfig
    from lerotool.recording.session_plan import Plan
    from lerotool.recording.take import Devices


def show_plan(config: RecordingConfig, request: Request, devices: Devices, output: Output) -> None:
    """Print what the session would do."""
    from lerotool.recording.pacing import Clock
    from lerotool.recording.session_plan import look_at, plan_session

    plan = plan_session(config, devices, look_at(config.root), Clock())
    document = _build_document(config, request, devices, plan)
    output.document(document)
    output.result(_build_table(document))


def _build_document(config: RecordingConfig, request: Request, devices: Devices, plan: Plan) -> dict[str, Any]:
    from lerotool.storage import free_bytes

    return {
        "dataset": str(config.root),
        "robot": request.robot.name,
        "robot_type": devices.robot.robot_type,
        "task": config.task_of(plan.stock.total),
        "tasks": len(config.prompts.texts) if config.prompts is not None else 1,
        "fps": float(config.fps),
        "episodes": {
            "total": config.episodes,
            "in_dataset": plan.stock.committed,
            "waiting": plan.stock.waiting,
            "to_record": plan.takes,
        },
        "interrupted": [str(verdict.path) for verdict in plan.stock.interrupted],
        "features": {name: feature.to_json() for name, feature in devices.features.items()},
        "pending": str(Workspace(config.root).pending),
        "bytes": {
            "per_second": round(plan.need.bytes_per_second),
            "take": plan.need.take_bytes,
            "session": plan.need.session_bytes,
            "free": free_bytes(config.root),
        },
        "encoder": config.encoder.to_json(),
        "encode": {"when": str(config.mode), "batch": config.batch, "at_end": config.encode_at_end},
    }


def _build_table(document: dict[str, Any]) -> Any:
    from rich.table import Table

    episodes, sizes, encode = document["episodes"], document["bytes"], document["encode"]
    table = Table.grid(padding=(0, 2))
    table.add_row("dataset", document["dataset"])
    if document["tasks"] == 1:
        table.add_row("task", document["task"])
    else:
        table.add_row("tasks", f"{document['tasks']} in turn; next: {document['task']}")
    there = episodes["in_dataset"] + episodes["waiting"]
    table.add_row("episodes", f"{episodes['to_record']} to record, {there} of {episodes['total']} there already")
    for name, feature in document["features"].items():
        table.add_row(name, f"{feature['dtype']} {'x'.join(map(str, feature['shape']))}")
    table.add_row("rows", f"{document['fps']:g} per second")
    table.add_row(
        "disk",
        f"{sized(sizes['per_second'])}/s, {sized(sizes['take'])} a take, "
        f"{sized(sizes['session'])} in all until encoded; {sized(sizes['free'])} free",
    )
    when = {"later": "not by this session", "foreground": "every {} episodes, waiting for it"}
    text = when.get(encode["when"], "every {} episodes, in the background").format(encode["batch"])
    table.add_row("encoding", f"{text}{', the rest at the end' if encode['at_end'] else ''}")
    return table
