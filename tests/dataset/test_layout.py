"""Path templates are input, not code: they lead to files inside the root or are refused."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.info import parse_info
from lerotool.dataset.layout import Layout, inside
from lerotool.errors import CorruptDatasetError, LerotoolError, MetadataError


def layout(root: Path = Path("set"), version: str = "v3.0", **keys: Any) -> Layout:
    return Layout.of(root, parse_info({"codebase_version": version, "fps": 30, "features": {}, **keys}))


def test_lerobots_templates_are_the_default() -> None:
    assert layout().data_path(1, 12) == Path("set/data/chunk-001/file-012.parquet")
    assert layout().video_path("observation.images.front", 0, 3) == Path(
        "set/videos/observation.images.front/chunk-000/file-003.mp4"
    )
    assert layout(version="v2.1").data_path(1, 1234) == Path("set/data/chunk-001/episode_001234.parquet")
    assert layout(version="v2.0").video_path("cam", 0, 7) == Path("set/videos/chunk-000/cam/episode_000007.mp4")
    assert layout().timing_path(0, 2) == Path("set/meta/lerotool/timing/chunk-000/file-002.parquet")
    assert layout().episodes_path(0, 2) == Path("set/meta/episodes/chunk-000/file-002.parquet")


@pytest.mark.parametrize(
    ("version", "template"),
    [(v, path) for v in FormatVersion.registered() for path in (v.data_path, v.video_path)],
)
def test_a_template_means_what_python_makes_of_it(version: str, template: str) -> None:
    names = ("chunk_index", "file_index") if version == "v3.0" else ("episode_chunk", "episode_index")
    expected = template.format(**dict(zip(names, (4, 1234567), strict=True)), video_key="a.b")

    assert layout(version=version, video_path=template).video_path("a.b", 4, 1234567) == Path("set", expected)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("media/{video_key}_{chunk_index}_{file_index}.mp4", "media/cam_0_5.mp4"),
        ("a/x.mp4", "a/x.mp4"),
        ("{{{file_index:02d}}}.mp4", "{05}.mp4"),
        ("v/{file_index:d}-{file_index:4d}.mp4", "v/5-   5.mp4"),
    ],
)
def test_other_templates_are_followed(template: str, path: str) -> None:
    assert layout(video_path=template).video_path("cam", 0, 5) == Path("set", path)


@pytest.mark.parametrize(
    "template",
    [
        "{video_key.__class__}",
        "{chunk_index.__class__.__mro__}",
        "{video_key[0]}",
        "{0}/file.parquet",
        "{}/file.parquet",
        "{nothing}",
        "{episode_index}.parquet",
        "{chunk_index!r}",
        "{chunk_index:{file_index}}",
        "{chunk_index:0999999999d}",
        "{chunk_index:>100}",
        "{video_key:1000000000}",
        "{video_key!s}",
        "{chunk_index",
        "chunk}",
        "/etc/passwd",
        "//server/share/x",
        "\\\\server\\share\\x",
        "C:/x.parquet",
        "c:x.parquet",
        "\\x.parquet",
        "../x.parquet",
        "a/../../x.parquet",
        "a\\..\\..\\x.parquet",
        "data/{chunk_index}/../../../x.parquet",
        "a\0b",
        "a\nb",
        "a\ud800b",
        " ",
        ".",
    ],
)
@pytest.mark.parametrize("key", ["data_path", "video_path"])
def test_a_template_that_is_code_or_leads_out_is_refused(key: str, template: str) -> None:
    with pytest.raises(MetadataError, match=key) as caught:
        layout(**{key: template})
    assert "info.json" in str(caught.value)


@pytest.mark.parametrize("camera", ["..", "../..", "/etc", "C:", "a\\..\\..\\b", "\0"])
def test_a_camera_name_cannot_lead_out(camera: str) -> None:
    with pytest.raises(MetadataError, match="not a path inside"):
        layout(video_path="{video_key}/../x.mp4" if camera == "a" else "{video_key}/x.mp4").video_path(camera, 0, 0)


@given(st.text() | st.text(string.ascii_letters + "{}[]:!./\\_0123456789"), st.text(max_size=5))
def test_any_template_leads_inside_or_is_refused(template: str, camera: str) -> None:
    try:
        path = layout(video_path=template).video_path(camera, 3, 4)
    except LerotoolError:
        return
    assert path.is_relative_to("set")
    assert ".." not in path.parts


def test_a_symbolic_link_out_of_the_root_is_refused(tmp_path: Path) -> None:
    root, outside = tmp_path / "set", tmp_path / "elsewhere"
    (outside / "chunk-000").mkdir(parents=True)
    root.mkdir()
    (root / "data").symlink_to(outside, target_is_directory=True)

    with pytest.raises(CorruptDatasetError, match="leads out of the dataset") as caught:
        layout(root).data_path(0, 0)
    assert str(outside) in str(caught.value)


def test_links_inside_the_root_and_a_root_that_is_a_link_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real/store").mkdir(parents=True)
    (tmp_path / "set").symlink_to(tmp_path / "real", target_is_directory=True)
    (tmp_path / "real/data").symlink_to(tmp_path / "real/store", target_is_directory=True)

    assert inside(tmp_path / "set", "data/x.parquet") == tmp_path / "set/data/x.parquet"


def test_a_loop_of_links_is_no_way_out(tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(tmp_path / "data")

    assert inside(tmp_path, "data/x.parquet") == tmp_path / "data/x.parquet"


def test_the_hubs_cache_of_links_to_blobs_is_let_through(tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "repo/snapshots/1f3a", tmp_path / "repo/blobs"
    (snapshot / "data").mkdir(parents=True)
    blobs.mkdir()
    (blobs / "c0ffee").write_bytes(b"")
    (snapshot / "data/x.parquet").symlink_to(blobs / "c0ffee")

    assert inside(snapshot, "data/x.parquet").is_file()
