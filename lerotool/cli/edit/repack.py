"""``lerotool edit repack``: what no episode needs leaves the videos, small files are joined."""

from __future__ import annotations

from lerotool.cli.edit.options import TargetOption
from lerotool.cli.help import Examples
from lerotool.cli.options import DatasetArgument, DryRunOption, JsonOption, QuietOption

EXAMPLES: Examples = {
    "What would be freed": "lerotool edit repack me/pick-cube --dry-run",
    "Free it: the old files are kept until they are forgotten": [
        "lerotool edit repack me/pick-cube",
        "lerotool edit forget me/pick-cube",
    ],
}


def repack(
    dataset: DatasetArgument,
    target: TargetOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Take pictures that no episode needs out of the videos, and join small files; nothing is encoded again.

    Only files that get fewer or smaller are written. In v2.1 and v2.0 every episode has files of its own, so there is
    nothing to repack.
    """
    from lerotool.cli.edit.running import run_edit
    from lerotool.editing.changes import RepackFiles

    run_edit(dataset, RepackFiles(), target, json=json, quiet=quiet, dry_run=dry_run, yes=True)
