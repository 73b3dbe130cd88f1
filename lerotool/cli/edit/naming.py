"""``lerotool edit task``, ``rename``, ``add`` and ``drop``: what episodes and features are called, which there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lerotool.cli.edit.options import EpisodesOption, TargetOption, WhereOption, YesOption, one_choice
from lerotool.cli.help import Examples
from lerotool.cli.options import DatasetArgument, DryRunOption, JsonOption, QuietOption
from lerotool.errors import UsageError

TASK_EXAMPLES: Examples = {
    "What the episodes 1 and 2 are about": "lerotool edit task me/pick-cube 'Put the cube away.' --episodes 1-2",
    "One text for all": "lerotool edit task me/pick-cube 'Pick up the cube.'",
}
RENAME_EXAMPLES: Examples = {
    "A camera and its videos": ("lerotool edit rename me/pick-cube observation.images.front=observation.images.top")
}
ADD_EXAMPLES: Examples = {
    "A reward for each row, or each episode": "lerotool edit add me/pick-cube next.reward --from rewards.csv"
}
DROP_EXAMPLES: Examples = {"A camera that nobody needs": "lerotool edit drop me/pick-cube observation.images.wrist"}


def task(
    dataset: DatasetArgument,
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="The new task.")] = None,
    rename: Annotated[
        str | None, typer.Option(metavar="OLD=NEW", help="Another text for a task, wherever it is done.")
    ] = None,
    episodes: EpisodesOption = None,
    where: WhereOption = None,
    target: TargetOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Give episodes another task, or a task another text."""
    from lerotool.cli.edit.running import run_edit
    from lerotool.editing.changes import Change, RenameTask, SetTask

    change: Change
    episodes = one_choice(episodes, where)
    if (text is None) == (rename is None):
        raise UsageError("give either a TEXT or --rename OLD=NEW")
    if rename is not None:
        if episodes is not None:
            raise UsageError("--rename changes a task wherever it is done, so episodes are not chosen with it")
        change = RenameTask(*_pair("--rename", rename))
    else:
        assert text is not None
        change = SetTask(text, episodes)
    run_edit(dataset, change, target, json=json, quiet=quiet, dry_run=dry_run, yes=yes)


def rename(
    dataset: DatasetArgument,
    names: Annotated[str, typer.Argument(metavar="OLD=NEW", help="The feature's name and the new one.")],
    target: TargetOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Give a feature another name, in rows, tables and statistics; videos of a camera are linked, not copied."""
    from lerotool.cli.edit.running import run_edit
    from lerotool.editing.changes import RenameFeature

    change = RenameFeature(*_pair("OLD=NEW", names))
    run_edit(dataset, change, target, json=json, quiet=quiet, dry_run=dry_run, yes=yes)


def drop(
    dataset: DatasetArgument,
    feature: Annotated[str, typer.Argument(metavar="FEATURE", help="A column or a camera.")],
    target: TargetOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Let a feature leave: its column, or a camera's videos, and its statistics."""
    from lerotool.cli.edit.running import run_edit
    from lerotool.editing.changes import DropFeature

    run_edit(dataset, DropFeature(feature), target, json=json, quiet=quiet, dry_run=dry_run, yes=yes)


def add(
    dataset: DatasetArgument,
    feature: Annotated[str, typer.Argument(metavar="FEATURE", help="The name of the new column.")],
    source: Annotated[
        Path,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Numbers: .npy, .csv or .parquet, one row for each row of the dataset or for each episode.",
            show_default=False,
        ),
    ],
    target: TargetOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Add a column, such as rewards, with its statistics.

    Of a file with several columns the one of the feature's name is taken; a .csv without it makes a vector of all.
    """
    from lerotool.cli.edit.running import run_edit
    from lerotool.editing.changes import AddFeature

    run_edit(dataset, AddFeature(feature, source), target, json=json, quiet=quiet, dry_run=dry_run, yes=yes)


def _pair(name: str, text: str) -> tuple[str, str]:
    old, sign, new = text.partition("=")
    if not sign or not old or not new:
        raise UsageError(f"{name}: {text!r} is not of the form old=new")
    return old, new
