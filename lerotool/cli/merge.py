"""``lerotool merge``: one dataset out of many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.choices import FileMode, Fill, Units, Version
from lerotool.cli.help import Examples
from lerotool.cli.options import DryRunOption, Machines, in_panel
from lerotool.cli.output import Output
from lerotool.errors import LerotoolError, UsageError

if TYPE_CHECKING:
    from lerotool.api.merges import MergePlan
    from lerotool.execution import Place
    from lerotool.merging.plan import MergeReport, Plan

EXAMPLES: Examples = {
    "What would be done, and which option settles what differs": "lerotool merge ds1 ds2 -o merged --dry-run",
    "Only some episodes of the second": "lerotool merge ds1 ds2:0-9,15 -o merged",
    "Only those that were marked a success (lerotool view)": "lerotool merge me/pick-cube:success -o merged",
    "Video files linked instead of copied": "lerotool merge ds1 ds2 -o merged --link",
    "Robots with different joints and cameras": (
        "lerotool merge so100 wide -o both --pad --fill-camera black --robot-type mixed"
    ),
    "A camera that has another name in one of them": (
        "lerotool merge a b -o both --rename b:observation.images.top=observation.images.front"
    ),
    "v2.0 or v2.1 becomes v3.0; --to v2.1 goes back": "lerotool merge old -o new",
}
_difference = in_panel("Differences between the sources")
_of_files = in_panel("Files")


def merge(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE", help="Folders, or user/name in the LeRobot home; SOURCE:0-9,15 for some."),
    ],
    output_folder: Annotated[Path, typer.Option("--output", "-o", metavar="TARGET", help="The folder to make.")],
    to: Annotated[Version, _of_files("--to", help="Format of the result.")] = Version.V30,
    keep_files: Annotated[bool, _of_files("--keep-files", help="Copy video files whole.")] = False,
    link: Annotated[bool, _of_files("--link", help="Link video files to those of the sources.")] = False,
    reencode: Annotated[bool, _of_files("--reencode", help="Encode videos again that do not fit the first.")] = False,
    keep_sizes: Annotated[
        bool, _difference("--keep-sizes", help="Let pictures of one camera have several sizes.")
    ] = False,
    gr00t: Annotated[
        bool, _of_files("--gr00t", help="Also write what GR00T reads: stats.json, modality.json.")
    ] = False,
    rename: Annotated[
        list[str] | None,
        _difference(metavar="[SOURCE:]OLD=NEW", help="Give a feature another name; SOURCE is a name or number."),
    ] = None,
    drop: Annotated[list[str] | None, _difference(metavar="FEATURE", help="Leave a feature out.")] = None,
    pad: Annotated[
        bool, _difference("--pad", help="Widen vectors with zeros, aligned by the names of joints.")
    ] = False,
    ignore_names: Annotated[bool, _difference("--ignore-names", help="Align vectors by position only.")] = False,
    fill_camera: Annotated[Fill | None, _difference(help="For cameras that some lack.")] = None,
    robot_type: Annotated[str | None, _difference(metavar="NAME", help="Of the result.")] = None,
    fps: Annotated[float | None, _difference(metavar="N", help="Resample to this rate by the nearest row.")] = None,
    units: Annotated[Units | None, _difference(help="Of an SO arm's joints in the result.")] = None,
    source_units: Annotated[
        list[str] | None, _difference(metavar="[SOURCE:]UNITS", help="What a source has, where nothing tells.")
    ] = None,
    calibration: Annotated[
        list[str] | None, _difference(metavar="[SOURCE:]FILE", help="Calibration of the follower, to convert units.")
    ] = None,
    retime: Annotated[bool, _difference("--retime", help="Replace timestamps that are not frame / fps.")] = False,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="How much at a time.", show_default="one per core")
    ] = None,
    *,
    machines: Machines,
    dry_run: DryRunOption = False,
    output: Output,
) -> None:
    """Merge datasets into a new one; with one source, convert it.

    Sources may be v2.0, v2.1 and v3.0 in any mix and are only read. All differences are reported at once, with what
    will be done or the flag that settles it. The result appears complete, in one step, or not at all.
    """
    import lerotool
    from lerotool.cli.merge_report import report_document, report_text
    from lerotool.cli.running import naming_cures
    from lerotool.merging.options import SourceArgument, parse_calibrations, parse_renames, parse_source_units

    if keep_files and link:
        raise UsageError("--keep-files and --link do not go together", hint="--link copies where it cannot link")
    arguments = tuple(SourceArgument.parse(source) for source in sources)
    place = machines.place(jobs, output)
    with naming_cures([source.root for source in arguments]), _options_named():
        plan = lerotool.plan_merge(
            sources,
            output_folder,
            to=to,
            files=FileMode.LINK if link else FileMode.KEEP if keep_files else FileMode.PACK,
            rename=parse_renames(rename or (), arguments),
            drop=drop or (),
            pad=pad,
            ignore_names=ignore_names,
            fill_camera=fill_camera,
            robot_type=robot_type,
            fps=fps,
            units=units,
            source_units=parse_source_units(source_units or (), arguments),
            calibration=parse_calibrations(calibration or (), arguments),
            retime=retime,
            reencode=reencode,
            keep_sizes=keep_sizes,
            gr00t=gr00t,
        )
        report = _carry_out(plan, output, place, dry_run=dry_run)
    if report is not None:
        times = _speed_up(plan.details, report, output)
        output.document(report_document(report, times))
        output.result(report_text(report, times))


@contextmanager
def _options_named() -> Iterator[None]:
    """Let errors speak of options, as the planner does, where the Python API speaks of arguments."""
    try:
        yield
    except LerotoolError as error:
        raise (error.__cause__ or error) from None


def _carry_out(plan: MergePlan, output: Output, place: Place | None, *, dry_run: bool) -> MergeReport | None:
    from lerotool.cli.merge_report import plan_document, plan_lines
    from lerotool.cli.progress import show
    from lerotool.cli.tallies import MergeTally
    from lerotool.merging.planning import with_values_surveyed
    from lerotool.rewriting.carrying_out import check_room

    details = plan.details
    if dry_run:
        details = with_values_surveyed(details)
        output.document({"dry_run": True, **plan_document(details)})
        output.result("\n".join(plan_lines(details)))
        details.check()
        check_room(details.work, plan.target)
        return None
    _tell(details, output)
    details.check()
    with show(output, MergeTally()) as listen:
        return plan.carry_out(listen, place=place)


def _speed_up(plan: Plan, report: MergeReport, output: Output) -> float | None:
    """Return what to compare a merge with; that it cannot be measured takes nothing from what is done."""
    from lerotool.benchmarking.rowwise import speed_up

    try:
        return speed_up(plan, report)
    except (LerotoolError, OSError) as error:
        output.warn(f"how much faster this was than row by row could not be measured: {error}")
        return None


def _tell(plan: Plan, output: Output) -> None:
    """Say what was settled, before the work begins."""
    from lerotool.merging.plan import Verdict

    for difference in plan.differences:
        if difference.verdict is Verdict.WARNING:
            output.warn(str(difference))
        elif difference.verdict is not Verdict.OPEN:
            output.note(str(difference))
    for note in plan.notes:
        output.warn(note)
