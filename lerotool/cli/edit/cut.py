"""``lerotool edit delete`` and ``keep``: episodes leave."""

from __future__ import annotations

from lerotool.cli.edit.options import EpisodesArgument, TargetOption, WhereOption, YesOption, choice
from lerotool.cli.help import Examples
from lerotool.cli.options import DatasetArgument, DryRunOption, JsonOption, QuietOption

DELETE_EXAMPLES: Examples = {
    "What would leave, in episodes, frames and bytes": "lerotool edit delete me/pick-cube 0,2 --dry-run",
    "The last episode leaves": "lerotool edit delete me/pick-cube -1",
    "Those that were marked so in lerotool view": "lerotool edit delete me/pick-cube success",
    "Those that were stopped too early": "lerotool edit delete me/pick-cube --where 'length < 10'",
    "Into a new dataset; the old one stays as it is": "lerotool edit delete me/pick-cube 0 -o shorter",
}
KEEP_EXAMPLES: Examples = {
    "Only the first two": "lerotool edit keep me/pick-cube 0-1",
    "Only successes": "lerotool edit keep me/pick-cube success",
}


def delete(
    dataset: DatasetArgument,
    episodes: EpisodesArgument = None,
    where: WhereOption = None,
    target: TargetOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Delete episodes; those behind them move up.

    Videos do not move: it takes no longer for large ones. Files that no episode needs any more leave.
    """
    from lerotool.cli.edit.running import run_edit
    from lerotool.editing.changes import DeleteEpisodes

    run_edit(dataset, DeleteEpisodes(choice(episodes, where)), target, json=json, quiet=quiet, dry_run=dry_run, yes=yes)


def keep(
    dataset: DatasetArgument,
    episodes: EpisodesArgument = None,
    where: WhereOption = None,
    target: TargetOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Keep episodes and delete all others; the order stays."""
    from lerotool.cli.edit.running import run_edit
    from lerotool.editing.changes import KeepEpisodes

    run_edit(dataset, KeepEpisodes(choice(episodes, where)), target, json=json, quiet=quiet, dry_run=dry_run, yes=yes)
