"""Whatever is wrong with a file, reading it ends in one of lerotool's own errors, or in what can still be read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lerotool.dataset.dataset import Dataset
from lerotool.errors import CorruptDatasetError, DatasetError, LerotoolError, MetadataError
from tests.dataset.reading import DATA, EPISODES, OLD_SET, PLAIN_SET, VIDEO_SET, copy_set, read_everything
from tests.sampling import examples

TEXT_FILES = ["meta/info.json", "meta/stats.json"]
OLD_FILES = ["meta/info.json", "meta/episodes.jsonl", "meta/tasks.jsonl", "meta/episodes_stats.jsonl"]
TABLES = [EPISODES, DATA, "meta/tasks.parquet"]
quick = settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextlib.contextmanager
def replaced(path: Path, data: bytes) -> Iterator[None]:
    """Give a file other contents for a while."""
    original = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(original)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sets")
    return {name: copy_set(name, folder) for name in (VIDEO_SET, PLAIN_SET, OLD_SET)}


def read_or_refuse(root: Path) -> None:
    with contextlib.suppress(LerotoolError, OSError):
        read_everything(root)


EVERY_FILE = [
    *((PLAIN_SET, name) for name in (*TEXT_FILES, *TABLES)),
    *((OLD_SET, name) for name in (*OLD_FILES, "data/chunk-000/episode_000001.parquet")),
]
each_file = pytest.mark.parametrize(("name", "file"), EVERY_FILE)


@each_file
@quick
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_never_a_traceback(sets: dict[str, Path], name: str, file: str, share: float) -> None:
    path = sets[name] / file
    data = path.read_bytes()
    with replaced(path, data[: int(len(data) * share)]):
        read_or_refuse(sets[name])


@each_file
@quick
@given(data=st.data())
def test_a_file_with_changed_bytes_is_never_a_traceback(
    sets: dict[str, Path], name: str, file: str, data: st.DataObject
) -> None:
    path = sets[name] / file
    contents = bytearray(path.read_bytes())
    # Most of a parquet file's structure is at its end, most of a JSON file's at its start.
    place = data.draw(
        st.one_of(st.integers(0, len(contents) - 1), st.integers(max(0, len(contents) - 400), len(contents) - 1))
    )
    for offset in range(data.draw(st.integers(1, 3))):
        contents[(place + offset) % len(contents)] = data.draw(st.integers(0, 255))
    with replaced(path, bytes(contents)):
        read_or_refuse(sets[name])


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a JSON document."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return the document with another value at a path."""
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


@pytest.mark.parametrize(
    ("name", "file"),
    [(VIDEO_SET, "meta/info.json"), (PLAIN_SET, "meta/stats.json"), *((OLD_SET, name) for name in OLD_FILES)],
)
@settings(quick, max_examples=examples(60))
@given(data=st.data())
def test_any_other_value_anywhere_in_metadata_is_never_a_traceback(
    sets: dict[str, Path], name: str, file: str, data: st.DataObject
) -> None:
    path = sets[name] / file
    lines = (
        path.read_text(encoding="utf-8").splitlines() if file.endswith(".jsonl") else [path.read_text(encoding="utf-8")]
    )
    number = data.draw(st.integers(0, len(lines) - 1))
    document = json.loads(lines[number])
    place = data.draw(st.sampled_from(places(document)))
    lines[number] = json.dumps(changed(document, place, data.draw(values)))
    with replaced(path, "\n".join(lines).encode()):
        read_or_refuse(sets[name])


@pytest.mark.parametrize(("name", "file"), [pair for pair in EVERY_FILE if pair[1] != "meta/stats.json"])
def test_an_empty_file_is_named(sets: dict[str, Path], name: str, file: str) -> None:
    path = sets[name] / file
    with (
        replaced(path, b""),
        pytest.raises(CorruptDatasetError, match=r"empty \(0 bytes\)") as caught,
    ):
        read_everything(sets[name])
    assert str(path) in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("file", TABLES)
def test_a_parquet_file_without_footer_is_named(sets: dict[str, Path], file: str) -> None:
    path = sets[PLAIN_SET] / file
    with replaced(path, path.read_bytes()[:-8]), pytest.raises(CorruptDatasetError, match="has no footer") as caught:
        read_everything(sets[PLAIN_SET])
    assert str(path) in str(caught.value)
    assert "record again" in (caught.value.hint or "")


@pytest.mark.parametrize("file", ["meta/info.json", "meta/stats.json"])
@pytest.mark.parametrize(
    "text", [b"not json", b"[1, 2]", b"\xff\xfe", b"{" * 100_000, b'{"fps": ' + b"9" * 5000 + b"}"]
)
def test_what_is_no_json_object_is_named(sets: dict[str, Path], file: str, text: bytes) -> None:
    path = sets[PLAIN_SET] / file
    with replaced(path, text), pytest.raises(MetadataError) as caught:
        read_everything(sets[PLAIN_SET])
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "file"),
    [pair for pair in EVERY_FILE if pair[1] not in ("meta/info.json", "meta/stats.json", "meta/episodes_stats.jsonl")],
)
def test_a_missing_file_is_named(sets: dict[str, Path], name: str, file: str) -> None:
    path = sets[name] / file
    data = path.read_bytes()
    path.unlink()
    try:
        with pytest.raises(DatasetError, match="missing") as caught:
            read_everything(sets[name])
        assert str(path.parent).removesuffix("/chunk-000") in str(caught.value)
    finally:
        path.write_bytes(data)


def test_a_data_file_is_not_looked_at_before_its_rows_are_asked_for(sets: dict[str, Path]) -> None:
    path = sets[PLAIN_SET] / DATA
    with replaced(path, b"junk"):
        dataset = Dataset.open(sets[PLAIN_SET])
        assert dataset.num_frames == 24
        with pytest.raises(CorruptDatasetError, match="expected a parquet file"):
            dataset.rows()
