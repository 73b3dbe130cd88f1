"""Arguments and options that the commands of ``lerotool edit`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lerotool.errors import UsageError

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
TargetOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="TARGET", help="Make this folder instead, and leave the dataset alone."),
]


def one_choice(episodes: str | None, where: str | None) -> str | None:
    """Return what chooses episodes, None where nothing does."""
    if episodes is not None and where is not None:
        raise UsageError("--where chooses episodes instead of numbers", hint="--where 'length < 30 and mark = flagged'")
    return where if episodes is None else episodes


def choice(episodes: str | None, where: str | None) -> str:
    """Return what chooses episodes."""
    if (chosen := one_choice(episodes, where)) is None:
        raise UsageError("which episodes is missing", hint="numbers such as 3,7-9, or --where 'length < 30'")
    return chosen


YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
