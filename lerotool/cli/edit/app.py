"""The commands ``lerotool edit …``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.cli.help import HELP_OPTIONS, Group, add_command, examples
from lerotool.cli.options import DatasetArgument, DryRunOption
from lerotool.cli.output import Output
from lerotool.errors import UsageError

if TYPE_CHECKING:
    from lerotool.editing.changes import Change

app = typer.Typer(
    cls=Group,
    epilog=examples(
        {
            "Two bad episodes leave; what would happen first": [
                "lerotool edit delete me/pick-cube 0,2 --dry-run",
                "lerotool edit delete me/pick-cube 0,2",
            ],
            "Take that back": "lerotool edit undo me/pick-cube",
        }
    ),
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

EpisodesArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="EPISODES",
        help="Such as 3,7-9 or -1 (the last), or a mark: success, failure, flagged.",
        show_default=False,
    ),
]
EpisodesOption = Annotated[
    str | None,
    typer.Option(
        metavar="EPISODES", help="Such as 3,7-9 or -1 (the last), or a mark such as success.", show_default="all"
    ),
]
WhereOption = Annotated[
    str | None,
    typer.Option(
        metavar="CONDITION",
        help="Instead of numbers: 'length < 30', 'task ~ cube and mark = success'; also duration (s).",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Doing:
    """How an edit is done that asks nothing."""

    target: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="TARGET", help="Make this folder instead, and leave the dataset alone."),
    ] = None
    dry_run: DryRunOption = False

    def do(self, dataset: str, change: Change, output: Output, *, asks: bool = False) -> None:
        """Do an edit, or show what it would do."""
        from lerotool.cli.edit.running import run_edit

        run_edit(dataset, change, self.target, output, is_dry=self.dry_run, asks=asks)


@dataclass(frozen=True)
class Asking(Doing):
    """How an edit is done whose episodes a person may have to confirm."""

    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False

    def do(self, dataset: str, change: Change, output: Output, *, asks: bool = True) -> None:
        """Do an edit, or show what it would do."""
        super().do(dataset, change, output, asks=asks and not self.yes)


@add_command(
    app,
    "delete",
    {
        "What would leave, in episodes, frames and bytes": "lerotool edit delete me/pick-cube 0,2 --dry-run",
        "The last episode leaves": "lerotool edit delete me/pick-cube -1",
        "Those that were marked so in lerotool view": "lerotool edit delete me/pick-cube success",
        "Those that were stopped too early": "lerotool edit delete me/pick-cube --where 'length < 10'",
        "Into a new dataset; the old one stays as it is": "lerotool edit delete me/pick-cube 0 -o shorter",
    },
    context=_NUMBERS,
)
def delete(
    dataset: DatasetArgument,
    episodes: EpisodesArgument = None,
    where: WhereOption = None,
    *,
    doing: Asking,
    output: Output,
) -> None:
    """Delete episodes; those behind them move up.

    Videos do not move: it takes no longer for large ones. Files that no episode needs any more leave.
    """
    from lerotool.editing.changes import DeleteEpisodes

    doing.do(dataset, DeleteEpisodes(_choice(episodes, where)), output)


@add_command(
    app,
    "keep",
    {
        "Only the first two": "lerotool edit keep me/pick-cube 0-1",
        "Only successes": "lerotool edit keep me/pick-cube success",
    },
    context=_NUMBERS,
)
def keep(
    dataset: DatasetArgument,
    episodes: EpisodesArgument = None,
    where: WhereOption = None,
    *,
    doing: Asking,
    output: Output,
) -> None:
    """Keep episodes and delete all others; the order stays."""
    from lerotool.editing.changes import KeepEpisodes

    doing.do(dataset, KeepEpisodes(_choice(episodes, where)), output)


@add_command(
    app,
    "trim",
    {
        "Two frames less at the beginning and one at the end of every episode": (
            "lerotool edit trim me/pick-cube --first 2 --last 1"
        ),
        "Where the arm waits before and after": "lerotool edit trim me/pick-cube --still --dry-run",
        "One episode": "lerotool edit trim me/pick-cube --first 3 --episodes 1",
    },
)
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
    *,
    doing: Asking,
    output: Output,
) -> None:
    """Cut frames off at the beginning and the end of episodes.

    Frames that stay keep their exact pictures. In v2.1 and v2.0 an episode can begin at a keyframe of its video only.
    """
    from lerotool.editing.changes import TrimEpisodes

    doing.do(dataset, TrimEpisodes(first, last, still, marked, _one_choice(episodes, where)), output)


@add_command(
    app,
    "task",
    {
        "What the episodes 1 and 2 are about": "lerotool edit task me/pick-cube 'Put the cube away.' --episodes 1-2",
        "One text for all": "lerotool edit task me/pick-cube 'Pick up the cube.'",
    },
)
def task(
    dataset: DatasetArgument,
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="The new task.")] = None,
    rename: Annotated[
        str | None, typer.Option(metavar="OLD=NEW", help="Another text for a task, wherever it is done.")
    ] = None,
    episodes: EpisodesOption = None,
    where: WhereOption = None,
    *,
    doing: Asking,
    output: Output,
) -> None:
    """Give episodes another task, or a task another text."""
    from lerotool.editing.changes import RenameTask, SetTask

    episodes = _one_choice(episodes, where)
    if (text is None) == (rename is None):
        raise UsageError("give either a TEXT or --rename OLD=NEW")
    if text is not None:
        doing.do(dataset, SetTask(text, episodes), output)
    elif rename is not None:
        if episodes is not None:
            raise UsageError("--rename changes a task wherever it is done, so episodes are not chosen with it")
        doing.do(dataset, RenameTask(*_pair("--rename", rename)), output)


@add_command(
    app,
    "rename",
    {"A camera and its videos": "lerotool edit rename me/pick-cube observation.images.front=observation.images.top"},
)
def rename(
    dataset: DatasetArgument,
    names: Annotated[str, typer.Argument(metavar="OLD=NEW", help="The feature's name and the new one.")],
    *,
    doing: Asking,
    output: Output,
) -> None:
    """Give a feature another name, in rows, tables and statistics; videos of a camera are linked, not copied."""
    from lerotool.editing.changes import RenameFeature

    doing.do(dataset, RenameFeature(*_pair("OLD=NEW", names)), output)


@add_command(
    app,
    "add",
    {"A reward for each row, or each episode": "lerotool edit add me/pick-cube next.reward --from rewards.csv"},
)
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
    *,
    doing: Asking,
    output: Output,
) -> None:
    """Add a column, such as rewards, with its statistics.

    Of a file with several columns the one of the feature's name is taken; a .csv without it makes a vector of all.
    """
    from lerotool.editing.changes import AddFeature

    doing.do(dataset, AddFeature(feature, source), output)


@add_command(
    app,
    "drop",
    {"A camera that nobody needs": "lerotool edit drop me/pick-cube observation.images.wrist"},
)
def drop(
    dataset: DatasetArgument,
    feature: Annotated[str, typer.Argument(metavar="FEATURE", help="A column or a camera.")],
    *,
    doing: Asking,
    output: Output,
) -> None:
    """Let a feature leave: its column, or a camera's videos, and its statistics."""
    from lerotool.editing.changes import DropFeature

    doing.do(dataset, DropFeature(feature), output)


@add_command(
    app,
    "split",
    {
        "Episodes by number": "lerotool edit split me/pick-cube train=0-2 val=3",
        "Fractions, shuffled, the same ones every time": (
            "lerotool edit split me/pick-cube train=0.75 val=0.25 --seed 1"
        ),
        "A dataset for each task": "lerotool edit split me/pick-cube --by-task --dry-run",
    },
)
def split(
    dataset: DatasetArgument,
    parts: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=PART", help="Episodes (0-79, success) or a fraction (0.8).", show_default=False),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Shuffle before fractions are taken.", show_default="no")
    ] = None,
    by_task: Annotated[bool, typer.Option("--by-task", help="A part for each task.")] = False,
    dry_run: DryRunOption = False,
    *,
    output: Output,
) -> None:
    """Split a dataset into new ones beside it, called DATASET-NAME; it is only read.

    Each appears complete, in one step. No episode goes into two of them.
    """
    from lerotool.cli.edit.running import run_split

    if bool(parts) == by_task:
        raise UsageError("give either parts such as train=0.8 val=0.2, or --by-task")
    run_split(dataset, parts, seed, output, is_dry=dry_run)


@add_command(
    app,
    "repack",
    {
        "What would be freed": "lerotool edit repack me/pick-cube --dry-run",
        "Free it: the old files are kept until they are forgotten": [
            "lerotool edit repack me/pick-cube",
            "lerotool edit forget me/pick-cube",
        ],
    },
)
def repack(dataset: DatasetArgument, *, doing: Doing, output: Output) -> None:
    """Take pictures that no episode needs out of the videos, and join small files; nothing is encoded again.

    Only files that get fewer or smaller are written. In v2.1 and v2.0 every episode has files of its own, so there is
    nothing to repack.
    """
    from lerotool.editing.changes import RepackFiles

    doing.do(dataset, RepackFiles(), output)


@add_command(
    app,
    "undo",
    {
        "What would be taken back": "lerotool edit undo me/pick-cube --dry-run",
        "Take the last change back; again for the one before": "lerotool edit undo me/pick-cube",
    },
)
def undo(dataset: DatasetArgument, dry_run: DryRunOption = False, *, output: Output) -> int:
    """Take the last change back: an edit, a repair, or a rescue of what LeRobot left.

    Every file is what it was, byte for byte. Refused where something else has changed the dataset since.
    """
    from lerotool.cli.check_repair import undo_all

    return undo_all([dataset], output, is_dry=dry_run)


@add_command(app, "log", {"What can be taken back, the newest first": "lerotool edit log me/pick-cube"})
def log(dataset: DatasetArgument, *, output: Output) -> None:
    """List the changes that can be taken back, the newest first."""
    from dataclasses import asdict

    import lerotool
    from lerotool.wording import one_line, sized

    changes = lerotool.list_changes(dataset)
    output.document({"changes": [asdict(each) for each in changes]})
    for each in changes:
        output.result(f"{each.made}  {one_line(each.command)}  ({sized(each.bytes)} of old files)")
    if not changes:
        output.result("there is nothing to take back")


@add_command(
    app, "forget", {"Free the room that old files take; this cannot be undone": "lerotool edit forget me/pick-cube"}
)
def forget(dataset: DatasetArgument, *, output: Output) -> int:
    """Remove the old files that changes have kept; this cannot be undone.

    What edits have left out on purpose goes too. Rows and pictures that a repair has set aside, and that the dataset
    does not have, stay.
    """
    from lerotool.cli.check_repair import forget_all

    return forget_all([dataset], output, edits=True)


def _one_choice(episodes: str | None, where: str | None) -> str | None:
    """Return what chooses episodes, None where nothing does."""
    if episodes is not None and where is not None:
        raise UsageError("--where chooses episodes instead of numbers", hint="--where 'length < 30 and mark = flagged'")
    return where if episodes is None else episodes


def _choice(episodes: str | None, where: str | None) -> str:
    if (chosen := _one_choice(episodes, where)) is None:
        raise UsageError("which episodes is missing", hint="numbers such as 3,7-9, or --where 'length < 30'")
    return chosen


def _pair(name: str, text: str) -> tuple[str, str]:
    old, _, new = text.partition("=")
    if not old or not new:
        raise UsageError(f"{name}: {text!r} is not of the form old=new")
    return old, new
