"""``lerotool encode --pending``: bring pending episodes into their datasets."""

from __future__ import annotations

import os
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lerotool.choices import Priority
from lerotool.cli.help import Examples
from lerotool.cli.options import DryRunOption, Machines, in_panel
from lerotool.cli.output import Output
from lerotool.cli.running import INTERRUPTED, caught
from lerotool.errors import IncompleteError, LerotoolError, UsageError
from lerotool.wording import as_argument
from lerotool.workspace import Workspace, dataset_root, lerobot_home

if TYPE_CHECKING:
    from lerotool.encoding.events import EncodeReport
    from lerotool.encoding.plan import EncodeOptions
    from lerotool.execution import DaskCluster, Place, ProcessExecutor

EXAMPLES: Examples = {
    "All that waits, in the LeRobot home and below the current folder": "lerotool encode --pending",
    "One dataset": "lerotool encode --pending user/pick-cube",
    "What would be done": "lerotool encode --pending data/pick --dry-run",
    "Also recordings that were cut off, as far as they are complete": "lerotool encode --pending data/pick --salvage",
    "Some episodes, by the numbers that --dry-run shows": "lerotool encode --pending data/pick --episodes 0-3,7",
    "Only takes that were marked a success": "lerotool encode --pending data/pick --episodes success",
    "On many machines": "lerotool encode --pending /shared/pick --dask tcp://node17:8786",
    "The same dataset with other videos": "lerotool encode user/pick-cube --codec h264 -o data/pick-h264",
}
_INCOMPLETE = IncompleteError.exit_code
_of_video = in_panel("Video")


@dataclass(frozen=True)
class VideoOptions:
    """How videos are encoded; None leaves it as it was recorded, or to LeRobot's defaults."""

    vcodec: Annotated[
        str | None,
        _of_video(
            "--codec",
            "--vcodec",
            metavar="CODEC",
            help="libsvtav1, h264, hevc, an FFmpeg encoder, or auto: the hardware encoder that works, else libsvtav1.",
        ),
    ] = None
    pix_fmt: Annotated[str | None, _of_video(metavar="NAME", help="Pixel format.")] = None
    g: Annotated[int | None, _of_video("--g", metavar="N", min=1, help="Frames per keyframe.")] = None
    crf: Annotated[int | None, _of_video(metavar="N", min=0, help="Quality, lower is better.")] = None
    preset: Annotated[
        str | None, _of_video(metavar="SPEED", help="Speed: a number for SVT-AV1, a name for others.")
    ] = None
    fast_decode: Annotated[int | None, _of_video(metavar="N", min=0, help="Tuning for quick decoding, 0 is off.")] = (
        None
    )
    extra_option: Annotated[
        list[str] | None, _of_video(metavar="NAME=VALUE", help="Further option of the encoder.")
    ] = None

    def overrides(self) -> dict[str, Any]:
        """Return what is said, by the names of the encoder's settings."""
        given = asdict(self)
        pairs = [option.partition("=") for option in given.pop("extra_option") or ()]
        if wrong := [name for name, sign, _ in pairs if not sign or not name]:
            raise UsageError(f"--extra-option {wrong[0]!r}: expected NAME=VALUE")
        if pairs:
            given["extra_options"] = {name: value for name, _, value in pairs}
        if self.preset is not None and self.preset.isdecimal():
            given["preset"] = int(self.preset)
        return {name: value for name, value in given.items() if value is not None}


def encode(
    datasets: Annotated[
        list[str] | None,
        typer.Argument(metavar="DATASET", help="Folders, or user/name in the LeRobot home.", show_default=False),
    ] = None,
    pending: Annotated[bool, typer.Option("--pending", help="Encode the pending episodes.")] = False,
    target: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Re-encode the dataset's videos into a new dataset."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="How many videos at a time.", show_default="one per core")
    ] = None,
    salvage: Annotated[
        bool, typer.Option("--salvage", help="Also recordings that were cut off, as far as they are complete.")
    ] = False,
    episodes: Annotated[
        str | None, typer.Option(metavar="EPISODES", help="Only these, such as 0-3,7, or how they are marked: success.")
    ] = None,
    keep_pending: Annotated[
        bool, typer.Option("--keep-pending", help="Leave the pending folders where they are, marked as committed.")
    ] = False,
    no_pack: Annotated[bool, typer.Option("--no-pack", help="Leave the dataset's small files apart.")] = False,
    dry_run: DryRunOption = False,
    *,
    machines: Machines,
    video: VideoOptions,
    output: Output,
    background: Annotated[bool, typer.Option("--background", hidden=True)] = False,
    priority: Annotated[Priority, typer.Option(hidden=True)] = Priority.LOW,
) -> int:
    """Encode pending episodes into their datasets, or re-encode the videos of a dataset.

    One video per episode and camera, all cores at once, with exactly one frame per row. Finished episodes are in the
    dataset for good, whatever comes after. Interrupted at any point, the same command goes on where it was.

    With --output a new dataset is written: rows, metadata and statistics are copied, the videos are encoded with
    LeRobot's defaults and the video options given here. The old dataset is only read.

    With --pending, video options that are not given stay as they were recorded.

    Exits with 8 if episodes are left (they are listed, and nothing of them is lost), with 130 when stopped by Ctrl-C.
    """
    if pending is (target is not None):
        problem = "--pending and --output exclude each other" if pending else "say what to encode"
        raise UsageError(problem, hint=_ways(datasets or []))
    from lerotool.execution import ThisMachine, cores

    cluster = machines.cluster(jobs, output)
    overrides = video.overrides()
    _tell_choice(overrides, output)
    if target is not None:
        if salvage or episodes is not None or keep_pending or no_pack:
            raise UsageError("--salvage, --episodes, --keep-pending and --no-pack are for pending episodes")
        place = cluster or ThisMachine(jobs, priority)
        return _encode_anew(datasets or [], target, overrides, place, output, dry_run=dry_run)
    roots = _roots(datasets or [], output)
    most_jobs = 0 if dry_run or cluster else _most_jobs(roots)
    with (
        _stoppable(output, until_stdin_ends=background) as stop,
        _early_workers(min(jobs or cores(), most_jobs), priority) as executor,
    ):
        from lerotool.encoding.plan import EncodeOptions

        options = EncodeOptions(
            jobs=jobs,
            overrides=overrides,
            salvage=salvage,
            pack=not no_pack,
            priority=priority,
            only=None if episodes is None else _only(episodes),
            keep_pending=keep_pending,
            # Only where a dataset is named: LeRobot's recordings look like leftovers while they last.
            rescue=bool(datasets) and not background,
        )
        if dry_run:
            return _show_plans(roots, options, output)
        return _encode_all(roots, options, executor or cluster, output, stop, tells_events=background)


def _only(text: str) -> frozenset[int] | str:
    """Return the numbers or the word that a text chooses pending episodes by."""
    from lerotool.arguments import parse_numbers
    from lerotool.dataset.marks import SELECTIONS

    return text if text in SELECTIONS else parse_numbers(text)


def _ways(datasets: list[str]) -> str:
    """Return the commands that may have been meant."""
    named = " ".join(["", *map(shlex.quote, datasets)])
    pending = f"pending episodes: lerotool encode --pending{named}"
    if not datasets:
        return pending
    target = f"{Path(datasets[0]).name or 'dataset'}-reencoded"
    return f"{pending}; other videos: lerotool encode {shlex.quote(datasets[0])} -o {shlex.quote(target)}"


def _most_jobs(roots: list[Path]) -> int:
    """Return how many cameras of pending episodes there are, without opening anything."""
    return sum(1 for root in roots for _ in Workspace(root).pending.glob("*/*.index"))


@contextmanager
def _early_workers(count: int, priority: Priority) -> Iterator[ProcessExecutor | None]:
    """Start worker processes, which then load what they need while this process does the same."""
    if count == 0:
        yield None
        return
    from lerotool.execution import ProcessExecutor

    executor = ProcessExecutor(count, priority)
    executor.load("lerotool.encoding.job")
    try:
        yield executor
    finally:
        executor.kill()


def _encode_anew(
    datasets: list[str], target: Path, overrides: dict[str, Any], place: Place, output: Output, *, dry_run: bool
) -> int:
    if len(datasets) != 1:
        raise UsageError(f"--output takes one dataset, found {len(datasets)}", hint=_ways(datasets))
    from lerotool.cli.encode_report import run_reencoding, show_reencoding
    from lerotool.encoding.reencode import ReencodeOptions

    source, options = dataset_root(datasets[0]), ReencodeOptions(overrides, place)
    if dry_run:
        return show_reencoding(source, target, options, output)
    with _stoppable(output, until_stdin_ends=False, kept="nothing is kept") as stop:
        return run_reencoding(source, target, options, output, stop)


def _tell_choice(overrides: dict[str, Any], output: Output) -> None:
    """Say which encoder the codec ``auto`` stands for on this machine."""
    from lerotool.media.format import AUTO, EncoderSettings

    if overrides.get("vcodec") == AUTO:
        from lerotool.media.encode import choose_encoder

        choice = choose_encoder(EncoderSettings(**overrides))
        why = f", for want of {', '.join(encoder for encoder, _ in choice.refused)}" if choice.refused else ""
        output.note(f"encoding with {choice.settings.vcodec}{why}")


def _roots(datasets: list[str], output: Output) -> list[Path]:
    if datasets:
        return list(dict.fromkeys(dataset_root(name) for name in datasets))
    from lerotool.encoding.plan import find_left_behind, find_pending_datasets

    places = [lerobot_home(), Path.cwd()]
    for root in find_left_behind(places):
        output.note(f"LeRobot has left pictures in {root}; this shows what can be saved:")
        output.note(f"  lerotool encode --pending {as_argument(root)} --dry-run")
    return find_pending_datasets(places)


@contextmanager
def _stoppable(
    output: Output, *, until_stdin_ends: bool, kept: str = "finished videos are kept"
) -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a request to stop at a safe point; the second one interrupts at once."""
    stop = threading.Event()

    def request() -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        output.note(f"stopping; {kept} - press Ctrl-C again to stop at once")

    def watch_stdin() -> None:
        # Whoever started this process holds the other end; when that process is gone there is nobody to work for.
        # Not through sys.stdin: a thread that waits in it aborts the interpreter's end.
        while os.read(0, 1024):
            pass
        stop.set()

    if until_stdin_ends:
        threading.Thread(target=watch_stdin, daemon=True).start()
    with caught(request, signal.SIGINT, signal.SIGTERM):
        yield stop


def _encode_all(
    roots: list[Path],
    options: EncodeOptions,
    where: ProcessExecutor | DaskCluster | None,
    output: Output,
    stop: threading.Event,
    *,
    tells_events: bool,
) -> int:
    from lerotool.cli.progress import show
    from lerotool.cli.tallies import EncodeTally, recorded
    from lerotool.encoding.run import encode_pending
    from lerotool.execution import ProcessExecutor

    place: dict[str, Any] = {"executor": where} if isinstance(where, ProcessExecutor) else {"place": where}
    reports: list[EncodeReport] = []
    errors: dict[Path, LerotoolError] = {}
    for root in roots:
        with nullcontext(recorded(output)) if tells_events else show(output, EncodeTally()) as listen:
            try:
                reports.append(encode_pending(root, options, listen, **place, stop=stop))
            except LerotoolError as error:
                if len(roots) == 1:
                    raise
                # One dataset that cannot be written must not keep the others waiting.
                errors[root] = error
                output.warn(f"{root}: {error}", hint=error.hint)
        if stop.is_set():
            break
    return _conclude(reports, errors, output, tells_events=tells_events)


def _conclude(
    reports: list[EncodeReport], errors: dict[Path, LerotoolError], output: Output, *, tells_events: bool
) -> int:
    from lerotool.cli.encode_report import report_document, report_text
    from lerotool.encoding.events import Ending

    if not output.is_json:
        for report in reports:
            _tell_left(report, output)
    if tells_events:
        for report in reports:
            output.record("report", report_document(report))
    else:
        failed = [{"root": root, "error": str(error)} for root, error in errors.items()]
        output.document({"datasets": [report_document(report) for report in reports], "errors": failed})
    for report in reports:
        output.result(report_text(report))
    if not reports and not errors:
        output.result("nothing is pending")
    endings = {report.ending for report in reports}
    if Ending.STOPPED in endings:
        return INTERRUPTED
    if errors:
        return next(iter(errors.values())).exit_code
    return _INCOMPLETE if Ending.INCOMPLETE in endings else 0


def _tell_left(report: EncodeReport, output: Output) -> None:
    """Say which episodes are left and why; those that a stopped run did not come to in one sentence."""
    from lerotool.encoding.events import NOT_YET

    untried = [left for left in report.left if left.reason == NOT_YET]
    for left in (*report.failures, *report.left):
        if left not in untried:
            output.warn(f"{left.episode}: {left.reason}", hint=left.hint)
    if untried:
        count = f"{len(untried)} episodes are" if len(untried) > 1 else "1 episode is"
        output.warn(f"{count} {NOT_YET}; go on with: lerotool encode --pending {shlex.quote(str(report.root))}")


def _show_plans(roots: list[Path], options: EncodeOptions, output: Output) -> int:
    from lerotool.cli.encode_report import plan_document, plan_text, rescue_plan_document, rescue_plan_text
    from lerotool.encoding.run import plan_pending
    from lerotool.mending.rescue_plan import plan_rescue

    plans = [plan_pending(root, options) for root in roots]
    rescues = {plan.root: plan_rescue(plan.root) if options.rescue else None for plan in plans}
    documents = [
        {**plan_document(plan), "rescue": rescue_plan_document(found) if (found := rescues[plan.root]) else None}
        for plan in plans
    ]
    output.document({"dry_run": True, "datasets": documents})
    for plan in plans:
        if (found := rescues[plan.root]) is not None:
            output.result(rescue_plan_text(found))
        output.result(plan_text(plan))
    if not plans:
        output.result("nothing is pending")
    return 0
