"""Pictures of a pending episode that are files."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from lerotool.errors import MediaError, SpoolError
from lerotool.features import Feature, camera
from lerotool.media.encode import encode_depth_image, encode_jpeg, encode_png
from lerotool.media.format import StreamCodec, StreamFormat
from lerotool.media.pictures import PacketDecoder
from lerotool.spool.documents import Header
from lerotool.spool.pending import PendingEpisode
from lerotool.spool.recovery import Kind, examine
from lerotool.spool.writer import PendingWriter

FRONT = "observation.images.front"


def stream(layout: str = "rgb24") -> StreamFormat:
    return StreamFormat(StreamCodec.PICTURE, 8, 6, layout, 10)


def png(number: int) -> bytes:
    return encode_png(np.full((6, 8, 3), number, np.uint8))


def begin(root: Path, **more: StreamFormat) -> PendingWriter:
    cameras = {FRONT: stream(), **more}
    features = {"action": Feature("float32", (1,)), **{key: camera(6, 8) for key in cameras}}
    return PendingWriter.create(root / "pending", Header.build(sequence=0, fps=10, features=features, cameras=cameras))


def record(root: Path, count: int = 3) -> PendingEpisode:
    with begin(root) as writer:
        for number in range(count):
            source = root / f"frame-{number:06d}.PNG"
            source.write_bytes(png(number))
            assert writer.pictures(FRONT).adopt(source) == number
            writer.append_row(
                {"action": float(number)}, task="t", tick_ns=0, observed_ns=0, acted_ns=0, pictures={FRONT: number}
            )
        return writer.save({})


def test_pictures_come_back_as_they_were_and_stay_where_they_were(tmp_path: Path) -> None:
    episode = record(tmp_path)
    with episode.camera(FRONT) as pictures:
        assert [pictures.packet(n) for n in range(len(pictures))] == [png(n) for n in range(3)]
        with pytest.raises(IndexError):
            pictures.packet(3)
    assert (tmp_path / "frame-000000.PNG").exists()
    assert examine(episode.path).kind is Kind.COMPLETE


@pytest.mark.skipif(os.name == "nt", reason="no inode numbers")
def test_pictures_take_no_room_twice(tmp_path: Path) -> None:
    episode = record(tmp_path)
    assert (episode.path / "front.pictures" / "000001.png").samefile(tmp_path / "frame-000001.PNG")


def test_where_files_cannot_be_linked_they_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    episode = record(tmp_path)
    assert episode.camera(FRONT).packet(2) == png(2)


def test_what_is_removed_outside_stays_inside(tmp_path: Path) -> None:
    episode = record(tmp_path)
    (tmp_path / "frame-000001.PNG").unlink()
    assert episode.camera(FRONT).packet(1) == png(1)


def test_a_row_cannot_name_a_picture_that_is_not_there(tmp_path: Path) -> None:
    with begin(tmp_path) as writer, pytest.raises(SpoolError, match=r"picture 0 of camera .* does not exist"):
        writer.append_row({"action": 0.0}, task="t", tick_ns=0, observed_ns=0, acted_ns=0, pictures={FRONT: 0})


def test_pictures_that_have_vanished_are_named(tmp_path: Path) -> None:
    episode = record(tmp_path)
    folder = episode.path / "front.pictures"
    reader = episode.camera(FRONT)
    (folder / "000001.png").unlink()
    with pytest.raises(SpoolError, match="picture 1 is empty or gone"):
        reader.packet(1)
    with pytest.raises(SpoolError, match=r"expected 3 pictures in 'front.pictures', found 2"):
        episode.camera(FRONT)
    assert examine(episode.path).kind is not Kind.COMPLETE


def test_a_camera_of_files_has_no_packets_to_append_and_the_other_way_round(tmp_path: Path) -> None:
    wrist = "observation.images.wrist"
    with begin(tmp_path, **{wrist: StreamFormat(StreamCodec.MJPEG, 8, 6, "yuvj422p", 10)}) as writer:
        with pytest.raises(SpoolError, match=f"has no camera '{FRONT}'; it has '{wrist}'"):
            writer.camera(FRONT)
        with pytest.raises(SpoolError, match=f"has no camera '{wrist}'; it has '{FRONT}'"):
            writer.pictures(wrist)


@pytest.mark.parametrize("encode", [encode_png, encode_jpeg])
def test_a_file_is_decoded_to_its_picture(encode: object) -> None:
    picture = np.full((6, 8, 3), 99, np.uint8)
    frame = PacketDecoder(stream()).decode(encode(picture))  # type: ignore[operator]
    assert frame.format.name == "rgb24"
    np.testing.assert_allclose(frame.to_ndarray(), picture, atol=3)


@pytest.mark.parametrize(("dtype", "layout"), [(np.uint16, "gray16le"), (np.float32, "grayf32le")])
def test_a_depth_file_is_decoded_to_its_depths(dtype: type, layout: str) -> None:
    depths = np.arange(48).reshape(6, 8, 1).astype(dtype)
    frame = PacketDecoder(stream(layout)).decode(encode_depth_image(depths))
    assert frame.format.name == layout
    np.testing.assert_array_equal(frame.to_ndarray(), depths[:, :, 0])


def test_what_is_no_such_picture_is_refused() -> None:
    decoder = PacketDecoder(stream())
    with pytest.raises(MediaError, match="not a PNG, JPEG or TIFF picture"):
        decoder.decode(b"nonsense")
    with pytest.raises(MediaError, match="damaged png"):
        decoder.decode(png(1)[:40])
    with pytest.raises(MediaError, match="the picture is 4x4 uint8, expected 8x6 uint8"):
        decoder.decode(encode_png(np.zeros((4, 4, 3), np.uint8)))
    with pytest.raises(MediaError, match="8x6 uint8, expected 8x6 uint16"):
        PacketDecoder(stream("gray16le")).decode(png(1))
