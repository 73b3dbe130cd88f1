"""Looks at the rows of all sources before anything is written, so that a plan that says yes does not fail on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lerotool.errors import DatasetError, IncompatibleDatasetError
from lerotool.features import DEFAULT_FEATURES, Feature, Kind
from lerotool.rewriting.conversion import check_rows, converted
from lerotool.rewriting.data_job import batches
from lerotool.rewriting.data_jobs import part_of, stretches
from lerotool.rewriting.data_part import DataPart
from lerotool.rewriting.rewriting import Rewriting
from lerotool.rewriting.row_stream import RowStream


@dataclass(frozen=True, slots=True)
class RowProblems:
    """What is wrong with rows, the first of each source."""

    damage: tuple[str, ...]  # what cannot be read, or contradicts the tables
    untimely: tuple[str, ...]  # timestamps that are not those of the frames


def look_at_own_columns(work: Rewriting) -> RowProblems:
    """Return what is wrong with LeRobot's own columns."""
    return _looked_at(work, {})


def look_at_values(work: Rewriting) -> RowProblems:
    """Return what is wrong with rows; all of them are read, but for pictures in them."""
    return _looked_at(work, {n: feature for n, feature in work.features.items() if feature.kind is not Kind.IMAGE})


def _looked_at(work: Rewriting, features: Mapping[str, Feature]) -> RowProblems:
    damage: list[str] = []
    untimely: list[str] = []
    done: set[int] = set()
    for stretch in stretches(work, 0, work.episodes):
        place = stretch.contribution.source.place
        if place in done:
            continue
        try:
            _look(part_of(stretch), features)
        except IncompatibleDatasetError as error:
            untimely.append(str(error))
            done.add(place)
        except (DatasetError, OSError) as error:
            damage.append(str(error))
            done.add(place)
    return RowProblems(tuple(damage), tuple(untimely))


def _look(part: DataPart, features: Mapping[str, Feature]) -> None:
    rules = {name: rule for name, rule in part.rules.items() if name in features and rule.added is None}
    own = [name for name in DEFAULT_FEATURES if name in part.features and name != "index"]
    stream = RowStream(part.slices, [*dict.fromkeys([*(r.original for r in rules.values()), *own])], part.features)
    for start, stop in batches(part.rows.lengths):
        rows = part.rows.chosen(start, stop)
        table = stream.take(int(rows.lengths.sum()))
        check_rows(table, part, rows)
        for name, rule in rules.items():
            converted(table[rule.original], part, rule, features[name], rows)
