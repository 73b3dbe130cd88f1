"""``header.json``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.errors import IncompatibleDatasetError, SpoolError
from lerotool.features import CAMERA_PREFIX, Feature, camera, with_defaults
from lerotool.media.format import EncoderSettings, StreamCodec, StreamFormat
from lerotool.spool.documents import HEADER, Header, camera_file_name, load_header
from tests.spool.episodes import FRONT, MJPEG, WRIST, arm_features, header


def store(folder: Path, document: object) -> Path:
    (folder / HEADER).write_text(json.dumps(document))
    return folder


def test_a_header_comes_back_from_its_file(tmp_path: Path) -> None:
    h264 = StreamFormat(StreamCodec.H264, 64, 48, "yuv420p", 15.0)
    settings = EncoderSettings("h264", crf=None, preset="fast", extra_options={"tune": "film"})
    features = with_defaults(arm_features())
    first = Header.build(
        sequence=12, fps=30, features=features, cameras={FRONT: MJPEG, WRIST: h264}, encoder=settings, task="é"
    )
    again = load_header(store(tmp_path, first.to_json()))
    assert again == first
    assert again.cameras == {FRONT: MJPEG, WRIST: h264}
    assert again.encoder == settings
    assert again.recorded == arm_features()
    assert isinstance(again.fps, int)


def test_unknown_keys_are_kept(tmp_path: Path) -> None:
    again = load_header(store(tmp_path, {**header().to_json(), "person": {"name": "kim"}}))
    assert again.to_json()["person"] == {"name": "kim"}


def test_keys_of_a_later_lerotool_beside_those_of_encoder_and_cameras_are_passed_over(tmp_path: Path) -> None:
    document = header().to_json()
    document["encoder"]["film_grain"] = 8
    document["cameras"][FRONT]["mirrored"] = True
    again = load_header(store(tmp_path, document))
    assert (again.encoder, again.cameras[FRONT]) == (EncoderSettings(), MJPEG)


def test_two_headers_are_never_the_same_recording() -> None:
    assert header().recording_id != header().recording_id


def test_files_are_called_like_their_camera() -> None:
    top = header(arm_features([FRONT, "side/view"[:4], f"{CAMERA_PREFIX}a b"]))
    assert top.packets_file(FRONT) == "front.mjpeg"
    assert top.index_file("side") == "side.index"
    assert top.packets_file(f"{CAMERA_PREFIX}a b") == "a%20b.mjpeg"


def test_cameras_that_would_share_files_do_not() -> None:
    """Also not on file systems that ignore case."""
    keys = [FRONT, "front", f"{CAMERA_PREFIX}Front", f"{CAMERA_PREFIX}front~2"]
    names = header(arm_features(keys)).file_names
    assert list(names) == keys
    assert names[FRONT] == "front"
    assert len({name.casefold() for name in names.values()}) == 4


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_a_camera_file_name_is_a_plain_file_name(name: str) -> None:
    assert set(camera_file_name(name)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.%")


@pytest.mark.parametrize(
    ("features", "text"),
    [
        ({"task": Feature("string", (1,))}, "'task'.*recorder's own"),
        ({"language_events": Feature("language", (1,))}, "language is annotated"),
        ({"x": Feature("float32", (2, 2, 2, 2, 2, 2))}, "feature 'x'.*1 to 5 dimensions"),
        ({"x": Feature("float32", ())}, "1 to 5 dimensions"),
        ({"x": Feature("complex64", (1,))}, "feature 'x'"),
    ],
)
def test_what_cannot_be_recorded_is_refused_by_name(features: dict[str, Feature], text: str) -> None:
    with pytest.raises(IncompatibleDatasetError, match=text):
        header(features)


def test_every_camera_needs_its_format() -> None:
    with pytest.raises(IncompatibleDatasetError, match=r"video features are .*front.*cameras are \[\]"):
        Header.build(sequence=0, fps=30, features={FRONT: camera(48, 64)}, cameras={})


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_a_rate_is_a_positive_number(fps: float) -> None:
    with pytest.raises(IncompatibleDatasetError, match="fps"):
        Header.build(sequence=0, fps=fps, features={}, cameras={})


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"\0" * 300, b"[" * 100_000])
def test_a_header_that_is_no_header_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / HEADER).write_bytes(content)
    with pytest.raises(SpoolError, match=HEADER):
        load_header(tmp_path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"schema": 2}, "schema is 2"),
        ({"recording_id": "../../x"}, "recording_id"),
        ({"sequence": -1}, "sequence"),
        ({"features": {"x": {}}}, "'dtype' is missing"),
        ({"cameras": {}}, "cameras are \\[\\]"),
        ({"cameras": {FRONT: {"codec": "gif"}}}, "cameras"),
    ],
)
def test_a_header_with_a_wrong_value_names_it(tmp_path: Path, change: dict[str, object], text: str) -> None:
    with pytest.raises(SpoolError, match=text):
        load_header(store(tmp_path, {**header().to_json(), **change}))


def test_a_folder_without_header_is_no_pending_episode(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="not a pending episode"):
        load_header(tmp_path)


def test_a_shape_without_end_is_refused(tmp_path: Path) -> None:
    document = header().to_json()
    document["features"]["action"].update(shape=[2**70], names=None)
    with pytest.raises(SpoolError, match="more than a row can hold"):
        load_header(store(tmp_path, document))
