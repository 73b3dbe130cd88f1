"""A pretended v3.1: one more key in ``info.json``, one more column in the episode table. All that it takes is here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pyarrow as pa

from lerotool.dataset.episode_table import Column, EpisodeTable
from lerotool.dataset.formats import FormatVersion, Sizes, Totals
from lerotool.dataset.formats.v30 import V30
from lerotool.features import Feature

INFO_KEY = "calibration_id"
COLUMN = "quality"


class V31(V30):
    """v3.1."""

    def info_document(
        self, fps: float, features: Mapping[str, Feature], robot_type: str | None, totals: Totals, sizes: Sizes
    ) -> dict[str, Any]:
        """Return the keys of ``info.json`` in LeRobot's order."""
        return {**super().info_document(fps, features, robot_type, totals, sizes), INFO_KEY: "none"}

    def episodes_schema(self, features: Mapping[str, Feature], measured: Sequence[str]) -> pa.Schema:
        """Return the columns of an episodes file."""
        return super().episodes_schema(features, measured).append(pa.field(COLUMN, pa.string()))

    def completed(self, table: EpisodeTable) -> EpisodeTable:
        """Return a table of new episodes with the columns that only this version has."""
        unknown = Column(pa.array(["unknown"] * len(table)))
        return replace(table, extra={COLUMN: unknown, **table.extra})


@contextmanager
def known_v31() -> Iterator[FormatVersion]:
    """Let the version be known for the time of a test."""
    version = FormatVersion.register(V31("v3.1"))
    try:
        yield version
    finally:
        FormatVersion._registered.pop("v3.1")
