"""Features of unusual kinds, as people's datasets have them: converted, merged, checked and measured without loss."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lerotool
from lerotool.checking import Severity, check
from lerotool.dataset.dataset import Dataset
from lerotool.errors import MetadataError
from lerotool.statistics.measure import Selection
from lerotool.statistics.rewrite import rewrite
from lerotool.statistics.verify import verify
from tests.checking.judging import what_lerobot_does
from tests.dataset.reading import OLD_SET, copy_set, edit_json, edit_table

JOINTS = [f"j{number}.pos" for number in range(6)]
Column = tuple[dict[str, Any], pa.DataType, Callable[[np.random.Generator, int], list[Any]]]


def _declared(dtype: str, shape: list[int], names: object = None) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "names": names}


def _normal(*shape: int, dtype: str = "float32") -> Callable[[np.random.Generator, int], list[Any]]:
    return lambda rng, rows: list(rng.normal(0, 9, (rows, *shape)).astype(dtype).tolist())


def _nested(leaf: pa.DataType, depth: int) -> pa.DataType:
    for _ in range(depth):
        leaf = pa.list_(leaf)
    return leaf


F32, F64 = pa.float32(), pa.float64()
SIX = pa.list_(F32, 6)
NEW: dict[str, Mapping[str, Column]] = {
    "one-scalar": {
        "reward": (_declared("float32", [1]), F32, _normal()),
        "next.done": (_declared("bool", [1]), pa.bool_(), lambda _, rows: [False] * (rows - 1) + [True]),
        "note": (_declared("string", [1]), pa.string(), lambda _, rows: [f"é{row % 3}" for row in range(rows)]),
    },
    "one-list": {"reward": (_declared("float32", [1], ["r"]), pa.list_(F32, 1), _normal(1))},
    "one-state": {name: (_declared("float32", [1], ["yaw.pos"]), F32, _normal()) for name in ("action",)},
    "matrix": {
        "ctrl.joint_angles": (_declared("float32", [2, 7]), _nested(F32, 2), _normal(2, 7)),
        "tactile": (_declared("float32", [2, 4, 3], ["finger", "row", "col"]), _nested(F32, 3), _normal(2, 4, 3)),
    },
    "uint8-array": {
        "obs.agentview": (
            _declared("uint8", [12, 12, 3], ["obs/agentview"]),
            _nested(pa.uint8(), 3),
            lambda rng, rows: rng.integers(0, 255, (rows, 12, 12, 3)).tolist(),
        )
    },
    "float64": {"action": (_declared("float64", [6], JOINTS), pa.list_(F64, 6), _normal(6, dtype="float64"))},
    "float64-declared-32": {"action": (_declared("float32", [6], JOINTS), pa.list_(F64), _normal(6))},
    "float16": {
        "action": (
            _declared("float16", [6], JOINTS),
            pa.list_(pa.float16(), 6),
            lambda rng, rows: [np.asarray(row, np.float16) for row in rng.normal(size=(rows, 6))],
        )
    },
    "twice-named": {
        "action": (_declared("float32", [6], ["pan", "lift", "elbow", "elbow", "roll", "grip"]), SIX, _normal(6))
    },
    "names-nested": {"action": (_declared("float32", [6], {"motors": JOINTS}), SIX, _normal(6))},
    "names-null": {"action": (_declared("float32", [6]), SIX, _normal(6))},
    "names-short": {"action": (_declared("float32", [6], ["action"]), SIX, _normal(6))},
}
COLUMNS = Selection(sampling=None)


def _make(kind: str, folder: Path) -> Path:
    """Return a v2.1 dataset that has the features of a kind, in statistics too."""
    root = copy_set(OLD_SET, folder)
    rng = np.random.default_rng(1)
    for path in sorted(root.glob("data/*/*.parquet")):
        edit_table(path, lambda table: _with(table, NEW[kind], rng))
    edit_json(
        root / "meta" / "info.json", lambda info: info["features"].update({n: c[0] for n, c in NEW[kind].items()})
    )
    if kind == "names-null":
        _forget_cameras(root)
    rewrite(Dataset.open(root), COLUMNS)
    return root


def _with(table: pa.Table, columns: Mapping[str, Column], rng: np.random.Generator) -> pa.Table:
    for name, (_, kind, values) in columns.items():
        array = pa.array(values(rng, table.num_rows), kind)
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, array)
        else:
            table = table.append_column(name, array)
    return table


def _forget_cameras(root: Path) -> None:
    """Leave the names and the statistics of cameras out."""

    def change(info: dict[str, Any]) -> None:
        for name, feature in info["features"].items():
            if "images" in name:
                feature["names"] = None

    edit_json(root / "meta" / "info.json", change)
    path = root / "meta" / "episodes_stats.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["stats"] = {name: entry for name, entry in line["stats"].items() if "images" not in name}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _assert_sound(root: Path) -> Dataset:
    report = check(root)
    assert [f for f in report.findings if f.severity is Severity.ERROR] == []
    assert [f for f in verify(Dataset.open(root), COLUMNS).findings if f.severity.value == "error"] == []
    return Dataset.open(root)


def _values(dataset: Dataset, names: Mapping[str, Column]) -> dict[str, Any]:
    return {name: dataset.rows(columns=[name])[name].to_pylist() for name in names}


@pytest.mark.parametrize("kind", NEW)
def test_it_is_converted_and_back_and_merged_with_itself(kind: str, tmp_path: Path) -> None:
    source = Dataset.open(_make(kind, tmp_path))
    expected = _values(source, NEW[kind])
    for target, sources, version in (
        ("new", [source.root], "v3.0"),
        ("twice", [tmp_path / "new", tmp_path / "new"], "v3.0"),
        ("old", [tmp_path / "new"], "v2.1"),
    ):
        lerotool.merge(sources, tmp_path / target, to=version)
        found = _values(_assert_sound(tmp_path / target), NEW[kind])
        for name, values in found.items():
            flat = np.array(values).reshape(len(values), -1)
            own = np.array(expected[name] * len(sources)).reshape(len(values), -1)
            assert np.array_equal(flat, own), (target, name)
    info = json.loads((tmp_path / "new" / "meta" / "info.json").read_text())
    for name, (declared, _, _) in NEW[kind].items():
        assert {key: info["features"][name][key] for key in declared} == declared


def test_numbers_of_a_wider_type_are_written_as_they_are_declared(tmp_path: Path) -> None:
    lerotool.merge([_make("float64-declared-32", tmp_path)], tmp_path / "new")
    (path,) = (tmp_path / "new" / "data").glob("*/*.parquet")
    assert pq.read_schema(path).field("action").type.value_type == F32


@pytest.mark.lerobot
@pytest.mark.timeout(600)
def test_lerobot_loads_all_of_them(tmp_path: Path) -> None:
    roots = {}
    for kind in NEW:
        target = tmp_path / "new" / kind
        lerotool.merge([_make(kind, tmp_path / kind)], target)
        roots[target] = None
    answers = what_lerobot_does(roots)
    assert {root.name: answer for root, answer in answers.items() if answer[0] != "right"} == {}


def test_a_feature_without_values_is_named_with_a_way_out_that_works(tmp_path: Path) -> None:
    root = copy_set(OLD_SET, tmp_path)
    name, info = "observation.target", root / "meta" / "info.json"
    for path in root.glob("data/*/*.parquet"):
        edit_table(path, lambda table: table.append_column(name, pa.array([[]] * table.num_rows, pa.list_(F32))))
    edit_json(info, lambda document: document["features"].update({name: _declared("float32", [0], [])}))

    with pytest.raises(MetadataError, match=r"so it has no values; take it out of 'features' in meta/info\.json"):
        Dataset.open(root)

    edit_json(info, lambda document: document["features"].pop(name))
    lerotool.merge([root], tmp_path / "merged")
    assert name not in _assert_sound(tmp_path / "merged").features
