"""`lerotool edit`: its commands."""

from __future__ import annotations

import typer

from lerotool.cli.edit import cut, history, naming, repack, split, trim
from lerotool.cli.help import HELP_OPTIONS, Examples, Group, add_command, examples

EXAMPLES: Examples = {
    "Two bad episodes leave; what would happen first": [
        "lerotool edit delete me/pick-cube 0,2 --dry-run",
        "lerotool edit delete me/pick-cube 0,2",
    ],
    "Take that back": "lerotool edit undo me/pick-cube",
}

app = typer.Typer(
    cls=Group,
    epilog=examples(EXAMPLES),
    rich_markup_mode="rich",
    no_args_is_help=True,
    context_settings=HELP_OPTIONS,
    help=(
        "Change a dataset where it stands, or a copy of it; pictures stay as they are.\n\n"
        "Every edit is one step: the dataset is the old one or the new one, whatever interrupts it. Files as they were "
        "are kept, and edit undo brings them back. See docs/editing.md."
    ),
)
# A number below 0 is an episode, not an option.
_NUMBERS = {"ignore_unknown_options": True, **HELP_OPTIONS}
add_command(app, "delete", cut.delete, cut.DELETE_EXAMPLES, context=_NUMBERS)
add_command(app, "keep", cut.keep, cut.KEEP_EXAMPLES, context=_NUMBERS)
add_command(app, "trim", trim.trim, trim.EXAMPLES)
add_command(app, "task", naming.task, naming.TASK_EXAMPLES)
add_command(app, "rename", naming.rename, naming.RENAME_EXAMPLES)
add_command(app, "add", naming.add, naming.ADD_EXAMPLES)
add_command(app, "drop", naming.drop, naming.DROP_EXAMPLES)
add_command(app, "split", split.split, split.EXAMPLES)
add_command(app, "repack", repack.repack, repack.EXAMPLES)
add_command(app, "undo", history.undo, history.UNDO_EXAMPLES)
add_command(app, "log", history.log, history.LOG_EXAMPLES)
add_command(app, "forget", history.forget, history.FORGET_EXAMPLES)
