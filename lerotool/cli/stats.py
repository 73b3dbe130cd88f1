"""``lerotool stats``: see, take anew, verify and export the numbers that training depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.cli.options import DaskFileOption, DaskOption, DryRunOption, JsonOption, QuietOption, chosen_place
from lerotool.cli.output import Output
from lerotool.errors import IncompleteError, UsageError
from lerotool.wording import counted

if TYPE_CHECKING:
    from lerotool.dataset.dataset import Dataset
    from lerotool.execution import Place
    from lerotool.statistics.measure import Selection

EXAMPLES = """
[bold]Examples[/bold]

lerotool stats me/pick-cube                            joints and ranges, with small histograms

lerotool stats me/pick-cube --only action --episodes   of every episode

lerotool stats me/pick-cube --verify                   is what the dataset says of itself true? Exits with 8 if not

lerotool stats me/pick-cube --write                    take all statistics anew, videos included

lerotool stats me/pick-cube --export openpi --delta-actions 6,-1 --horizon 50 -o norm_stats.json
"""
_WRONG = IncompleteError.exit_code
_WHAT = "What is looked at"
_EXPORT = "Export"


def stats(
    dataset: Annotated[str, typer.Argument(help="A dataset's folder, or user/name under the LeRobot home.")],
    episodes: Annotated[bool, typer.Option("--episodes", help="Also every episode's statistics.")] = False,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write them as CSV; - is stdout.", show_default=False)
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draw distributions and episodes (needs the extra report).", show_default=False
        ),
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Compare what is stored with the data.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="With --verify: warnings count as errors.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Take statistics anew and write them.")] = False,
    dry_run: DryRunOption = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="FEATURE", help="Only this feature; can be repeated.", rich_help_panel=_WHAT),
    ] = None,
    skip_images: Annotated[
        bool, typer.Option("--skip-images", help="Leave cameras out.", rich_help_panel=_WHAT)
    ] = False,
    images: Annotated[
        str | None,
        typer.Option(
            metavar="all|N|lerobot",
            help="Frames of cameras to decode: all, N of each episode, or LeRobot's choice.",
            rich_help_panel=_WHAT,
            show_default="lerobot; not decoded for showing",
        ),
    ] = None,
    export: Annotated[
        str | None,
        typer.Option(
            metavar="openpi|gr00t", help="Write a file for training code.", rich_help_panel=_EXPORT, show_default=False
        ),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to; must not exist.",
            rich_help_panel=_EXPORT,
            show_default="norm_stats.json or stats.json",
        ),
    ] = None,
    delta_actions: Annotated[
        str | None,
        typer.Option(
            metavar="MASK",
            help="openpi: its DeltaActions mask, as make_bool_mask takes it: 6,-1.",
            rich_help_panel=_EXPORT,
            show_default="no action is relative to the state",
        ),
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option(min=1, help="openpi: its action_horizon.", rich_help_panel=_EXPORT, show_default="50"),
    ] = None,
    pad: Annotated[
        int,
        typer.Option(
            min=0, help="openpi: fill up to so many dimensions with zeros (older openpi: 32).", rich_help_panel=_EXPORT
        ),
    ] = 0,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="How many processes.", show_default="one per core, if worth it")
    ] = None,
    dask: DaskOption = None,
    dask_scheduler_file: DaskFileOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Show, take anew, verify or export a dataset's statistics.

    Columns are always measured from the rows, exactly, quantiles included. Without --verify, --write or --export
    they are shown, and nothing is changed.

    --verify exits with 8 when statistics are wrong or missing. What training may only trip over is a warning.
    """
    if sum((verify, write, export is not None)) > 1:
        raise UsageError("--verify, --write and --export exclude each other")
    if dry_run and not write:
        raise UsageError("--dry-run is for --write", hint="showing and verifying change nothing anyway")
    if as_json and csv is not None and str(csv) == "-":
        raise UsageError("--json and --csv - both write to stdout", hint="name a file with --csv")
    if skip_images and images is not None:
        raise UsageError("--skip-images and --images exclude each other")
    if export is None and (target is not None or delta_actions is not None or horizon is not None or pad):
        raise UsageError("--output, --delta-actions, --horizon and --pad are for --export")
    from lerotool.dataset.dataset import Dataset
    from lerotool.statistics.measure import Selection
    from lerotool.statistics.sampling import Sampling

    output = Output.of(json=as_json, quiet=quiet)
    opened = Dataset.open(dataset)
    work = Work(opened, chosen_place(dask, dask_scheduler_file, jobs, output), output)
    decodes = images is not None or verify or write
    sampling = Sampling.parse(images or "lerobot") if decodes and not skip_images else None
    work.selection = Selection(tuple(only or ()), sampling)
    if (verify or write) and not any(work.selection.names(opened)):
        raise UsageError("there is nothing left to look at", hint="--skip-images leaves cameras out")
    if verify:
        return _verify(work, strict=strict)
    if write:
        return _write(work, dry_run=dry_run)
    if export is not None:
        return _export(work, export, target, delta_actions, horizon, pad)
    return _show(work, csv, plot, with_episodes=episodes, with_stored=not skip_images)


class Work:
    """What every branch needs: the dataset, which of it, where jobs run, where words go."""

    def __init__(self, dataset: Dataset, place: Place | None, output: Output) -> None:
        from lerotool.statistics.measure import Selection

        self.dataset = dataset
        self.place = place
        self.output = output
        self.selection: Selection = Selection()

    @contextmanager
    def progress(self) -> Iterator[Callable[[int, int], None]]:
        """Show a bar on a terminal while something is measured."""
        if not self.output.shows_progress:
            from lerotool.statistics.jobs import ignore_progress

            yield ignore_progress
            return
        from rich.progress import Progress

        with Progress(console=self.output.talk, transient=True) as bars:
            bar = bars.add_task("measuring", total=None)
            yield lambda done, total: bars.update(bar, completed=done, total=total)


def _show(work: Work, csv: Path | None, plot: Path | None, *, with_episodes: bool, with_stored: bool) -> int:
    from lerotool.cli.stats_show import feature_document, show_features, write_csv
    from lerotool.statistics.measure import workers
    from lerotool.statistics.report import report_features
    from lerotool.statistics.shapes import LEROBOT_COLUMNS

    dataset, output = work.dataset, work.output
    if plot is not None:
        from lerotool.cli.stats_plot import check_plotting

        check_plotting()
    with workers(dataset, work.selection, work.place) as executor, work.progress() as on_progress:
        reports = list(
            report_features(
                dataset,
                work.selection,
                executor,
                on_progress,
                with_episodes=with_episodes or plot is not None,
                with_stored=with_stored,
            )
        )
    shown = [report for report in reports if work.selection.only or report.name not in LEROBOT_COLUMNS]
    if csv is not None:
        write_csv(reports, csv)
        if str(csv) != "-":
            output.note(f"written: {csv}")
    if plot is not None:
        from lerotool.cli.stats_plot import plot_features

        title = (
            f"{dataset.root.name}: {counted(dataset.num_episodes, 'episode')}, {counted(dataset.num_frames, 'frame')}"
        )
        plot_features(shown, title, plot)
        output.note(f"written: {plot}")
    output.document(
        {
            "root": str(dataset.root),
            "codebase_version": dataset.version.value,
            "episodes": dataset.num_episodes,
            "frames": dataset.num_frames,
            "features": {report.name: feature_document(report) for report in reports},
        }
    )
    if not dataset.num_frames:
        output.note("the dataset has no frames")
    if csv is None and plot is None:
        show_features(shown, output, with_episodes=with_episodes)
        if len(shown) < len(reports):
            output.note(f"LeRobot's own columns ({', '.join(LEROBOT_COLUMNS)}) are left out; --only shows them")
    return 0


def _verify(work: Work, *, strict: bool) -> int:
    from lerotool.cli.stats_report import findings_text, verify_document
    from lerotool.statistics.findings import Severity
    from lerotool.statistics.measure import workers
    from lerotool.statistics.verify import verify

    with workers(work.dataset, work.selection, work.place) as executor, work.progress() as on_progress:
        report = verify(work.dataset, work.selection, executor, on_progress)
    work.output.document(verify_document(work.dataset, report))
    work.output.result(findings_text(work.dataset, report))
    is_wrong = report.count(Severity.ERROR) > 0 or (strict and report.count(Severity.WARNING) > 0)
    return _WRONG if is_wrong else 0


def _write(work: Work, *, dry_run: bool) -> int:
    from lerotool.cli.stats_report import (
        plan_document,
        plan_text,
        rewrite_document,
        rewrite_text,
    )
    from lerotool.dataset.writing.statistics import statistics_files
    from lerotool.statistics.measure import workers
    from lerotool.statistics.rewrite import rewrite
    from lerotool.statistics.verify import verify

    dataset, output = work.dataset, work.output
    with workers(dataset, work.selection, work.place) as executor, work.progress() as on_progress:
        if dry_run:
            found = verify(dataset, work.selection, executor, on_progress)
            files = statistics_files(dataset.root, dataset.version)
            output.document(plan_document(dataset, found, files))
            output.result(plan_text(dataset, found, files))
            return 0
        report = rewrite(dataset, work.selection, executor, on_progress)
    for camera, problems in report.problems.items():
        output.warn(
            f"{camera}: statistics stay as they are, {len(problems)} episodes cannot be decoded: {problems[0]}",
            hint="restore the videos, or leave cameras out with --skip-images",
        )
    output.document(rewrite_document(dataset, report))
    output.result(rewrite_text(dataset, report))
    return _WRONG if report.problems else 0


def _export(work: Work, kind: str, target: Path | None, mask: str | None, horizon: int | None, pad: int) -> int:
    from lerotool.cli.stats_report import export_note
    from lerotool.errors import TargetExistsError
    from lerotool.statistics.export import (
        OPENPI_HORIZON,
        OpenpiOptions,
        document_text,
        export_groot,
        export_openpi,
        parse_mask,
    )
    from lerotool.statistics.measure import workers
    from lerotool.storage import write_atomic

    if kind not in ("openpi", "gr00t"):
        raise UsageError(f"{kind!r} is no format to export to", hint="openpi or gr00t")
    if kind == "gr00t" and (mask is not None or horizon is not None or pad):
        raise UsageError("--delta-actions, --horizon and --pad are for --export openpi")
    path = target or Path("norm_stats.json" if kind == "openpi" else "stats.json")
    if path.exists():
        raise TargetExistsError(f"{str(path)!r} exists already", hint="name another file with -o, or move it away")
    options = OpenpiOptions(parse_mask(mask) if mask else (), horizon or OPENPI_HORIZON, pad)
    with workers(work.dataset, work.selection, work.place) as executor, work.progress() as on_progress:
        document = (
            export_openpi(work.dataset, options, executor, on_progress)
            if kind == "openpi"
            else export_groot(work.dataset, executor, on_progress)
        )
    write_atomic(path, document_text(document).encode())
    work.output.document({"root": str(work.dataset.root), "export": kind, "file": str(path)})
    work.output.result(f"written: {path}")
    for line in export_note(kind, options):
        work.output.note(line)
    return 0
