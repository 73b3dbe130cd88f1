"""Columns of episode tables that LeRobot does not know: one type for each."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from lerotool.merging.differences import Difference, Verdict, by_value
from lerotool.merging.options import MergeOptions
from lerotool.rewriting.source import Source
from lerotool.rewriting.source_table import unknown_columns
from lerotool.wording import flag


def settle_episode_columns(
    sources: Sequence[Source], options: MergeOptions
) -> tuple[dict[str, pa.DataType], list[Difference]]:
    """Return the unknown columns of all sources with one type for each, and where there is none."""
    found: dict[str, list[tuple[str, pa.DataType]]] = {}
    for source in sources:
        for name, data_type in unknown_columns(source).items():
            if name not in options.drop:
                found.setdefault(name, []).append((source.label, data_type))
    settled: dict[str, pa.DataType] = {}
    differences = []
    for name, types in found.items():
        try:
            schemas = [pa.schema([(name, data_type)]) for _, data_type in types]
            settled[name] = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        except MemoryError:
            raise
        except pa.ArrowException:
            shown = by_value((label, str(data_type)) for label, data_type in types)
            what = f"column {name!r} of the episode table"
            differences.append(Difference(what, shown, Verdict.OPEN, flags=(flag("--drop", name),)))
    return settled, differences
