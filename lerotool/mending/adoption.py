"""Loose rows and pictures become pending episodes, which are then encoded like any other."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from lerotool.dataset.info import DatasetInfo
from lerotool.dataset.writing.tables import column_values
from lerotool.errors import IncompatibleDatasetError, LerotoolError
from lerotool.features import Feature, Kind, cameras, columns, picture_size, recorded_features
from lerotool.media.decode import iter_rgb
from lerotool.media.encode import encode_png
from lerotool.media.format import EncoderSettings, StreamCodec, StreamFormat
from lerotool.media.pictures import decode_image
from lerotool.media.video_codecs import VIDEO_CODECS, setting_of
from lerotool.mending.fates import LooseEpisode, RescuePlan
from lerotool.mending.taken_pictures import TakenEpisode
from lerotool.spool.documents import NOT_MEASURED, TIMING, Header
from lerotool.spool.pending import PendingEpisode, list_pending, next_sequence
from lerotool.spool.writer import PendingWriter
from lerotool.storage import remove_directory
from lerotool.workspace import Workspace

_MADE = tuple(codec.name for codec in VIDEO_CODECS if codec.setting is not None)
_DEPTHS = {"uint16": "gray16le", "float32": "grayf32le"}


def make_pending(plan: RescuePlan) -> tuple[list[TakenEpisode], dict[int, LerotoolError]]:
    """Make a pending episode, saved and durable, of every loose one; one that an earlier run has made is used again.

    Returns the episodes, and by number why others cannot be one.
    """
    there = {episode.header.recording_id: episode for episode in list_pending(plan.root)}
    taken: list[TakenEpisode] = []
    failed: dict[int, LerotoolError] = {}
    for episode in plan.loose:
        try:
            taken.append(_make(plan, episode, there))
        except LerotoolError as error:
            failed[episode.number] = error
    return taken, failed


def settings_from(info: DatasetInfo) -> EncoderSettings:
    """Return how the dataset's colour videos are encoded, as far as ``info.json`` says; else LeRobot's defaults."""
    colours = [info.features[key].info for key in cameras(info.features) if not info.features[key].is_depth]
    block = next((block for block in colours if block.get("video.codec") in _MADE), None)
    if block is None:
        return EncoderSettings()
    found = {name: block.get(f"video.{name}") for name in ("pix_fmt", "g", "crf", "preset", "fast_decode")}
    given = {name: value for name, value in found.items() if value is not None}
    return EncoderSettings(vcodec=setting_of(block["video.codec"]), **given)


def _make(plan: RescuePlan, loose: LooseEpisode, there: Mapping[str, PendingEpisode]) -> TakenEpisode:
    rows = loose.source.table().slice(loose.span.start, loose.span.length)
    recording_id = _identify(loose, rows)
    pictures = {
        folder.path.relative_to(plan.root).as_posix(): list(folder.files[: loose.span.length])
        for folder in loose.folders.values()
    }
    old = there.get(recording_id)
    if old is not None and old.saved is None:
        # Left by a run that was interrupted in the middle of making it.
        remove_directory(old.path)
    if old is None or old.saved is None:
        _write(plan, loose, rows, recording_id)
    return TakenEpisode(episode=loose.number, recording_id=recording_id, pictures=pictures)


def _identify(loose: LooseEpisode, rows: pa.Table) -> str:
    """Return an id that the same rows and pictures get every time."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema.remove_metadata()) as stream:
        stream.write_table(rows.replace_schema_metadata(None).combine_chunks())
    digest = hashlib.sha256(sink.getvalue())
    for key, folder in sorted(loose.folders.items()):
        digest.update(f"{key} {folder.path.name} {len(folder.files)}".encode())
    for key, video in sorted(loose.videos.items()):
        digest.update(f"{key} {video.path.name} {video.start}".encode())
    return digest.hexdigest()[:32]


def _write(plan: RescuePlan, loose: LooseEpisode, rows: pa.Table, recording_id: str) -> None:
    info, features = plan.info, recorded_features(plan.info.features)
    sources = [folder.path / folder.files[0] for folder in loose.folders.values()]
    sources += [video.path for video in loose.videos.values()]
    began = min(path.stat().st_mtime for path in sources)
    streams = {key: _stream(folder.path / folder.files[0], key, info) for key, folder in loose.folders.items()}
    streams |= {key: colour_stream(key, info) for key in loose.videos}
    header = Header.build(
        sequence=next_sequence(plan.root, len(plan.kept)),
        fps=info.fps,
        features=features,
        cameras={key: streams[key] for key in cameras(features)},
        encoder=settings_from(info),
        task=plan.tasks[rows["task_index"][0].as_py()],
        robot_type=info.robot_type,
        **{TIMING: NOT_MEASURED, "rescued": {"recorder": "LeRobot", "episode": loose.number}},
    )
    started = datetime.fromtimestamp(began, UTC).isoformat()
    header = header.model_copy(update={"recording_id": recording_id, "started_at": started})
    writer = PendingWriter.create(Workspace(plan.root).pending, header)
    try:
        _fill(writer, loose, _values(rows, features, plan.tasks), info.fps)
        writer.save({"rescued": {"recorder": "LeRobot", "episode": loose.number, "rows": len(rows)}})
    except BaseException:
        writer.discard()
        raise


def _fill(writer: PendingWriter, loose: LooseEpisode, rows: Iterable[tuple[dict[str, Any], str]], fps: float) -> None:
    for key, folder in loose.folders.items():
        for name in folder.files[: loose.span.length]:
            writer.pictures(key).adopt(folder.path / name)
    for key, video in loose.videos.items():
        for rgb in iter_rgb(video.path, video.start, video.start + loose.span.length, fps):
            writer.pictures(key).write(encode_png(rgb), ".png")
    for number, (values, task) in enumerate(rows):
        tick_ns = round(number * 1e9 / fps)
        writer.append_row(
            values,
            task=task,
            tick_ns=tick_ns,
            observed_ns=tick_ns,
            acted_ns=tick_ns,
            pictures=dict.fromkeys(writer.header.cameras, number),
        )


def _stream(path: Path, key: str, info: DatasetInfo) -> StreamFormat:
    stream = colour_stream(key, info)
    if not info.features[key].is_depth:
        return stream
    dtype = str(decode_image(path.read_bytes()).dtype)
    if dtype not in _DEPTHS:
        raise IncompatibleDatasetError(f"{path}: depths are {dtype}, expected {' or '.join(_DEPTHS)}")
    return replace(stream, pixel_format=_DEPTHS[dtype])


def colour_stream(key: str, info: DatasetInfo) -> StreamFormat:
    """Return the format of a camera's picture files."""
    height, width, _ = picture_size(info.features[key])
    return StreamFormat(StreamCodec.PICTURE, width, height, "rgb24", info.fps)


def _values(
    rows: pa.Table, features: Mapping[str, Feature], tasks: tuple[str, ...]
) -> Iterator[tuple[dict[str, Any], str]]:
    found: dict[str, Any] = {}
    for name in columns(features):
        feature = features[name]
        try:
            is_numeric = feature.kind is Kind.NUMERIC
            found[name] = column_values(rows[name], feature) if is_numeric else rows[name].to_pylist()
        except ValueError as error:
            raise IncompatibleDatasetError(f"column {name!r} has {error}") from error
    for number, task in enumerate(rows["task_index"].to_pylist()):
        yield {name: values[number] for name, values in found.items()}, tasks[task]
