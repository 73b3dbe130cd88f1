"""``lerotool pull``: a dataset from the Hugging Face Hub."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.cli.help import Examples
from lerotool.cli.options import DryRunOption
from lerotool.cli.output import Output
from lerotool.errors import UsageError
from lerotool.wording import counted, sized

if TYPE_CHECKING:
    from lerotool.sharing.pull import PullReport

EXAMPLES: Examples = {
    "Into the LeRobot home, or what has changed since": "lerotool pull lerobot/svla_so101_pickplace",
    "Only look at it: no rows, no pictures": [
        "lerotool pull lerobot/svla_so101_pickplace --meta",
        "lerotool info lerobot/svla_so101_pickplace",
    ],
    "Some episodes": "lerotool pull lerobot/svla_so101_pickplace --episodes 0-9",
    "Another state of it, into a folder": "lerotool pull me/pick-cube --revision main --root ~/pick-cube-main",
}
_COMMIT_SHOWN = 8


def pull(
    dataset: Annotated[str, typer.Argument(metavar="USER/NAME", help="The dataset on the Hub.")],
    revision: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Branch, tag or commit.", show_default="what LeRobot loads, else main"),
    ] = None,
    meta: Annotated[bool, typer.Option("--meta", help="Only the metadata.")] = False,
    episodes: Annotated[
        str | None, typer.Option(metavar="0-9,15", help="Only the files that hold these.", show_default="all")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where to.", show_default="USER/NAME in the LeRobot home")
    ] = None,
    dry_run: DryRunOption = False,
    *,
    output: Output,
) -> None:
    """Pull a dataset from the Hugging Face Hub, or a part of it.

    Only what is missing is fetched, compared with the Hub's sums, and put in place in one step. Interrupted, the
    dataset is as it was, and the same command goes on where it was. What was changed here is never replaced.
    """
    from lerotool.arguments import parse_numbers
    from lerotool.cli.tallies import sharing_shown
    from lerotool.sharing.pull import execute_pull, preview_pull
    from lerotool.sharing.pull_plan import ALL, METADATA, PullRequest, Scope

    if meta and episodes is not None:
        raise UsageError("--meta and --episodes do not go together", hint="--episodes gets the metadata, too")
    scope = METADATA if meta else ALL if episodes is None else Scope(parse_numbers(episodes))
    with sharing_shown(output) as (listen, _):
        request = PullRequest(dataset, revision, scope, root)
        report = (preview_pull if dry_run else execute_pull)(request, listen)
    document = {**asdict(report), "partial": None if report.partial is None else report.partial.to_json()}
    output.document({"dry_run": True, **document} if dry_run else document)
    output.result(_report_text(report, is_dry=dry_run))


def _report_text(report: PullReport, *, is_dry: bool) -> str:
    what = f"{report.repository} at {report.commit[:_COMMIT_SHOWN]}"
    here = f" ({report.partial})" if report.partial else ""
    if not report.files_fetched and not report.files_removed:
        return f"{report.root}: up to date with {what}{here}"
    files, size = counted(report.files_fetched, "file"), sized(report.bytes)
    gone = f", {report.files_removed} removed" if report.files_removed else ""
    if is_dry:
        return (
            f"{report.root}: would be {what}{here}: {files} to fetch ({size}){gone}, {report.files_kept} here already"
        )
    rate = report.bytes / 1e6 / max(report.wall_s, 1e-9)
    pace = f"{size} in {report.wall_s:.1f} s, {rate:.1f} MB/s"
    return f"{report.root}: {what}{here}: {files} fetched ({pace}){gone}, {report.files_kept} were here"
