"""What ``lerotool encode`` says of pending episodes, of what LeRobot left, and of videos that are encoded again."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lerotool.cli.output import Output
from lerotool.cli.running import INTERRUPTED, naming_cures
from lerotool.encoding.events import EncodeReport
from lerotool.encoding.plan import Plan, folder_number
from lerotool.mending.fates import EpisodeFinding, Fate, RescuePlan, RescueReport
from lerotool.wording import as_argument, counted, sized

if TYPE_CHECKING:
    from lerotool.encoding.reencode import ReencodeOptions, ReencodePlan, ReencodeReport

_WHAT = {Fate.KEPT: "stays in the dataset", Fate.ENCODED: "encoded from its pictures", Fate.LEFT: "left"}


def report_text(report: EncodeReport) -> str:
    """Return the result of one dataset for people."""
    tail = f"{report.root} has {counted(report.total_episodes, 'episode')} now"
    if report.rescue is not None:
        tail = f"{_rescue_report_text(report.rescue)}\n{tail}"
    if not report.episodes:
        left = len(report.failures) + len(report.left)
        what = f"no episode added, {left} left" if left else "nothing is pending"
        return tail if report.rescue is not None else f"{report.root}: {what}"
    speed = ""
    if report.frames:
        speed = (
            f": {report.frames_per_s:.0f} frames/s, {report.times_real_time:.1f} times real time, "
            f"{report.speed_up:.1f} times as fast as one job at a time"
        )
    added = f"{counted(report.episodes, 'episode')}, {counted(report.rows, 'row')} added in {report.wall_s:.1f} s"
    return f"{added}{speed}\n{tail}"


def report_document(report: EncodeReport) -> dict[str, Any]:
    """Return the result of one dataset for machines; ``speed_up`` is CPU seconds of all jobs per second of encoding."""
    return {
        **asdict(report),
        "frames_per_s": report.frames_per_s,
        "times_real_time": report.times_real_time,
        "speed_up": report.speed_up,
        "rescue": None if report.rescue is None else _rescue_report_document(report.rescue),
    }


def plan_text(plan: Plan) -> str:
    """Return what would be done with one dataset, for people."""
    lines = [
        (
            f"{plan.root}: {counted(len(plan.tasks), 'episode')}, {counted(plan.rows, 'row')}, "
            f"{counted(plan.frames, 'frame')}, {plan.seconds:.1f} s of recording, about {sized(plan.estimated_bytes)}"
        )
    ]
    lines += [
        f"  {_numbered(task.name)}: {counted(task.length, 'row')}, {counted(len(task.cameras), 'camera')}"
        for task in plan.tasks
    ]
    lines += [
        f"  {_numbered(verdict.path.name)}: would be salvaged, {counted(verdict.rows, 'row')}"
        for verdict in plan.salvageable
    ]
    lines += [f"  {_numbered(left.episode)}: left, {left.reason}" for left in plan.left]
    lines += [f"  {name}: is being recorded" for name in plan.live]
    return "\n".join(lines)


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return what would be done with one dataset, for machines."""
    return {
        "root": str(plan.root),
        "episodes": [
            {
                "episode": task.name,
                "number": folder_number(task.name),
                "rows": task.length,
                "seconds": task.seconds,
                "cameras": list(task.cameras),
                "encoder": task.settings.to_json(),
            }
            for task in plan.tasks
        ],
        "rows": plan.rows,
        "frames": plan.frames,
        "seconds": plan.seconds,
        "estimated_bytes": plan.estimated_bytes,
        "salvageable": [{"episode": verdict.path.name, "rows": verdict.rows} for verdict in plan.salvageable],
        "left": [asdict(left) for left in plan.left],
        "live": list(plan.live),
    }


def _numbered(name: str) -> str:
    """Return the folder name of a pending episode after the number that ``--episodes`` knows it by."""
    number = folder_number(name)
    return name if number is None else f"{number}: {name}"


def rescue_plan_text(plan: RescuePlan) -> str:
    """Return what would be done with one dataset's leftovers, for people."""
    lines = [f"{plan.root}: left behind by LeRobot"]
    if plan.refusal is not None:
        lines.append(f"  not touched: {plan.refusal}")
    if plan.is_broken:
        lines.append("  its tables would be rewritten; as they are they would be kept")
    return "\n".join([*lines, *_finding_lines(plan.findings), *(f"  {note}" for note in plan.notes)])


def _rescue_report_text(report: RescueReport) -> str:
    lines = ["left behind by LeRobot:", *_finding_lines(report.findings), *(f"  {note}" for note in report.notes)]
    if report.removed_pictures:
        lines.append(f"  {report.removed_pictures} picture files, which are in the dataset now, were put away")
    if report.originals is not None:
        command = f"lerotool check {as_argument(report.root)}"
        lines.append(f"  the files as they were: {report.originals}")
        lines.append(f"  to take the rescue back: {command} --undo")
        lines.append(f"  when all is well: {command} --forget")
    return "\n".join(lines)


def rescue_plan_document(plan: RescuePlan) -> dict[str, Any]:
    """Return what would be done with one dataset's leftovers, for machines."""
    return {
        "refusal": plan.refusal,
        "makes_tables_anew": plan.is_broken,
        "episodes": [asdict(finding) for finding in plan.findings],
        "notes": list(plan.notes),
    }


def _rescue_report_document(report: RescueReport) -> dict[str, Any]:
    return {
        "refusal": report.refusal,
        "originals": report.originals,
        "removed_pictures": report.removed_pictures,
        "episodes": [asdict(finding) for finding in report.findings],
        "notes": report.notes,
    }


def _finding_lines(findings: Iterable[EpisodeFinding]) -> list[str]:
    lines: list[str] = []
    for is_kept, group in groupby(findings, key=lambda finding: finding.fate is Fate.KEPT):
        members = list(group)
        if is_kept and len(members) > 1:
            rows = sum(finding.rows for finding in members)
            numbers = f"{members[0].episode} to {members[-1].episode}"
            lines.append(f"  LeRobot's episodes {numbers}: {len(members)} episodes, {rows} rows: stay in the dataset")
        else:
            lines += [f"  LeRobot's episode {finding.episode}: {_describe(finding)}" for finding in members]
    return lines


def _describe(finding: EpisodeFinding) -> str:
    pictures = [f"{counted(count, 'picture')} of {key}" for key, count in finding.pictures.items()]
    found = ", ".join([counted(finding.rows, "row"), *pictures])
    what = f"cut to {counted(finding.usable, 'row')}" if finding.fate is Fate.CUT else _WHAT[finding.fate]
    return f"{found}: {what}" + (f", {finding.reason}" if finding.reason else "")


def show_reencoding(source: Path, target: Path, options: ReencodeOptions, output: Output) -> int:
    """Say what would be done; returns the exit code."""
    from lerotool.encoding.reencode import check_means, check_places, plan_reencoding

    check_places(source, target)
    with naming_cures([source]):
        plan = plan_reencoding(source, options)
    check_means(plan, target)
    output.document({"dry_run": True, **_plan_document(plan, target)})
    output.result(_plan_text(plan, target))
    return 0


def run_reencoding(source: Path, target: Path, options: ReencodeOptions, output: Output, stop: threading.Event) -> int:
    """Encode a dataset's videos again; returns the exit code."""
    from lerotool.cli.progress import show
    from lerotool.cli.tallies import EncodeTally
    from lerotool.encoding.reencode import reencode
    from lerotool.execution import StoppedError

    with naming_cures([source]), show(output, EncodeTally()) as listen:
        try:
            report = reencode(source, target, options, listen, stop=stop)
        except StoppedError:
            output.note(f"stopped; {target} was not made, and the same command starts over")
            return INTERRUPTED
    output.document(_report_document(report))
    output.result(_report_text(report))
    return 0


def _plan_text(plan: ReencodePlan, target: Path) -> str:
    lines = [
        (
            f"{plan.dataset.root} -> {target}: {counted(len(plan.files), 'video file')}, "
            f"{counted(plan.frames, 'frame')}, {sized(plan.video_bytes)}, to {_encoder(plan.settings.to_json())}"
        )
    ]
    lines += [
        f"  {file.path.relative_to(plan.dataset.root)}: {counted(file.output.frames, 'frame')}" for file in plan.files
    ]
    lines += [f"  {camera}: copied, depth is not encoded again" for camera in plan.kept]
    lines += [f"  {note}" for note in plan.notes]
    return "\n".join(lines)


def _plan_document(plan: ReencodePlan, target: Path) -> dict[str, Any]:
    return {
        "source": str(plan.dataset.root),
        "target": str(target),
        "encoder": plan.settings.to_json(),
        "files": [
            {"path": str(file.path), "camera": file.camera, "frames": file.output.frames, "parts": len(file.clips)}
            for file in plan.files
        ],
        "frames": plan.frames,
        "video_bytes": plan.video_bytes,
        "copied_cameras": list(plan.kept),
        "notes": list(plan.notes),
    }


def _report_text(report: ReencodeReport) -> str:
    share = report.video_bytes / report.source_bytes
    return (
        f"{report.target}: {counted(report.files, 'video file')}, "
        f"{counted(report.frames, 'frame')} in {report.wall_s:.1f} s "
        f"({report.frames_per_s:.0f} frames/s), {_encoder(report.settings)}\n"
        f"{sized(report.source_bytes)} became {sized(report.video_bytes)} ({share:.0%})"
        + "".join(f"\n  {note}" for note in report.notes)
    )


def _report_document(report: ReencodeReport) -> dict[str, Any]:
    return {
        "target": str(report.target),
        "encoder": report.settings,
        "files": report.files,
        "frames": report.frames,
        "copied_cameras": list(report.kept),
        "notes": list(report.notes),
        "source_bytes": report.source_bytes,
        "video_bytes": report.video_bytes,
        "wall_s": report.wall_s,
        "cpu_s": report.cpu_s,
        "frames_per_s": report.frames_per_s,
    }


def _encoder(settings: dict[str, Any]) -> str:
    return f"{settings['vcodec']} {settings['pix_fmt']}, crf {settings['crf']}, g {settings['g']}"
