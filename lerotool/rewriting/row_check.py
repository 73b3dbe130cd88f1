"""Looks at the rows of all sources before anything is written, so that a plan that says yes does not fail on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lerotool.errors import DatasetError, IncompatibleDatasetError
from lerotool.features import DEFAULT_FEATURES, Kind
from lerotool.rewriting.conversion import check_rows, converted
from lerotool.rewriting.data_job import batches
from lerotool.rewriting.data_jobs import part_of, stretches
from lerotool.rewriting.data_part import DataPart, Rows
from lerotool.rewriting.rewriting import Rewriting
from lerotool.rewriting.row_stream import RowStream

_Look = Callable[[DataPart, Rewriting], None]


@dataclass(frozen=True, slots=True)
class RowProblems:
    """What is wrong with rows, the first of each source."""

    damage: tuple[str, ...]  # what cannot be read, or contradicts the tables
    untimely: tuple[str, ...]  # timestamps that are not those of the frames


def look_at_own_columns(work: Rewriting) -> RowProblems:
    """Return what is wrong with LeRobot's own columns."""
    return _looked_at(work, _look_at_own_columns)


def look_at_values(work: Rewriting) -> RowProblems:
    """Return what is wrong with rows; all of them are read, but for pictures in them."""
    return _looked_at(work, _look_at_values)


def _looked_at(work: Rewriting, look: _Look) -> RowProblems:
    damage: list[str] = []
    untimely: list[str] = []
    done: set[int] = set()
    for stretch in stretches(work, 0, work.episodes):
        place = stretch.contribution.source.place
        if place in done:
            continue
        try:
            look(part_of(stretch), work)
        except IncompatibleDatasetError as error:
            untimely.append(str(error))
            done.add(place)
        except (DatasetError, OSError) as error:
            damage.append(str(error))
            done.add(place)
    return RowProblems(tuple(damage), tuple(untimely))


def _look_at_own_columns(part: DataPart, _: Rewriting) -> None:
    names = [name for name in DEFAULT_FEATURES if name in part.features and name != "index"]
    stream = RowStream(part.slices, names, part.features)
    for rows in _in_batches(part):
        check_rows(stream.take(int(rows.lengths.sum())), part, rows)


def _look_at_values(part: DataPart, work: Rewriting) -> None:
    own_rules = {name: rule for name, rule in part.rules.items() if rule.added is None}
    chosen = {name: rule for name, rule in own_rules.items() if work.features[name].kind is not Kind.IMAGE}
    own = [name for name in DEFAULT_FEATURES if name in part.features and name != "index"]
    names = [*dict.fromkeys([*(rule.original for rule in chosen.values()), *own])]
    stream = RowStream(part.slices, names, part.features)
    for rows in _in_batches(part):
        table = stream.take(int(rows.lengths.sum()))
        check_rows(table, part, rows)
        for name, rule in chosen.items():
            converted(table[rule.original], part, rule, work.features[name], rows)


def _in_batches(part: DataPart) -> Iterator[Rows]:
    for start, stop in batches(part.rows.lengths):
        yield part.rows.chosen(start, stop)
