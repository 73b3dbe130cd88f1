"""Video files that are something else: playlists and scripts make FFmpeg open files that they name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.faults.recordings import Inline, record
from lerotool import merge
from lerotool.checking import Code, check
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.errors import LerotoolError, MediaError
from lerotool.media.decode import iter_rgb
from lerotool.media.join import join_videos
from lerotool.media.probe import count_complete_packets, probe
from tests.media.pictures import grid, write_foreign

VIDEO = "videos/observation.images.front/chunk-000/file-000.mp4"


def script(path: Path, secret: Path) -> None:
    """A link beside it leads out of the dataset."""
    (path.parent / "other.mp4").symlink_to(secret)
    path.write_text("ffconcat version 1.0\nfile other.mp4\n")


def playlist(path: Path, secret: Path) -> None:
    (path.parent / "other.mp4").symlink_to(secret)
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nother.mp4\n#EXT-X-ENDLIST\n")


def playlist_of_an_absolute_path(path: Path, secret: Path) -> None:
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{secret}\n#EXT-X-ENDLIST\n")


def session_description(path: Path, secret: Path) -> None:
    path.write_text("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 50000 RTP/AVP 26\n")


def old_container(path: Path, secret: Path) -> None:
    """Harmless, and nothing that a dataset has."""
    write_foreign(path, grid(5), "mpeg4", container="avi")


FOREIGN: dict[str, Callable[[Path, Path], None]] = {
    "ffconcat": script,
    "HLS": playlist,
    "HLS, absolute": playlist_of_an_absolute_path,
    "SDP": session_description,
    "AVI": old_container,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "set"
    record(root, 0)
    encode_pending(root, EncodeOptions(jobs=1, pack=False), executor=Inline())
    return root


@pytest.fixture
def secret(made: Path, tmp_path: Path) -> Path:
    """A video outside the dataset that would fit into it."""
    return Path(shutil.copy(made / VIDEO, tmp_path / "secret.mp4"))


@pytest.mark.parametrize("put", FOREIGN.values(), ids=FOREIGN.keys())
def test_no_video_function_opens_a_foreign_container(
    tmp_path: Path, secret: Path, put: Callable[[Path, Path], None]
) -> None:
    path = tmp_path / "v" / "file-000.mp4"
    path.parent.mkdir()
    put(path, secret)

    for read in (probe, lambda p: next(iter_rgb(p, 0, 1, 30)), lambda p: join_videos([p], tmp_path / "out.mp4", 30)):
        with pytest.raises(MediaError, match=r"file-000\.mp4'?: cannot be read as a video"):
            read(path)
    assert count_complete_packets(path) == 0
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.sampled
@pytest.mark.parametrize("files", ["pack", "keep"])
@pytest.mark.parametrize("put", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_foreign_container_is_unreadable_and_never_merged(
    made: Path, tmp_path: Path, secret: Path, put: Callable[[Path, Path], None], files: str
) -> None:
    root = Path(shutil.copytree(made, tmp_path / "set"))
    put(root / VIDEO, secret)

    assert Code.VIDEO_UNREADABLE in check(root).codes
    with pytest.raises(LerotoolError, match=r"file-000\.mp4"):
        merge([root], tmp_path / "merged", files=files)
    assert not (tmp_path / "merged").exists()


def test_a_file_of_another_kind_is_called_that(tmp_path: Path, secret: Path) -> None:
    old_container(tmp_path / "v.mp4", secret)

    with pytest.raises(MediaError, match="expected an MP4, MOV or Matroska file"):
        probe(tmp_path / "v.mp4")


def test_matroska_is_still_read(tmp_path: Path) -> None:
    assert probe(write_foreign(tmp_path / "v.mp4", grid(3), container="matroska")).codec == "h264"
