"""``lerotool edit undo``, ``log`` and ``forget``: the way back, for edits, repairs and rescues alike."""

from __future__ import annotations

from lerotool.cli.help import Examples
from lerotool.cli.options import DatasetArgument, DryRunOption, JsonOption, QuietOption
from lerotool.cli.output import Output

UNDO_EXAMPLES: Examples = {
    "What would be taken back": "lerotool edit undo me/pick-cube --dry-run",
    "Take the last change back; again for the one before": "lerotool edit undo me/pick-cube",
}
LOG_EXAMPLES: Examples = {"What can be taken back, the newest first": "lerotool edit log me/pick-cube"}
FORGET_EXAMPLES: Examples = {
    "Free the room that old files take; this cannot be undone": "lerotool edit forget me/pick-cube"
}


def undo(
    dataset: DatasetArgument, dry_run: DryRunOption = False, json: JsonOption = False, quiet: QuietOption = False
) -> int:
    """Take the last change back: an edit, a repair, or a rescue of what LeRobot left.

    Every file is what it was, byte for byte. Refused where something else has changed the dataset since.
    """
    from lerotool.cli.check_history import undo_all

    return undo_all([dataset], Output.of(json=json, quiet=quiet), is_dry=dry_run)


def log(dataset: DatasetArgument, json: JsonOption = False, quiet: QuietOption = False) -> None:
    """List the changes that can be taken back, the newest first."""
    import lerotool
    from lerotool.wording import one_line, sized

    output = Output.of(json=json, quiet=quiet)
    changes = lerotool.list_changes(dataset)
    output.document(
        {
            "changes": [
                {"made": each.made, "command": each.command, "bytes": each.bytes, "folder": str(each.folder)}
                for each in changes
            ]
        }
    )
    for each in changes:
        output.result(f"{each.made}  {one_line(each.command)}  ({sized(each.bytes)} of old files)")
    if not changes:
        output.result("there is nothing to take back")


def forget(dataset: DatasetArgument, json: JsonOption = False, quiet: QuietOption = False) -> int:
    """Remove the old files that changes have kept; this cannot be undone.

    What edits have left out on purpose goes too. Rows and pictures that a repair has set aside, and that the dataset
    does not have, stay.
    """
    from lerotool.cli.check_history import forget_all

    return forget_all([dataset], Output.of(json=json, quiet=quiet), edits=True)
