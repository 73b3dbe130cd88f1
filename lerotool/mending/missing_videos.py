"""Videos that a v2.1 dataset lacks, encoded from the pictures that its recorder left.

In that format every episode has files of its own. LeRobot's batch mode writes rows, metadata and statistics with each
episode and its videos later; so where it was stopped, all that is missing is the mp4 of a camera.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.history import KeepingStaging
from lerotool.errors import LerotoolError, MediaError
from lerotool.media.encode import VideoEncoder
from lerotool.media.format import EncoderSettings, StreamFormat
from lerotool.media.pictures import PacketDecoder
from lerotool.media.probe import count_packets
from lerotool.mending.adoption import colour_stream, settings_from
from lerotool.mending.fates import NO_ROWS, EpisodeFinding, Fate, Filling, RescuePlan
from lerotool.mending.picture_folders import PictureFolder
from lerotool.mending.taken_pictures import RESCUE, TakenEpisode, move_pictures, rescue_details
from lerotool.workspace import Workspace


def plan_filling(root: Path, folders: Sequence[PictureFolder]) -> RescuePlan:
    """Look which videos can be made for a v2.x dataset."""
    dataset = Dataset.open(root)
    by_episode: dict[int, dict[str, PictureFolder]] = {}
    for folder in folders:
        by_episode.setdefault(folder.episode, {})[folder.camera] = folder
    findings: list[EpisodeFinding] = []
    fillings: list[Filling] = []
    notes: list[str] = []
    for number, group in sorted(by_episode.items()):
        pictures = {key: len(folder.files) for key, folder in group.items()}
        if number >= dataset.num_episodes:
            findings.append(EpisodeFinding(number, Fate.LEFT, 0, 0, pictures, NO_ROWS))
            continue
        length = dataset.episodes[number].length
        missing = {key: folder for key, folder in group.items() if not _video(dataset, number, key).exists()}
        short = [f"{key} has {pictures[key]}" for key in missing if pictures[key] < length]
        if not missing:
            notes.append(f"{next(iter(group.values())).path}: these pictures are in their videos already")
        elif short:
            reason = f"there are not {length} finished pictures for its {length} rows: {', '.join(short)}"
            findings.append(EpisodeFinding(number, Fate.LEFT, length, 0, pictures, reason))
        else:
            findings.append(EpisodeFinding(number, Fate.ENCODED, length, length, pictures))
            fillings += [Filling(folder, _video(dataset, number, key), length) for key, folder in missing.items()]
    return RescuePlan(root, dataset.info, findings=tuple(findings), fillings=tuple(fillings), notes=tuple(notes))


@dataclass(frozen=True, slots=True)
class Filled:
    """What has become of the videos that were missing."""

    failed: Mapping[int, LerotoolError]  # by episode, why its videos could not be made
    pictures: int = 0  # how many picture files were moved into the history
    originals: Path | None = None  # the entry there; None where no video was made


def fill(plan: RescuePlan, executor: Executor) -> Filled:
    """Make the videos and bring them into the dataset in one step, then put away the pictures they were made of.

    The caller holds the writing lock and has swept the staging folder. `OSError`: the disk is full or fails; nothing
    has changed.
    """
    failed: dict[int, LerotoolError] = {}
    with KeepingStaging(Workspace(plan.root), RESCUE) as staging:
        jobs = [(filling, staging.reserve(filling.target)) for filling in plan.fillings]
        futures = [_submit(executor, plan, filling, path) for filling, path in jobs]
        for (filling, _), future in zip(jobs, futures, strict=True):
            if (error := _failure(future)) is not None:
                failed.setdefault(filling.folder.episode, error)
        done = [(filling, path) for filling, path in jobs if filling.folder.episode not in failed]
        taken = [_taken(filling, plan.root) for filling, _ in done]
        for filling, path in done:
            staging.move(path, filling.target)
        staging.details = rescue_details(plan, taken, staging)
        entry = staging.record()
    if entry is None:
        return Filled(failed)
    moved = [
        move_pictures(plan.root, entry, episode)
        for (filling, _), episode in zip(done, taken, strict=True)
        if count_packets(filling.target) == filling.length
    ]
    return Filled(failed, sum(moved), entry.folder)


def _taken(filling: Filling, root: Path) -> TakenEpisode:
    folder = filling.folder
    names = {folder.path.relative_to(root).as_posix(): list(folder.files[: filling.length])}
    return TakenEpisode(episode=folder.episode, recording_id=None, pictures=names)


def encode_folder(
    folder: Path, names: Sequence[str], stream: StreamFormat, settings: EncoderSettings, target: Path
) -> None:
    """Encode picture files, one frame each, into an mp4 that is durable."""
    decoder = PacketDecoder(stream)
    with VideoEncoder(target, stream.width, stream.height, stream.fps, settings) as encoder:
        for name in names:
            try:
                encoder.write(decoder.decode((folder / name).read_bytes()))
            except MediaError as error:
                raise MediaError(f"{folder / name}: {error}") from error
    frames = count_packets(target)
    if frames != len(names):
        raise MediaError(f"{folder}: expected one frame for each of {len(names)} pictures, found {frames}")


def _submit(executor: Executor, plan: RescuePlan, filling: Filling, target: Path) -> Future[None]:
    folder, names = filling.folder, filling.folder.files[: filling.length]
    stream = colour_stream(folder.camera, plan.info)
    return executor.submit(encode_folder, folder.path, names, stream, settings_from(plan.info), target)


def _failure(future: Future[None]) -> LerotoolError | None:
    try:
        future.result()
    except LerotoolError as error:
        return error
    return None


def _video(dataset: Dataset, episode: int, camera: str) -> Path:
    return dataset.layout.video_path(camera, episode // dataset.info.chunks_size, episode)
