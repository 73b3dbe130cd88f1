"""What is wrong with one camera says nothing about the others: they are measured, verified and written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.findings import Code
from lerotool.statistics.rewrite import rewrite
from lerotool.statistics.verify import verify
from tests.dataset.reading import EPISODES, VIDEO_SET, copy_set, edit_table
from tests.dataset.writing import FRONT, WRIST


def _set(root: Path, field: str, change: Callable[[list[object]], list[object]]) -> None:
    name = f"videos/{FRONT}/{field}"

    def edit(table: pa.Table) -> pa.Table:
        place = table.column_names.index(name)
        values = pa.array(change(table[name].to_pylist()), table.schema.field(name).type)
        return table.set_column(place, name, values)

    edit_table(root / EPISODES, edit)


def _cut(root: Path) -> None:
    (path,) = (root / "videos" / FRONT).glob("*/*.mp4")
    path.write_bytes(path.read_bytes()[:500])


DAMAGE: dict[str, Callable[[Path], None]] = {
    "video cut": _cut,
    "times missing": lambda root: _set(root, "from_timestamp", lambda values: [None] * len(values)),
    "time negative": lambda root: _set(root, "from_timestamp", lambda values: [-1.0, *values[1:]]),
    "chunk missing": lambda root: _set(root, "chunk_index", lambda values: [None, *values[1:]]),
    "template left": lambda root: _set(root, "chunk_index", lambda values: [-1, *values[1:]]),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_only_the_broken_camera_is_not_measurable(damage: Callable[[Path], None], tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    damage(root)
    dataset = Dataset.open(root)
    found = [finding for finding in verify(dataset).findings if finding.code is Code.NOT_MEASURABLE]
    assert [finding.features for finding in found] == [(FRONT,)]
    assert WRIST in rewrite(dataset).features
