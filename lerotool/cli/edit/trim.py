"""``lerotool edit trim``: episodes are cut shorter."""

from __future__ import annotations

from typing import Annotated

import typer

from lerotool.cli.edit.options import EpisodesOption, TargetOption, WhereOption, YesOption, one_choice
from lerotool.cli.help import Examples
from lerotool.cli.options import DatasetArgument, DryRunOption, JsonOption, QuietOption

EXAMPLES: Examples = {
    "Two frames less at the beginning and one at the end of every episode": (
        "lerotool edit trim me/pick-cube --first 2 --last 1"
    ),
    "Where the arm waits before and after": "lerotool edit trim me/pick-cube --still --dry-run",
    "One episode": "lerotool edit trim me/pick-cube --first 3 --episodes 1",
}


def trim(
    dataset: DatasetArgument,
    first: Annotated[int, typer.Option(metavar="N", min=0, help="Frames cut off at the beginning.")] = 0,
    last: Annotated[int, typer.Option(metavar="N", min=0, help="Frames cut off at the end.")] = 0,
    still: Annotated[
        bool, typer.Option("--still", help="Cut off frames at both ends in which nothing moves, all but one.")
    ] = False,
    marked: Annotated[
        bool, typer.Option("--marked", help="Cut to the trim points that were marked in lerotool view.")
    ] = False,
    episodes: EpisodesOption = None,
    where: WhereOption = None,
    target: TargetOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Cut frames off at the beginning and the end of episodes.

    Frames that stay keep their exact pictures. In v2.1 and v2.0 an episode can begin at a keyframe of its video only.
    """
    from lerotool.cli.edit.running import run_edit
    from lerotool.editing.changes import TrimEpisodes

    change = TrimEpisodes(first, last, still, marked, one_choice(episodes, where))
    run_edit(dataset, change, target, json=json, quiet=quiet, dry_run=dry_run, yes=yes)
