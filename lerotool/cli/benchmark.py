"""``lerotool benchmark``: how fast this machine is, which way to record is best on it, and how that compares."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.benchmarking.effort import MOST_CAMERAS, Effort, Part, Rig
from lerotool.cli.help import Examples
from lerotool.cli.options import in_panel
from lerotool.cli.output import Output
from lerotool.cli.running import INTERRUPTED, SIGNALS, caught
from lerotool.errors import DatasetNotFoundError, UsageError

if TYPE_CHECKING:
    from lerotool.benchmarking.figures import Report
    from lerotool.benchmarking.steps import Request

EXAMPLES: Examples = {
    "What this machine encodes, and which codec to use": "lerotool benchmark",
    "When to encode, side by side; merging beside row by row": "lerotool benchmark --compare",
    "One part only, in about a minute": "lerotool benchmark --compare --quick --part recording",
    "Your cameras and takes": "lerotool benchmark --compare --cameras 3 --size 1280x720 --episode-time 30",
    "The same work by the real LeRobot, in turn": "lerotool benchmark --compare --lerobot ~/lerobot/bin/python",
    "What has become faster or slower": [
        "lerotool benchmark --compare --full --json > today.json",
        "lerotool benchmark --compare yesterday.json today.json",
    ],
}
_of_rig = in_panel("Cameras and takes")


def benchmark(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN.json", help="With --compare: two saved runs, earlier one first.", show_default=False
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Measure ways to record and to merge side by side; or compare two runs.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="About a minute, less exact.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Whole takes and several rounds, for figures to publish: an hour or so.")
    ] = False,
    only: Annotated[
        list[Part] | None, typer.Option("--part", metavar="PART", help=f"Only {', '.join(Part)}; repeat for more.")
    ] = None,
    lerobot: Annotated[
        Path | None,
        typer.Option(metavar="PYTHON", help="An interpreter that has the real LeRobot, to do the same work in turn."),
    ] = None,
    cameras: Annotated[int, _of_rig(metavar="N", min=1, max=MOST_CAMERAS, help="How many.")] = 2,
    size: Annotated[str, _of_rig(metavar="WxH", help="Of their pictures.")] = "640x480",
    fps: Annotated[int, _of_rig(metavar="N", min=1, max=240, help="Pictures a second.")] = 30,
    episode_time: Annotated[
        float, _of_rig(metavar="N", min=0.5, max=600.0, help="How long your takes are, in seconds.")
    ] = 15.0,
    work: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Work on this folder's disk; nothing is left there. \\[default: where datasets go]"
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Also write a page with plots.", rich_help_panel="Output")
    ] = None,
    *,
    output: Output,
) -> int:
    """Measure what this machine records, encodes and merges.

    Without --compare only what it encodes. The arms are simulated, the cameras are files; everything else is real.
    Every figure is measured in this run; those that are calculated are marked with ≈.
    """
    if report is not None:
        _check_report(report)
    if files:
        if not compare or len(files) != 2:
            raise UsageError(
                f"{len(files)} files: expected none, or two with --compare",
                hint="lerotool benchmark --compare A.json B.json",
            )
        _compare(files[0], files[1], report, output)
        return 0
    if quick and full:
        raise UsageError("--quick and --full do not go together")
    effort = Effort.QUICK if quick else Effort.FULL if full else Effort.NORMAL
    rig = _rig(cameras, size, fps, episode_time)
    if work is not None and not work.is_dir():
        raise DatasetNotFoundError(f"--work: no folder {str(work)!r}")
    request = _request(effort, rig, frozenset(only or ()), lerobot, compare=compare)
    return _measure(request, work, report, output)


def _rig(cameras: int, size: str, fps: int, take_s: float) -> Rig:
    width, _, height = size.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise UsageError(f"--size is {size!r}, expected WIDTHxHEIGHT", hint="for example --size 640x480")
    return Rig(cameras, int(width), int(height), fps, take_s)


def _request(effort: Effort, rig: Rig, only: frozenset[Part], lerobot: Path | None, *, compare: bool) -> Request:
    from lerotool.benchmarking.bench import find_peer
    from lerotool.benchmarking.steps import Request

    parts = only or (frozenset(Part) if compare or lerobot else frozenset((Part.CODECS,)))
    if lerobot is None:
        if Part.LEROBOT in only:
            raise UsageError("--part lerobot needs an interpreter that has it", hint="add --lerobot PYTHON")
        parts -= {Part.LEROBOT}
    peer = find_peer(lerobot) if lerobot is not None and parts & {Part.LEROBOT, Part.READING} else None
    return Request(effort, rig, parts, peer)


def _check_report(path: Path) -> None:
    """Find out before an hour's work whether its page can be written."""
    import importlib.util

    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--report: {str(path)!r} is not an HTML file", hint="let its name end with .html")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--report: no folder {str(path.absolute().parent)!r}", hint="make it first")
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("--report needs matplotlib", hint="pip install matplotlib")


def _measure(request: Request, work: Path | None, page: Path | None, output: Output) -> int:
    from lerotool.benchmarking.runner import run_benchmark
    from lerotool.cli.benchmark_report import BenchmarkTally, show_report
    from lerotool.cli.progress import show

    try:
        with caught(_interrupt), show(output, BenchmarkTally(request.rig, request.take_s)) as listen:
            report = run_benchmark(request, work, listen)
    except KeyboardInterrupt:
        output.note("interrupted; nothing is left behind")
        return INTERRUPTED
    output.document(report.to_json())
    show_report(report, output)
    if page is not None:
        _write_page(page, report, output)
    return 0


def _write_page(page: Path, report: Report, output: Output) -> None:
    from lerotool.benchmarking.page import page_of
    from lerotool.storage import write_atomic

    write_atomic(page, page_of(report).encode())
    output.note(f"page with plots: {page}")


def _compare(before: Path, after: Path, page: Path | None, output: Output) -> None:
    from lerotool.benchmarking.figures import compare, differences, load_report
    from lerotool.cli.benchmark_report import comparison_document, show_comparison

    if page is not None:
        raise UsageError("--report is for a run, not for two saved ones", hint="give --report when you measure")
    old, new = load_report(before), load_report(after)
    for text in differences(old, new):
        output.warn(f"the runs differ: {text}")
    changes = compare(old, new)
    output.document(comparison_document(changes, before, after))
    show_comparison(changes, (before, after), output)


def _interrupt() -> None:
    """Interrupt at the first signal, and let no other one disturb the clearing up."""
    for known in SIGNALS:
        signal.signal(known, signal.SIG_IGN)
    raise KeyboardInterrupt
