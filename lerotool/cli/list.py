"""``lerotool list``: which datasets are on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from lerotool.cli.help import Examples
from lerotool.cli.output import JsonOption, Output, columns
from lerotool.wording import clock, one_line, sized

if TYPE_CHECKING:
    from lerotool.sharing.listing import ListedDataset

EXAMPLES: Examples = {
    "In the LeRobot home and in the Hub's cache": "lerotool list",
    "In a folder of one's own": "lerotool list ~/recordings",
    "For programs": "lerotool list --json",
}
_TITLES = ("dataset", "format", "episodes", "time", "size", "pending", "changed", "")
_NUMBERS = ("episodes", "time", "size", "pending")


def list_all(
    folders: Annotated[
        list[str] | None,
        typer.Argument(metavar="FOLDER", help="Where to look.", show_default="the LeRobot home, the Hub's cache"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the datasets on this machine.

    What is in the Hub's cache is read by all commands, and never written into.
    """
    from lerotool.sharing.listing import list_datasets
    from lerotool.workspace import lerobot_home

    output = Output(is_json=as_json)
    found = list_datasets(folders or None)
    output.document({"datasets": [asdict(dataset) for dataset in found]})
    if found:
        output.result(_table(found))
    else:
        output.note(f"no datasets in {', '.join(folders) if folders else lerobot_home()}")


def _table(found: Sequence[ListedDataset]) -> str:
    return columns(_TITLES, [_row(dataset) for dataset in found], right=_NUMBERS)


def _row(dataset: ListedDataset) -> Sequence[str]:
    notes = ["in the Hub's cache" if dataset.shelf.value == "cache" else None, dataset.part, dataset.problem]
    return (
        one_line(dataset.name),
        dataset.version or "-",
        str(dataset.episodes),
        clock(dataset.hours * 3600),
        sized(dataset.bytes),
        str(dataset.pending or "-"),
        _day(dataset.changed),
        one_line("; ".join(note for note in notes if note)),
    )


def _day(changed: float) -> str:
    """Return the day of a change, or the time if it was today."""
    then = datetime.fromtimestamp(changed)  # noqa: DTZ006 - as the person's clock shows it
    return f"{then:%H:%M}" if then.date() == datetime.now().date() else f"{then:%Y-%m-%d}"  # noqa: DTZ005 - the same
