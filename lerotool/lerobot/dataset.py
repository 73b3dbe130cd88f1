"""``LeRobotDataset`` for recording: LeRobot's names and parameters over `DatasetWriter`."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from lerotool.arguments import as_count, as_path, as_text
from lerotool.dataset.info import INFO
from lerotool.errors import IncompatibleDatasetError, UsageError
from lerotool.features import recorded_features
from lerotool.lerobot.loading import LOADED, TooEarlyError, load, own_class, own_metadata
from lerotool.lerobot.metadata import LeRobotDatasetMetadata, forget_begun, read_begun, write_begun
from lerotool.lerobot.settings import check_sizes, read_encoder, read_push_options, say_without_effect
from lerotool.lerobot.values import FrameError, as_array, check_names, plain_values
from lerotool.media.format import EncoderSettings
from lerotool.spool.pending import list_pending
from lerotool.wording import as_argument, counted
from lerotool.workspace import lerobot_home
from lerotool.writer import DatasetWriter

_OWN = ("timestamp", "frame_index", "episode_index", "index", "task_index")


class LeRobotDataset:
    """A dataset that is recorded. Made by `create` or `resume`; opened by its name it is resumed at the first frame.

    Every frame goes to the disk as it comes, and a saved episode survives ``kill -9``. Rows for training are LeRobot's
    business: ``lerobot.datasets.LeRobotDataset`` loads what is written here, and where `patch` has replaced it, this
    class asks it for them.

    Args:
        repo_id: ``user/name``.
        root: the dataset's folder; None is ``repo_id`` in the LeRobot home.
        batch_encoding_size: encode after so many saved episodes.
        vcodec: the encoder, as LeRobot up to 0.5 takes it.
        rgb_encoder: LeRobot's ``RGBEncoderConfig``, or a mapping of its settings.
        others: parameters of LeRobot's without effect here; where `patch` has found LeRobot, those of its loading.

    Attributes:
        repo_id: as given.
        root: the folder.
        meta: what is known of the dataset.
    """

    def __init__(
        self,
        repo_id: str,
        root: Path | str | None = None,
        *,
        batch_encoding_size: int = 1,
        vcodec: str | None = None,
        rgb_encoder: object = None,
        **others: object,
    ) -> None:
        self.repo_id = as_text("repo_id", repo_id)
        self._batch = batch_encoding_size
        self._encoder = read_encoder(rgb_encoder, None, vcodec)
        self._writer: DatasetWriter | None = None
        self._tasks: set[str] = set()
        self._loaded: Any = None
        self.meta: Any
        self.root = _folder(repo_id, root)
        # LeRobot does not know of episodes that wait.
        if own_class() is not None and not list_pending(self.root):
            self._loaded = load(repo_id, root, **others)
            self.root, self.meta = Path(self._loaded.root), self._loaded.meta
            return
        say_without_effect(others)
        self.meta = LeRobotDatasetMetadata(self.repo_id, self.root)
        _ = self.meta.fps  # raises where there is no dataset

    @classmethod
    def create(
        cls,
        repo_id: str,
        fps: float,
        features: Mapping[str, Any],
        root: Path | str | None = None,
        robot_type: str | None = None,
        use_videos: bool = True,
        *,
        batch_encoding_size: int = 1,
        rgb_encoder: object = None,
        depth_encoder: object = None,
        vcodec: str | None = None,
        video_files_size_in_mb: int | None = None,
        data_files_size_in_mb: int | None = None,
        **others: object,
    ) -> Self:
        """Begin a new dataset.

        Args:
            repo_id: ``user/name``.
            fps: frames a second.
            features: as LeRobot takes them.
            root: a folder that does not exist or is empty; None is ``repo_id`` in the LeRobot home.
            robot_type: of the robot.
            use_videos: False where no feature is a video.
            batch_encoding_size: encode after so many saved episodes.
            rgb_encoder: LeRobot's ``RGBEncoderConfig``, or a mapping of its settings.
            depth_encoder: depths are encoded as LeRobot's default does; anything else is refused.
            vcodec: the encoder, as LeRobot up to 0.5 takes it.
            video_files_size_in_mb: LeRobot's default, 200, or None.
            data_files_size_in_mb: LeRobot's default, 100, or None.
            others: parameters of LeRobot's without effect here.

        Raises:
            UsageError: an argument is not what it should be, or cannot be honoured.
            TargetExistsError: there is something already.
            MetadataError: a feature cannot be understood.
            IncompatibleDatasetError: a feature cannot be recorded.
        """
        say_without_effect(others)
        check_sizes(video_files_size_in_mb=video_files_size_in_mb, data_files_size_in_mb=data_files_size_in_mb)
        videos = [name for name, entry in features.items() if entry.get("dtype") == "video"]
        if videos and not use_videos:
            raise UsageError(
                f"use_videos is False, and {', '.join(videos)} are videos", hint='give their dtype as "image"'
            )
        folder = _folder(as_text("repo_id", repo_id), root)
        encoder = read_encoder(rgb_encoder, depth_encoder, vcodec)
        writer = DatasetWriter.create(
            folder,
            fps=fps,
            features=features,
            robot_type=robot_type,
            batch=_batch(batch_encoding_size),
            encoder=encoder,
        )
        write_begun(writer)
        return cls._recording(repo_id, writer, batch_encoding_size, encoder)

    @classmethod
    def resume(
        cls,
        repo_id: str,
        root: Path | str | None = None,
        *,
        batch_encoding_size: int = 1,
        rgb_encoder: object = None,
        depth_encoder: object = None,
        vcodec: str | None = None,
        **others: object,
    ) -> Self:
        """Go on with a dataset; parameters as of `create`.

        Raises:
            UsageError: an argument is not what it should be.
            DatasetNotFoundError: no dataset was found.
            DatasetLockedError: another process records into it.
        """
        say_without_effect(others)
        encoder = read_encoder(rgb_encoder, depth_encoder, vcodec)
        folder, batch = _folder(repo_id, root), _batch(batch_encoding_size)
        begun = read_begun(folder)
        if begun is None:
            writer = DatasetWriter.resume(folder, batch=batch, encoder=encoder)
        else:
            writer = DatasetWriter.create(folder, **begun, batch=batch, encoder=encoder)
        return cls._recording(repo_id, writer, batch_encoding_size, encoder)

    @classmethod
    def _recording(cls, repo_id: str, writer: DatasetWriter, batch: int, encoder: EncoderSettings) -> Self:
        dataset = cls.__new__(cls)
        dataset.repo_id, dataset.root = repo_id, writer.root
        dataset._batch, dataset._encoder, dataset._tasks, dataset._loaded = batch, encoder, set(), None
        dataset._attach(writer)
        return dataset

    def _attach(self, writer: DatasetWriter) -> None:
        self._writer, self._loaded = writer, None
        self.meta = LeRobotDatasetMetadata(self.repo_id, self.root, writer)
        # Scripts for LeRobot often end without finalize().
        weakref.finalize(self, _leave, writer)

    def _recorder(self) -> DatasetWriter:
        if self._writer is None:
            self._attach(DatasetWriter.resume(self.root, batch=_batch(self._batch), encoder=self._encoder))
        assert self._writer is not None
        return self._writer

    # Recording.

    def add_frame(self, frame: Mapping[str, Any], task: str | None = None, timestamp: object = None) -> None:
        """Add one frame to the episode in progress.

        Args:
            frame: a value for every feature, and ``task``; arrays, tensors, PIL pictures, numbers and texts.
            task: as LeRobot 0.3 takes it, beside the frame.
            timestamp: seconds; must be ``frame_index / fps``.

        Raises:
            FrameError: a value is missing, unknown or not what its feature says; nothing is added. A ValueError.
        """
        writer = self._recorder()
        values = plain_values(frame, writer.features)
        recorded = recorded_features(writer.features)
        if "task" not in recorded:
            task = values.pop("task", task)
        if timestamp is not None:
            values["timestamp"] = as_array(timestamp)
        if given := [name for name in _OWN[1:] if name in values]:
            raise FrameError(f"{', '.join(given)}: these are counted by the dataset", hint="leave them out")
        check_names({**values, "task": task} if task is not None else values, [*recorded, "task"])
        try:
            writer.add_frame(values, task=task)
        except IncompatibleDatasetError as error:
            raise FrameError(f"Feature mismatch in `frame` dictionary:\n{error.message}", hint=error.hint) from error
        self._tasks.add(str(task))

    def save_episode(self, episode_data: object = None, task: str | None = None, **others: object) -> None:
        """End the episode in progress; on return it survives a power cut.

        Args:
            episode_data: only None; LeRobot takes a buffer of its own here.
            task: the one that all frames have, or None.
            others: parameters of LeRobot's without effect here.

        Raises:
            UsageError: no frame was added, a buffer is given, or frames have another task.
            IncompleteError: an episode could not be encoded; it stays pending.
        """
        if episode_data is not None:
            raise UsageError(
                "save_episode() was given a buffer, and frames are on the disk already",
                hint="add its frames with add_frame()",
            )
        if task is not None and self._tasks - {task}:
            given = ", ".join(map(repr, sorted(self._tasks)))
            raise UsageError(
                f"save_episode() was given the task {task!r}, and frames have {given}",
                hint="give the task with every frame",
            )
        say_without_effect(others)
        recorder = self._recorder()
        recorder.save_episode()
        forget_begun(recorder.root)
        self._tasks.clear()

    def clear_episode_buffer(self, **others: object) -> None:
        """Throw the frames of the episode in progress away."""
        say_without_effect(others)
        self._recorder().clear_episode()
        self._tasks.clear()

    def has_pending_frames(self) -> bool:
        """Whether frames were added after the last saved episode."""
        return self._writer is not None and self._writer.num_frames > 0

    def finalize(self) -> None:
        """Encode what waits, pack small files and end the recording. Without effect the second time."""
        if self._writer is not None and self._writer.is_open:
            self._writer.finalize()
            if (self.root / INFO).exists() and not list_pending(self.root):
                self.meta = own_metadata(self.repo_id, self.root) or self.meta

    def consolidate(self, **others: object) -> None:
        """End the recording, as LeRobot 0.1 called it."""
        say_without_effect(others)
        self.finalize()

    def close(self) -> None:
        """End the recording and leave what waits as it is: ``lerotool encode --pending`` encodes it later."""
        if self._writer is not None:
            self._writer.close()

    def encode_videos(self) -> None:
        """Encode what waits now."""
        self._recorder().encode()

    def batch_encode_videos(self, start_episode: int = 0, end_episode: int | None = None) -> None:
        """Encode what waits now, all of it whichever episodes are named."""
        del start_episode, end_episode
        self._recorder().encode()

    def start_image_writer(self, num_processes: int = 0, num_threads: int = 4) -> None:
        """Do nothing: pictures go to the disk as they come."""
        del num_processes, num_threads

    def stop_image_writer(self) -> None:
        """Do nothing: pictures go to the disk as they come."""

    # What is there.

    @property
    def fps(self) -> float:
        """Frames a second."""
        fps: float = self.meta.fps
        return fps

    @property
    def features(self) -> dict[str, dict[str, Any]]:
        """Features as ``info.json`` has them."""
        features: dict[str, dict[str, Any]] = self.meta.features
        return features

    @property
    def num_episodes(self) -> int:
        """Saved episodes, those that wait to be encoded included; of a loaded dataset those that were chosen."""
        return int(self.meta.total_episodes if self._loaded is None else self._loaded.num_episodes)

    @property
    def num_frames(self) -> int:
        """Rows of all these episodes."""
        return int(self.meta.total_frames if self._loaded is None else self._loaded.num_frames)

    @property
    def episode_buffer(self) -> dict[str, int]:
        """The size and number of the episode in progress; its values are on the disk."""
        size = 0 if self._writer is None else self._writer.num_frames
        return {"size": size, "episode_index": self.num_episodes}

    def __len__(self) -> int:
        return self.num_frames

    def push_to_hub(self, **options: Any) -> None:
        """End the recording and upload the dataset, as `lerotool.push` does it.

        Args:
            options: LeRobot's: ``private``, ``tags``, ``license``, ``branch``; those of its uploads have no effect.

        Raises:
            UsageError: an option is not known.
        """
        self.finalize()
        meant = read_push_options(options)
        from lerotool.sharing.api import push

        push(self.root, self.repo_id, **meant)

    # Loading is LeRobot's.

    def _reading(self) -> Any:
        """Return LeRobot's own dataset."""
        if self._loaded is None:
            if own_class() is not None and self._writer is not None and self._writer.is_open:
                raise TooEarlyError("rows cannot be read before finalize(): the dataset is being recorded")
            self._loaded = load(self.repo_id, self.root)
        return self._loaded

    def __getitem__(self, index: Any) -> Any:
        return self._reading()[index]

    def __getattr__(self, name: str) -> Any:
        if name in LOADED:
            return getattr(self._reading(), name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    @property
    def writer(self) -> Self | None:
        """The dataset itself while it is recorded: LeRobot 0.6 has ``episode_buffer`` there, too."""
        return None if self._writer is None else self

    @property
    def reader(self) -> Any:
        """What LeRobot reads with; None while the dataset is recorded."""
        return None if self._loaded is None else self._loaded.reader

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.finalize()
        else:
            self.close()

    def __repr__(self) -> str:
        return f"LeRobotDataset(repo_id={self.repo_id!r}, root={str(self.root)!r}, episodes={self.num_episodes})"


class VideoEncodingManager:
    """Ends a recording well: what waits is encoded at a good end, and kept pending after an exception.

    Args:
        dataset: what is recorded.
    """

    def __init__(self, dataset: LeRobotDataset) -> None:
        self.dataset = dataset

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.dataset.__exit__(kind)


def _folder(repo_id: str, root: Path | str | None) -> Path:
    return lerobot_home() / repo_id if root is None else as_path("root", root)


def _batch(size: object) -> int:
    return as_count("batch_encoding_size", size, 1)


def _leave(writer: DatasetWriter) -> None:
    """Close a writer that nobody ended, and say what is left."""
    writer.close()
    if waiting := len(list_pending(writer.root)):
        sys.stderr.write(
            f"lerotool: {counted(waiting, 'episode')} of {writer.root} not encoded yet, because finalize() was not "
            f"called; encode with: lerotool encode --pending {as_argument(writer.root)}\n"
        )
