"""Features as Arrow types, beside what the real LeRobot wrote."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lerotool.arrow_types import IMAGE_TYPE, arrow_field, arrow_type, hf_feature
from lerotool.errors import IncompatibleDatasetError
from lerotool.features import NUMERIC_DTYPES, Feature, columns, parse_features
from tests.shared import GOLDEN

# Crashed recordings have no footers, and LeRobot's merge writes lists of any length.
SETS = sorted(p.name for p in GOLDEN.glob("v30_lerobot061_*/") if not p.name.endswith(("crashed", "merged", ".json")))


@pytest.mark.parametrize("dtype", sorted(NUMERIC_DTYPES))
def test_a_scalar_has_the_type_of_its_numbers(dtype: str) -> None:
    expected = {"bool": pa.bool_(), "float16": pa.float16(), "float32": pa.float32(), "float64": pa.float64()}
    assert arrow_type(Feature(dtype, (1,))) == expected.get(dtype, getattr(pa, dtype.replace("bool", "bool_"))())
    assert hf_feature(Feature(dtype, (1,))) == {"dtype": dtype, "_type": "Value"}


def test_vectors_matrices_and_pictures_have_the_recorders_types() -> None:
    assert arrow_type(Feature("float32", (6,))) == pa.list_(pa.float32(), 6)
    assert arrow_type(Feature("string", (2,))) == pa.list_(pa.string(), 2)
    assert arrow_type(Feature("int64", (2, 3, 4))) == pa.list_(pa.list_(pa.list_(pa.int64())))
    assert arrow_type(Feature("image", (4, 4, 3))) == IMAGE_TYPE
    metadata = arrow_field("m", Feature("float32", (2, 3))).metadata
    assert metadata[b"ARROW:extension:name"] == b"datasets.features.features.Array2DExtensionType"
    assert metadata[b"ARROW:extension:metadata"] == b'[[2, 3], "float32"]'


def test_vectors_are_called_as_asked() -> None:
    value = {"dtype": "float32", "_type": "Value"}
    assert hf_feature(Feature("float32", (2,))) == {"feature": value, "length": 2, "_type": "List"}
    assert hf_feature(Feature("float32", (2,)), sequence_type="Sequence")["_type"] == "Sequence"
    assert hf_feature(Feature("int8", (2, 3))) == {"shape": [2, 3], "dtype": "int8", "_type": "Array2D"}
    assert hf_feature(Feature("image", (4, 4, 3))) == {"_type": "Image"}


@pytest.mark.parametrize(
    "feature", [Feature("video", (4, 4, 3)), Feature("language", (1,)), Feature("int8", (1,) * 6), Feature("int8", ())]
)
def test_what_has_no_column_has_no_type(feature: Feature) -> None:
    with pytest.raises(IncompatibleDatasetError, match="feature 'x': a feature of"):
        arrow_field("x", feature)
    with pytest.raises(IncompatibleDatasetError):
        hf_feature(feature)


@pytest.mark.parametrize("name", SETS)
def test_types_are_those_that_lerobot_wrote(name: str) -> None:
    """For every column of every set that its recorder made, schema metadata included."""
    features = parse_features(
        json.loads((GOLDEN / name / "meta" / "info.json").read_text(encoding="utf-8"))["features"]
    )
    files = sorted((GOLDEN / name / "data").rglob("*.parquet"))
    schema = pq.ParquetFile(files[0]).schema_arrow
    wanted = [column for column in columns(features) if features[column].dtype != "language"]
    for column in wanted:
        field = arrow_field(column, features[column])
        assert schema.field(column).type == field.type, column
        assert (schema.field(column).metadata or {}).get(b"ARROW:extension:name") == (field.metadata or {}).get(
            b"ARROW:extension:name"
        )
    if metadata := (schema.metadata or {}).get(b"huggingface"):
        told = json.loads(metadata)["info"]["features"]
        assert {column: hf_feature(features[column]) for column in wanted} == told
