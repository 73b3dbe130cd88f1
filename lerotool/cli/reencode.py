"""``lerotool encode DATASET -o TARGET``: the same dataset with its videos encoded again."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lerotool.cli.output import Output
from lerotool.wording import counted, sized

if TYPE_CHECKING:
    from lerotool.encoding.reencode import ReencodeReport
    from lerotool.encoding.reencode_plan import ReencodeOptions, ReencodePlan

_INTERRUPTED = 130


def show_reencoding(source: Path, target: Path, options: ReencodeOptions, output: Output) -> int:
    """Say what would be done; returns the exit code."""
    from lerotool.cli.cures import naming_cures
    from lerotool.encoding.reencode import check_means, check_places
    from lerotool.encoding.reencode_plan import plan_reencoding

    check_places(source, target)
    with naming_cures([source]):
        plan = plan_reencoding(source, options)
    check_means(plan, target)
    output.document({"dry_run": True, **_plan_document(plan, target)})
    output.result(_plan_text(plan, target))
    return 0


def run_reencoding(source: Path, target: Path, options: ReencodeOptions, output: Output, stop: threading.Event) -> int:
    """Encode a dataset's videos again; returns the exit code."""
    from lerotool.cli.cures import naming_cures
    from lerotool.cli.encode_progress import EncodeTally
    from lerotool.cli.progress import show
    from lerotool.encoding.reencode import reencode
    from lerotool.execution import StoppedError

    with naming_cures([source]), show(output, EncodeTally()) as listen:
        try:
            report = reencode(source, target, options, listen, stop=stop)
        except StoppedError:
            output.note(f"stopped; {target} was not made, and the same command starts over")
            return _INTERRUPTED
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
