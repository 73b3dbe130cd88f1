"""``info.json``: every key is kept, every wrong one is named."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.info import DatasetInfo, load_info, new_info, parse_info
from lerotool.errors import (
    CorruptDatasetError,
    DatasetNotFoundError,
    LerotoolError,
    MetadataError,
    UnsupportedVersionError,
)
from lerotool.features import camera, vector
from tests.shared import GOLDEN, all_sets

MINIMAL: dict[str, Any] = {"codebase_version": "v3.0", "fps": 30, "features": {}}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.text(min_size=1, max_size=12).filter(lambda name: "/" not in name)
entries = st.builds(
    lambda dtype, shape, extra: {**extra, "dtype": dtype, "shape": shape},
    st.sampled_from(["float32", "int64", "bool", "string", "video", "image", "language", "uint16"]),
    st.lists(st.integers(1, 500), min_size=1, max_size=3),
    st.dictionaries(st.text(max_size=8), json_values, max_size=3),
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an info.json in which only what is known has to be right, its keys in any order."""
    known = {
        "codebase_version": draw(st.sampled_from(FormatVersion.registered())),
        "fps": draw(st.integers(1, 1000) | st.floats(0.1, 1000)),
        "features": draw(st.dictionaries(names, entries, max_size=4)),
    }
    optional = {
        "total_episodes": st.integers(0, 10**6),
        "total_frames": st.integers(0, 10**9),
        "chunks_size": st.integers(1, 10**6),
        "data_files_size_in_mb": st.floats(0.001, 1000) | st.integers(1, 1000),
        "data_path": st.text(),
        "video_path": st.none() | st.text(),
        "robot_type": st.none() | st.text(),
        "splits": st.dictionaries(st.text(), json_values, max_size=2),
    }
    known |= {key: draw(value) for key, value in optional.items() if draw(st.booleans())}
    unknown = draw(st.dictionaries(st.text(max_size=12), json_values, max_size=4))
    return dict(draw(st.permutations(list({**unknown, **known}.items()))))


@given(documents())
def test_what_was_read_is_written_back_with_every_key_in_its_place(document: dict[str, Any]) -> None:
    written = parse_info(document).to_json()

    assert json.dumps(written) == json.dumps(document)


@given(documents(), st.integers(0, 10**6))
def test_a_change_touches_only_its_own_key(document: dict[str, Any], episodes: int) -> None:
    changed = parse_info(document).model_copy(update={"total_episodes": episodes}).to_json()

    assert changed["total_episodes"] == episodes
    assert {**document, "total_episodes": episodes} == changed
    assert [key for key in changed if key in document] == list(document)


@given(documents(), st.data())
def test_a_wrong_value_is_one_of_our_own_errors(document: dict[str, Any], data: st.DataObject) -> None:
    document[data.draw(st.sampled_from(list(document)))] = data.draw(json_values)
    with contextlib.suppress(LerotoolError):
        parse_info(document)


def test_the_written_document_is_a_copy() -> None:
    info = parse_info({**MINIMAL, "mine": {"list": [1]}})
    info.to_json()["mine"]["list"].append(2)

    assert info.to_json()["mine"] == {"list": [1]}


def test_what_is_missing_has_lerobots_defaults() -> None:
    info = parse_info(MINIMAL)

    assert (info.chunks_size, info.data_files_size_in_mb, info.video_files_size_in_mb) == (1000, 100, 200)
    assert (info.total_episodes, info.robot_type) == (0, None)
    assert not info.states("total_episodes")
    assert info.to_json() == MINIMAL


def test_a_new_info_has_every_key_in_lerobots_order() -> None:
    info = new_info(
        FormatVersion.V30, 30, {"action": vector(["a", "b"]), "observation.images.front": camera(48, 64)}, "so_follower"
    )

    assert list(info.to_json()) == [
        *("codebase_version", "fps", "features", "total_episodes", "total_frames", "total_tasks", "chunks_size"),
        *("data_files_size_in_mb", "video_files_size_in_mb", "data_path", "video_path", "robot_type", "splits"),
    ]
    assert list(info.features)[:2] == ["action", "observation.images.front"]
    assert info.to_json()["splits"] == {"train": "0:0"}
    assert parse_info(info.to_json()).to_json() == info.to_json()


def test_a_new_info_without_videos_has_no_video_path() -> None:
    assert new_info(FormatVersion.V30, 30, {"action": vector(["a"])}, None).to_json()["video_path"] is None


@pytest.mark.parametrize("version", ["v1.6", "v2.2", "v3.0.1", "v3.x", "v4.0", "3.0", "", None, 3, ["v3.0"]])
def test_an_unknown_version_is_named_with_the_known_ones(version: object) -> None:
    with pytest.raises(UnsupportedVersionError, match=r"expected one of v2\.0, v2\.1, v3\.0") as caught:
        parse_info({**MINIMAL, "codebase_version": version})
    assert ("missing" if version is None else repr(version)) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"fps": 0}, "'fps'.*found 0"),
        ({"fps": -1.5}, "'fps'"),
        ({"fps": True}, "'fps'"),
        ({"fps": "30"}, "'fps'.*found '30'"),
        ({"fps": float("nan")}, "'fps'"),
        ({"chunks_size": 0}, "'chunks_size'"),
        ({"total_frames": -1}, "'total_frames'"),
        ({"total_frames": 1.5}, "'total_frames'"),
        ({"robot_type": 7}, "'robot_type'"),
        ({"data_path": ["a"]}, "'data_path'"),
        ({"features": []}, "'features'.*expected an object"),
        ({"features": {"": {"dtype": "float32", "shape": [1]}}}, "feature '': a name must not be empty"),
        ({"features": {"a/b": {"dtype": "float32", "shape": [1]}}}, "'a/b'.*must not"),
        ({"features": {"a": {"dtype": "complex64", "shape": [1]}}}, "'a'.*'complex64'"),
        ({"features": {"a": {"dtype": "float32", "shape": [0]}}}, "'a'.*shape"),
        ({"features": {"a": {"shape": [1]}}}, "'a'.*'dtype' is missing"),
    ],
)
def test_a_wrong_key_is_named(change: dict[str, Any], text: str) -> None:
    with pytest.raises(MetadataError, match=text):
        parse_info({**MINIMAL, **change})


def test_all_wrong_keys_are_named_at_once() -> None:
    with pytest.raises(MetadataError) as caught:
        parse_info({"codebase_version": "v3.0", "robot_type": 1, "chunks_size": "many"}, "here")

    text = str(caught.value)
    assert text.startswith("here: ")
    assert all(word in text for word in ("'fps' is missing", "'features' is missing", "'robot_type'", "'chunks_size'"))


def test_whole_numbers_may_be_written_as_floats() -> None:
    assert parse_info({**MINIMAL, "total_frames": 12.0}).total_frames == 12


def test_no_folder_and_no_dataset_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="the folder does not exist"):
        load_info(tmp_path / "nowhere")
    with pytest.raises(DatasetNotFoundError, match=r"has no meta/info\.json") as caught:
        load_info(tmp_path)
    assert isinstance(caught.value, FileNotFoundError)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/info.json").write_bytes(b" \n")
    with pytest.raises(CorruptDatasetError, match=r"info\.json: the file is empty"):
        load_info(tmp_path)


@pytest.mark.parametrize("root", [*all_sets(), *sorted(GOLDEN.glob("*_crashed/"))])
def test_real_files_are_written_back_unchanged(root: Path) -> None:
    info = load_info(root)
    document = json.loads((root / "meta/info.json").read_text(encoding="utf-8"))

    assert isinstance(info, DatasetInfo)
    assert json.dumps(info.to_json()) == json.dumps(document)
