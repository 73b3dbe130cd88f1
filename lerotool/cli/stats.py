"""``lerotool stats``: see, recompute, verify and export the numbers that training depends on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.cli.help import Examples
from lerotool.cli.options import DatasetsArgument, DryRunOption, Machines, in_panel
from lerotool.cli.output import Output
from lerotool.cli.running import Answer, answer_each
from lerotool.errors import IncompleteError, UsageError
from lerotool.wording import as_argument, counted, one_line

if TYPE_CHECKING:
    from rich.text import Text

    from lerotool.dataset.dataset import Dataset
    from lerotool.dataset.selection import Selection as Episodes
    from lerotool.execution import Place
    from lerotool.statistics.measure import Selection
    from lerotool.statistics.verify import VerifyReport

EXAMPLES: Examples = {
    "Joints and ranges, with small histograms": "lerotool stats me/pick-cube",
    "Only of episodes that were marked a success": "lerotool stats me/pick-cube:success",
    "Of every episode": "lerotool stats me/pick-cube --feature action --per-episode",
    "Is what the dataset says of itself true? Exits with 8 if not": "lerotool stats me/pick-cube --verify",
    "Of several datasets": "lerotool stats me/pick-cube me/part1 --feature action",
    "Recompute all statistics, videos included": "lerotool stats me/pick-cube --write",
    "For openpi": "lerotool stats me/pick-cube --export openpi --delta-actions 5,-1 --horizon 50 -o norm_stats.json",
}
_WRONG = IncompleteError.exit_code
_of_what = in_panel("What is looked at")
_exporting = in_panel("Export")


def stats(
    datasets: DatasetsArgument,
    episodes: Annotated[bool, typer.Option("--per-episode", help="Also every episode's statistics.")] = False,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write them as CSV; - is stdout.")] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw distributions and episodes (needs the extra report).")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Compare what is stored with the data.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="With --verify: warnings count as errors.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Recompute the statistics and write them.")] = False,
    dry_run: DryRunOption = False,
    only: Annotated[
        list[str] | None, _of_what("--feature", metavar="FEATURE", help="Only this feature; can be repeated.")
    ] = None,
    skip_images: Annotated[bool, _of_what("--skip-images", help="Leave cameras out.")] = False,
    images: Annotated[
        str | None,
        _of_what(
            metavar="all|N|lerobot",
            help="Frames of cameras to decode: all, N of each episode, or LeRobot's choice.",
            show_default="lerobot; not decoded for showing",
        ),
    ] = None,
    export: Annotated[str | None, _exporting(metavar="openpi|gr00t", help="Write a file for training code.")] = None,
    target: Annotated[
        Path | None,
        _exporting(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to; must not exist.",
            show_default="norm_stats.json or stats.json",
        ),
    ] = None,
    delta_actions: Annotated[
        str | None,
        _exporting(
            metavar="MASK",
            help="openpi: its DeltaActions mask, as make_bool_mask takes it: 6,-1.",
            show_default="no action is relative to the state",
        ),
    ] = None,
    horizon: Annotated[
        int | None, _exporting(metavar="N", min=1, help="openpi: its action_horizon.", show_default="50")
    ] = None,
    pad: Annotated[
        int,
        _exporting(
            "--pad-to", metavar="N", min=0, help="openpi: fill up to so many dimensions with zeros (older openpi: 32)."
        ),
    ] = 0,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="How many processes.", show_default="one per core, if worth it"),
    ] = None,
    *,
    machines: Machines,
    output: Output,
) -> int:
    """Show, recompute, verify or export the statistics of datasets.

    Columns are always measured from the rows, exactly, quantiles included. Without --verify, --write or --export
    they are shown, and nothing is changed.

    --verify exits with 8 when statistics are wrong or missing. What training may only trip over is a warning.
    """
    writes_file = export is not None or csv is not None or plot is not None
    exports_with = target is not None or delta_actions is not None or horizon is not None or pad
    for is_wrong, message, hint in (
        (verify + write + (export is not None) > 1, "--verify, --write and --export exclude each other", None),
        (dry_run and not write, "--dry-run is for --write", "showing and verifying change nothing anyway"),
        (output.is_json and str(csv) == "-", "--json and --csv - both write to stdout", "name a file with --csv"),
        (skip_images and images is not None, "--skip-images and --images exclude each other", None),
        (exports_with and export is None, "--output, --delta-actions, --horizon and --pad-to are for --export", None),
        (writes_file and len(datasets) > 1, "--export, --csv and --plot are for one dataset", "name one dataset"),
    ):
        if is_wrong:
            raise UsageError(message, hint=hint)
    from lerotool.statistics.measure import Selection
    from lerotool.statistics.sampling import Sampling

    place = machines.place(jobs, output)
    decodes = images is not None or verify or write
    sampling = Sampling.parse(images or "lerobot") if decodes and not skip_images else None
    selection = Selection(tuple(only or ()), sampling)

    def answer(work: Work) -> Answer:
        if (verify or write) and not any(selection.names(work.dataset)):
            raise UsageError("there is nothing left to look at", hint="--skip-images leaves cameras out")
        if verify:
            return _verify(work, strict=strict)
        if write:
            return _plan(work) if dry_run else _write(work)
        if export is not None:
            return _export(work, export, target, delta_actions, horizon, pad)
        return _show(work, csv, plot, with_episodes=episodes, with_stored=not skip_images)

    def open_and_answer(dataset: str) -> Answer:
        from lerotool.cli.running import naming_cures
        from lerotool.dataset.dataset import Dataset
        from lerotool.dataset.selection import split_argument
        from lerotool.workspace import dataset_root

        name, episodes_meant = split_argument(dataset)
        if episodes_meant is not None and (verify or write or export is not None):
            raise UsageError(
                "--verify, --write and --export are for whole datasets",
                hint=f"make one of these episodes: lerotool merge {as_argument(dataset)} -o PART",
            )
        with naming_cures([dataset_root(name)]):
            opened = Dataset.open(name)
            if opened.unfinished is not None and (dry_run or not write):
                output.warn(opened.unfinished)
            heading = dataset if len(datasets) > 1 else ""
            return answer(Work(opened, selection, place, output, heading, episodes_meant))

    documents, code = answer_each(datasets, output, open_and_answer)
    output.document(documents[0] if len(datasets) == 1 else {"datasets": documents})
    return code


@dataclass(frozen=True)
class Work:
    """What every branch needs."""

    dataset: Dataset  # open
    selection: Selection  # which of it
    place: Place | None  # where jobs run
    output: Output  # where words go
    heading: str  # its name, where there are several datasets
    episodes: Episodes | None  # which of them; None is all

    def progress(self) -> AbstractContextManager[Callable[[int, int], None]]:
        """Show a bar on a terminal while something is measured."""
        from lerotool.cli.progress import progress

        return progress(self.output, "measuring")

    def headed(self, text: Text) -> Text:
        """Name the dataset above what is said of it, where there are several."""
        from rich.text import Text

        return Text.assemble((f"{one_line(self.heading)}\n", "bold"), text) if self.heading else text


def _show(work: Work, csv: Path | None, plot: Path | None, *, with_episodes: bool, with_stored: bool) -> Answer:
    import lerotool
    from lerotool.cli.stats_show import feature_document, features_text, write_csv
    from lerotool.features import DEFAULT_FEATURES
    from lerotool.workspace import dataset_name

    dataset, output = work.dataset, work.output
    if plot is not None:
        from lerotool.cli.stats_show import check_plotting

        check_plotting()
    with work.progress() as on_progress:
        reports = lerotool.measure_statistics(
            dataset,
            only=work.selection.only,
            episodes=work.episodes,
            sampling=work.selection.sampling,
            with_episodes=with_episodes or plot is not None,
            with_stored=with_stored,
            place=work.place,
            on_progress=on_progress,
        )
    episodes, frames = _size(work)
    shown = [report for report in reports if work.selection.only or report.name not in DEFAULT_FEATURES]
    if csv is not None:
        write_csv(reports, csv)
        if str(csv) != "-":
            output.note(f"written: {csv}")
    if plot is not None:
        from lerotool.cli.stats_show import plot_features

        size = f"{counted(episodes, 'episode')}, {counted(frames, 'frame')}"
        title = f"{dataset_name(dataset.root)}: {size}"
        plot_features(shown, title, plot)
        output.note(f"written: {plot}")
    document = {
        "root": str(dataset.root),
        "codebase_version": dataset.version.value,
        "chosen": None if work.episodes is None else str(work.episodes),
        "episodes": episodes,
        "frames": frames,
        "features": {report.name: feature_document(report) for report in reports},
    }
    notes: tuple[str, ...] = () if frames else ("it has no frames",)
    if csv is not None or plot is not None:
        return Answer(document, None, notes=notes)
    if len(shown) < len(reports):
        left_out = ", ".join(DEFAULT_FEATURES)
        notes += (f"LeRobot's own columns ({left_out}) are left out; --feature shows them",)
    text = features_text(shown, output, with_episodes=with_episodes)
    return Answer(document, work.headed(text), notes=notes)


def _size(work: Work) -> tuple[int, int]:
    """Return how many episodes and frames are meant."""
    dataset = work.dataset
    if work.episodes is None:
        return dataset.num_episodes, dataset.num_frames
    chosen = work.episodes.choose(dataset, str(dataset.root))
    return len(chosen), int(dataset.episodes.lengths[chosen].sum())


def _verify(work: Work, *, strict: bool) -> Answer:
    from lerotool.cli.stats_report import findings_text, verify_document
    from lerotool.findings import Severity

    report = _verified(work)
    is_wrong = report.count(Severity.ERROR) > 0 or (strict and report.count(Severity.WARNING) > 0)
    text = work.headed(findings_text(work.dataset, report))
    return Answer(verify_document(work.dataset, report), text, _WRONG if is_wrong else 0)


def _verified(work: Work) -> VerifyReport:
    import lerotool

    with work.progress() as on_progress:
        return lerotool.verify_statistics(
            work.dataset,
            only=work.selection.only,
            sampling=work.selection.sampling,
            place=work.place,
            on_progress=on_progress,
        )


def _plan(work: Work) -> Answer:
    from lerotool.cli.stats_report import plan_document, plan_text
    from lerotool.dataset.writing.statistics import statistics_files

    dataset = work.dataset
    found = _verified(work)
    files = statistics_files(dataset.root, dataset.version)
    return Answer(plan_document(dataset, found, files), work.headed(plan_text(dataset, found, files)))


def _write(work: Work) -> Answer:
    from rich.text import Text

    import lerotool
    from lerotool.cli.stats_report import rewrite_document, rewrite_text

    dataset = work.dataset
    with work.progress() as on_progress:
        report = lerotool.write_statistics(
            dataset,
            only=work.selection.only,
            sampling=work.selection.sampling,
            place=work.place,
            on_progress=on_progress,
        )
    for camera, problems in report.problems.items():
        work.output.warn(
            f"{camera}: statistics stay as they are, {len(problems)} episodes cannot be decoded: {problems[0]}",
            hint="restore the videos, or leave cameras out with --skip-images",
        )
    text = work.headed(Text(rewrite_text(dataset, report)))
    return Answer(rewrite_document(dataset, report), text, _WRONG if report.problems else 0)


def _export(work: Work, kind: str, target: Path | None, mask: str | None, horizon: int | None, pad: int) -> Answer:
    import lerotool
    from lerotool.choices import Export
    from lerotool.cli.stats_report import export_note
    from lerotool.statistics.export import OPENPI_HORIZON, OpenpiOptions, parse_mask

    if kind not in list(Export):
        raise UsageError(f"{kind!r} is not a format to export to", hint=" or ".join(Export))
    is_openpi = kind == Export.OPENPI
    if not is_openpi and (mask is not None or horizon is not None or pad):
        raise UsageError("--delta-actions, --horizon and --pad-to are for --export openpi")
    path = target or Path("norm_stats.json" if is_openpi else "stats.json")
    options = OpenpiOptions(parse_mask(mask) if mask else (), horizon or OPENPI_HORIZON, pad)
    with work.progress() as on_progress:
        lerotool.export_statistics(
            work.dataset, path, kind, options if is_openpi else None, place=work.place, on_progress=on_progress
        )
    document = {"root": str(work.dataset.root), "export": kind, "file": str(path)}
    return Answer(document, f"written: {path}", notes=tuple(export_note(kind, options)))
