"""The plan of ``lerotool merge`` and what it says in the end, for people and for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from lerotool.choices import FileMode
from lerotool.cli.output import shortened
from lerotool.features import DEFAULT_FEATURES
from lerotool.merging.plan import MergeReport, Plan, Verdict
from lerotool.rewriting.rewriting import Contribution
from lerotool.rewriting.video_plan import CameraPlan, Method
from lerotool.wording import clock, counted, one_line, sized

_TELLING = 2
"""A rate below this says nothing."""
_TASKS_SHOWN = 10
_SOURCES_SHOWN = 20
_HEADINGS = {
    Verdict.OPEN: "to settle first",
    Verdict.WARNING: "please look at",
    Verdict.CHOSEN: "settled by flags",
    Verdict.TRIVIAL: "settled, means nothing",
}


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield the plan for people."""
    yield _summary(plan)
    yield from _headed("sources", shortened([_source_line(c) for c in plan.work.contributions], _SOURCES_SHOWN))
    yield from _headed("files", _file_lines(plan))
    own = {name: feature for name, feature in plan.work.features.items() if name not in DEFAULT_FEATURES}
    yield from _headed("features", [f"{name}  {each.dtype} {list(each.shape)}" for name, each in own.items()])
    tasks = [f"{number}  {text}  <- {_origins(number, plan)}" for number, text in enumerate(plan.work.tasks)]
    yield from _headed("tasks", shortened(tasks, _TASKS_SHOWN))
    for verdict in (Verdict.TRIVIAL, Verdict.CHOSEN, Verdict.WARNING):
        found = [str(d) for d in plan.differences if d.verdict is verdict]
        yield from _headed(_HEADINGS[verdict], found + list(plan.notes if verdict is Verdict.WARNING else ()))
    damage = [*([] if plan.obstacle is None else [str(plan.obstacle)]), *plan.damage]
    yield from _headed("damage and obstacles", damage)
    yield from _headed(_HEADINGS[Verdict.OPEN], [str(d) for d in plan.open_differences])
    if not plan.problems:
        yield "no obstacles found; run it without --dry-run"


def _headed(heading: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield f"{heading}:"
        yield from (f"  {one_line(line)}" for line in lines)


def _summary(plan: Plan) -> str:
    seconds = plan.work.frames / plan.work.fps if plan.work.fps else 0
    return (
        f"{plan.target}: LeRobot {plan.options.version}, {counted(plan.work.episodes, 'episode')}, "
        f"{counted(plan.work.frames, 'frame')} ({clock(seconds)}), {plan.work.fps:g} fps, "
        f"robot {plan.work.robot_type or 'unknown'}, about {sized(plan.work.bytes)}"
    )


def _source_line(contribution: Contribution) -> str:
    source, first = contribution.source, contribution.first_episode
    count = len(contribution.lengths)
    episodes = counted(count, "episode") if source.is_whole else f"{count} of {source.dataset.num_episodes} episodes"
    last = f" to {first + count - 1}" if count > 1 else ""
    return (
        f"{source.place + 1}  {source.label}  {source.dataset.version}  {episodes} -> {first}{last}, "
        f"{counted(int(contribution.lengths.sum()), 'frame')}"
    )


def _file_lines(plan: Plan) -> list[str]:
    lines = [f"{counted(len(plan.work.data), 'data file')}, {sized(plan.work.data_bytes)}"] if plan.work.data else []
    return lines + [f"{name}  {_camera_line(camera, plan)}" for name, camera in plan.work.cameras.items()]


def _camera_line(camera: CameraPlan, plan: Plan) -> str:
    methods = Counter(output.method for output in camera.outputs)
    words = {Method.COPY: "copied whole", Method.LINK: "linked", Method.JOIN: "made by copying packets"}
    how = ", ".join(f"{count} {words[method]}" for method, count in methods.items())
    text = f"{counted(len(camera.outputs), 'video')}, {sized(sum(o.bytes for o in camera.outputs))}: {how}"
    if camera.clips:
        text += f"; {counted(sum(clip.length for clip in camera.clips), 'frame')} encoded"
    unused = sum(output.frames for output in camera.outputs) - plan.work.frames
    if unused > 0 and plan.options.files is FileMode.PACK:
        text += f"; {counted(unused, 'frame')} of no episode, because they cannot be cut off"
    return text


def _origins(task: int, plan: Plan) -> str:
    """Return which tasks of which sources have become a task."""
    return ", ".join(
        f"{c.source.place + 1}:{old}"
        for c in plan.work.contributions[:_SOURCES_SHOWN]
        for old, new in enumerate(c.tasks.tolist())
        if new == task
    )


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the plan for machines."""
    return {
        "target": str(plan.target),
        "codebase_version": plan.options.version.value,
        "fps": plan.work.fps,
        "robot_type": plan.work.robot_type,
        "episodes": plan.work.episodes,
        "frames": plan.work.frames,
        "bytes": plan.work.bytes,
        "written_bytes": plan.work.written_bytes,
        "features": {name: feature.to_json() for name, feature in plan.work.features.items()},
        "tasks": list(plan.work.tasks),
        "sources": [_source_document(c) for c in plan.work.contributions],
        "data_files": len(plan.work.data),
        "videos": {name: _camera_document(camera) for name, camera in plan.work.cameras.items()},
        "differences": [asdict(d) for d in plan.differences],
        "damage": list(plan.damage),
        "notes": list(plan.notes),
        "problems": list(plan.problems),
    }


def _source_document(contribution: Contribution) -> dict[str, Any]:
    source = contribution.source
    return {
        "root": str(source.dataset.root),
        "codebase_version": source.dataset.version.value,
        "source_episodes": [[first, stop] for first, stop in source.runs()],
        "first_episode": contribution.first_episode,
        "episodes": len(contribution.lengths),
        "frames": int(contribution.lengths.sum()),
        "tasks": contribution.tasks.tolist(),
    }


def _camera_document(camera: CameraPlan) -> dict[str, Any]:
    methods = Counter(output.method.value for output in camera.outputs)
    return {
        "files": len(camera.outputs),
        "bytes": sum(output.bytes for output in camera.outputs),
        "methods": dict(methods),
        "frames_to_encode": sum(clip.length for clip in camera.clips),
    }


def report_text(report: MergeReport, speed_up: float | None) -> str:
    """Return the result for people; ``speed_up`` is None where a comparison would say nothing."""
    rates = ((report.episodes, "episodes/s"), (report.bytes / 1e6, "MB/s"))
    shown = [f"{done / report.wall_s:.0f} {unit}" for done, unit in rates if done / report.wall_s >= _TELLING]
    lines = [
        f"{report.target}: {counted(report.episodes, 'episode')}, {counted(report.frames, 'frame')}, "
        f"{sized(report.bytes)} in {report.wall_s:.1f} s" + (f" ({', '.join(shown)})" if shown else "")
    ]
    if speed_up is not None:
        lines.append(
            f"copying the rows one by one, without videos, would take about {speed_up:.1f} times as long "
            "(measured on the first rows of the first source)"
        )
    return "\n".join(lines)


def report_document(report: MergeReport, speed_up: float | None) -> dict[str, Any]:
    """Return the result for machines; ``speed_up`` is None where a comparison would say nothing."""
    facts = asdict(report)
    return {"codebase_version": facts.pop("version").value, **facts, "speed_up": speed_up}
