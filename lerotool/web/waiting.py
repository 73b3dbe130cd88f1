"""Pending episodes on pages: rows and packets straight from the spool, also while they are being recorded."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from lerotool.dataset.marks import Mark
from lerotool.errors import LerotoolError, MediaError, SpoolError
from lerotool.features import STATE
from lerotool.media.encode import encode_jpeg
from lerotool.media.format import DEPTH_UNITS, StreamCodec
from lerotool.media.pictures import PacketDecoder, decode_image
from lerotool.spool.pending import PendingEpisode, State, pending_folders
from lerotool.spool.rows import picture_columns
from lerotool.web.describing import camera_entry, is_drawn, series, timing_strip
from lerotool.web.pictures import FRAME_QUALITY, THUMBNAIL_QUALITY, frame_jpeg, shrunk


def waiting(root: Path) -> list[dict[str, Any]]:
    """Return what the page of a dataset shows of its pending episodes; those that cannot be read are left out."""
    found = []
    for folder in pending_folders(root):
        with suppress(LerotoolError, OSError):
            episode = PendingEpisode.open(folder)
            if episode.state is State.COMMITTED:
                continue
            found.append(
                {
                    "name": folder.name,
                    "frames": episode.length,
                    "seconds": episode.length / episode.header.fps,
                    "task": episode.header.task,
                    "state": _state(episode),
                    "mark": _mark(episode),
                    "has_picture": bool(episode.header.cameras and episode.length),
                }
            )
    return found


def _state(episode: PendingEpisode) -> str:
    return "recording" if episode.is_live else episode.state.value


def _mark(episode: PendingEpisode) -> dict[str, Any]:
    """Return what was said about an episode, and nothing else that the file may hold."""
    with suppress(ValueError):
        return Mark.from_json(episode.mark, episode.length).to_json()
    return {}


def open_waiting(root: Path, name: str) -> PendingEpisode:
    """Return a pending episode by the name of its folder."""
    for folder in pending_folders(root):
        if folder.name == name:
            return PendingEpisode.open(folder)
    raise SpoolError(f"no pending episode {name!r}", hint="it has been encoded or discarded: see the dataset")


def waiting_page(episode: PendingEpisode) -> dict[str, Any]:
    """Return what the page of an episode needs, as `lerotool.web.describing.episode_page` does."""
    return {
        "pending": episode.path.name,
        "state": _state(episode),
        "fps": episode.header.fps,
        "frames": episode.length,
        "tasks": [episode.header.task],
        "cameras": [
            camera_entry(number, name, form.width, form.height, is_depth=form.pixel_format in DEPTH_UNITS)
            for number, (name, form) in enumerate(episode.header.cameras.items())
        ],
        "mark": _mark(episode),
        "operator": episode.header.operator,
        "can_mark": False,
    }


def waiting_rows(episode: PendingEpisode) -> dict[str, Any]:
    """Return the numbers of the rows, as `lerotool.web.describing.episode_rows` does."""
    from lerotool.dataset.reading.columns import to_numpy

    table = episode.rows()
    drawn = {name: feature for name, feature in episode.features.items() if is_drawn(name, feature)}
    features = [series(name, feature, to_numpy(table[name], name, feature)) for name, feature in drawn.items()]
    columns: dict[str, np.ndarray | None] = {
        name: np.asarray(table[name].to_numpy()) for name in ("tick_ns", "observed_ns", "stale", "stale_action")
    }
    for camera, column in picture_columns(episode.header.cameras).items():
        with episode.camera(camera) as packets:
            numbers = np.asarray(table[column].to_numpy())
            if len(packets) and packets.captured_ns.any():
                taken = packets.captured_ns[np.clip(numbers, 0, len(packets) - 1)]
                columns[f"picture_age_ns/{camera}"] = np.asarray(table["tick_ns"].to_numpy()) - taken
    return {"features": features, "timing": timing_strip(columns, episode.header.fps, episode.features.get(STATE))}


def waiting_frame(episode: PendingEpisode, camera: str, number: int) -> bytes:
    """Return the picture of a row as JPEG: the camera's own packet where that is one."""
    if not 0 <= number < episode.length:
        raise IndexError(f"no frame {number}: the episode has {episode.length}")
    last = int(episode.rows()[picture_columns([camera])[camera]][number].as_py())
    form = episode.header.cameras[camera]
    with episode.camera(camera) as packets:
        if form.is_upright_jpeg:
            return packets.packet(last)
        decoder, first, frame = PacketDecoder(form), last, None
        if form.codec is StreamCodec.H264:
            first = int(max(np.flatnonzero(packets.keyframes[: last + 1]), default=0))
        for each in range(first, last + 1):
            frame = decoder.decode(packets.packet(each))
        if frame is None:
            raise MediaError(f"packet {last} of {camera!r} has no picture")
        return frame_jpeg(frame, form, FRAME_QUALITY)


def waiting_thumbnail(episode: PendingEpisode) -> bytes:
    """Return a small JPEG from the middle of an episode; raises like `waiting_frame`."""
    data = waiting_frame(episode, next(iter(episode.header.cameras)), episode.length // 2)
    return encode_jpeg(shrunk(decode_image(data)), THUMBNAIL_QUALITY)
