"""`DatasetWriter`: record a LeRobot dataset from Python, with the names that LeRobot's users know.

    with DatasetWriter.create("data/pick", fps=30, features=features, robot_type="so101", batch=10) as writer:
        for _ in range(episodes):
            for observation in robot:
                writer.add_frame(observation, task="pick up the cube")
            writer.save_episode()

Every frame goes to the disk as it comes. When `save_episode` returns, that episode survives ``kill -9`` and a power
cut. It becomes part of the dataset after every ``batch`` episodes and at the end.

A video picture waits as raw yuv420p until it is encoded: 461 kB for 640x480, that is 14 MB a second and camera at 30
fps. So the picture statistics are those of that yuv420p, as close to the RGB given as 4:2:0 colour is. Depths wait as
they are, uint16 millimetres or float32 metres, and become 12-bit codes when they are encoded, as LeRobot has it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lerotool.arguments import as_count, as_instance, as_path, as_rate, as_text
from lerotool.choices import Priority
from lerotool.dataset.info import INFO, load_info
from lerotool.dataset.writing.appender import DatasetAppender
from lerotool.dataset.writing.staging import finish_interrupted
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.errors import (
    DatasetNotFoundError,
    IncompatibleDatasetError,
    IncompleteError,
    MetadataError,
    TargetExistsError,
    UnsupportedVersionError,
    UsageError,
)
from lerotool.execution import ProcessExecutor, cores
from lerotool.features import Feature, Kind, cameras, parse_features, picture_size, recorded_features, with_defaults
from lerotool.media.array_pictures import GivenPictures
from lerotool.media.encode import require_sizes
from lerotool.media.format import EncoderSettings
from lerotool.spool.documents import NOT_MEASURED, TIMING, Header
from lerotool.spool.pending import list_pending, next_sequence, remove_leftovers
from lerotool.spool.writer import PendingWriter
from lerotool.storage import ProcessLock
from lerotool.wording import as_argument, is_unicode
from lerotool.workspace import Workspace

_TOLERANCE_S = 1e-4


class DatasetWriter:
    """Writes one dataset; made by `create` or `resume`, ended by `finalize` or the ``with`` block.

    When the block ends by an exception nothing is encoded and nothing is deleted: saved episodes stay pending, the
    frames of the episode in progress can be salvaged; ``lerotool encode --pending`` or `resume` go on from there.
    """

    def __init__(
        self,
        root: Path,
        lock: ProcessLock,
        *,
        fps: float,
        features: Mapping[str, Feature],
        robot_type: str | None,
        batch: int,
        encoder: EncoderSettings,
        jobs: int | None,
    ) -> None:
        self.root = root
        self.fps = fps
        self.features = with_defaults(features)
        self.robot_type = robot_type
        self._lock = lock
        self._batch = batch
        self._encoder = encoder
        self._jobs = jobs
        self._recorded = recorded_features(self.features)
        self._committed = load_info(root).total_episodes if (root / INFO).exists() else 0
        self._waiting = len(list_pending(root))
        self._episode: PendingWriter | None = None
        self._pictures = {
            key: GivenPictures(key, feature) for key, feature in self._recorded.items() if feature.is_camera
        }
        self._executor: ProcessExecutor | None = None

    @classmethod
    def create(
        cls,
        root: Path | str,
        *,
        fps: float,
        features: Mapping[str, Any],
        robot_type: str | None = None,
        batch: int = 1,
        encoder: EncoderSettings | None = None,
        jobs: int | None = None,
    ) -> Self:
        """Begin a new dataset.

        Args:
            root: a folder that does not exist or is empty.
            fps: frames a second.
            features: by name, as LeRobot takes them (``{"dtype": …, "shape": …, "names": …}``); the default columns are
                added.
            robot_type: of the robot.
            batch: encode after so many saved episodes; 1 encodes each at once, 0 leaves all pending for
                ``lerotool encode --pending``, also at the end.
            encoder: how videos are encoded.
            jobs: how many videos are encoded at a time; None is one per core.

        Raises:
            UsageError: an argument is not what it should be.
            TargetExistsError: there is something already; pending episodes count.
            MetadataError: a feature cannot be understood.
            IncompatibleDatasetError: a feature cannot be recorded.
            MediaError: the encoder does not take pictures of such a size.
            DatasetLockedError: another process writes or records there.
        """
        root = Path(os.path.abspath(as_path("root", root)))  # noqa: PTH100 - links must stay as they are
        fps = as_rate("fps", fps)
        robot_type = None if robot_type is None else as_text("robot_type", robot_type)
        options = _options(batch, encoder, jobs)
        known = _parse(features)
        _require_sizes(options["encoder"], known)
        # First of all, because it leaves nothing behind in a folder that it refuses.
        DatasetAppender.create(root, fps, known, robot_type).close()
        lock = _lock(root)
        try:
            _refuse_pending(root)
            return cls(root, lock, fps=fps, features=known, robot_type=robot_type, **options)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def resume(
        cls, root: Path | str, *, batch: int = 1, encoder: EncoderSettings | None = None, jobs: int | None = None
    ) -> Self:
        """Go on with a dataset, or with pending episodes that no dataset was made from yet.

        Args:
            root: its folder.
            batch: as in `create`.
            encoder: as in `create`.
            jobs: as in `create`.

        Raises:
            UsageError: an argument is not what it should be.
            DatasetNotFoundError: there is neither.
            UnsupportedVersionError: it is not v3.0.
            MediaError: the encoder does not take pictures of its size.
            DatasetLockedError: another process writes or records there.
        """
        root = Path(os.path.abspath(as_path("root", root)))  # noqa: PTH100
        options = _options(batch, encoder, jobs)
        if not root.is_dir():
            raise DatasetNotFoundError(f"no dataset found at {str(root)!r}")
        lock = _lock(root)
        try:
            finish_interrupted(Workspace(root))
            fps, features, robot_type = _found(root)
            _require_sizes(options["encoder"], features)
            return cls(root, lock, fps=fps, features=features, robot_type=robot_type, **options)
        except BaseException:
            lock.release()
            raise

    @property
    def num_episodes(self) -> int:
        """Episodes saved so far, those that wait to be encoded included."""
        return self._committed + self._waiting

    @property
    def is_open(self) -> bool:
        """Whether it goes on recording."""
        return self._lock.is_held

    @property
    def num_frames(self) -> int:
        """Frames of the episode in progress."""
        return self._episode.count if self._episode else 0

    def add_frame(self, frame: Mapping[str, Any], task: str | None = None) -> None:
        """Add one frame to the episode in progress.

        Args:
            frame: a value for every feature but the default ones: for cameras a uint8 RGB array of the feature's
                shape, or depths as uint16 millimetres or float32 metres; for the others an array of the feature's dtype
                and shape, a number, a bool or a text. May hold ``task`` too.
            task: what the robot is doing.

        Raises:
            IncompatibleDatasetError: a value is missing, unknown or not what its feature says; nothing is added.
            UsageError: no task was given, or the writer is closed.
            OSError: the disk is full; the frames before are all there.
        """
        self._check_open()
        values = dict(as_instance("the frame", frame, Mapping, "values by feature"))
        task = _task(values.pop("task", None), task)
        self._check_names(values)
        videos = [key for key, given in self._pictures.items() if given.is_video]
        pictures = {key: self._pictures[key].check(_as_array(values.pop(key))) for key in videos}
        columns = {name: self._value(name, value) for name, value in values.items()}
        for key, picture in pictures.items():
            self._pictures[key].settle(picture)
        episode = self._episode or self._begin(task)
        time_ns = round(episode.count * 1_000_000_000 / self.fps)
        numbers = {
            key: episode.camera(key).append(self._pictures[key].packet(picture), time_ns)
            for key, picture in pictures.items()
        }
        episode.append_row(columns, task=task, tick_ns=time_ns, observed_ns=time_ns, acted_ns=time_ns, pictures=numbers)

    def save_episode(self) -> None:
        """End the episode in progress; on return it survives a power cut. Every ``batch`` episodes are then encoded.

        Raises:
            UsageError: no frame was added.
            IncompleteError: an episode could not be encoded; it stays pending.
            OSError: the disk is full; what was written before is all there.
        """
        self._check_open()
        if self._episode is None:
            raise UsageError("no frames to save", hint="call add_frame() first")
        self._episode.save({})
        self._episode = None
        self._waiting += 1
        if self._batch and self._waiting >= self._batch:
            self._encode(pack=False)

    def encode(self) -> None:
        """Encode the saved episodes that wait, without waiting for ``batch`` of them.

        Raises:
            UsageError: the writer is closed.
            IncompleteError: an episode could not be encoded; it stays pending.
        """
        self._check_open()
        if self._waiting:
            self._encode(pack=False)

    def clear_episode(self) -> None:
        """Throw the frames of the episode in progress away."""
        if self._episode is not None:
            self._episode.discard()
            self._episode = None

    discard_episode = clear_episode

    def finalize(self) -> None:
        """Encode what waits, pack the dataset's small files and close the writer. Without effect the second time.

        With ``batch=0`` nothing is encoded: ``lerotool encode --pending`` does it later.

        Raises:
            UsageError: frames were added after the last `save_episode`; they stay on the disk and can be salvaged.
            IncompleteError: an episode could not be encoded; it stays pending.
        """
        if not self._lock.is_held:
            return
        unsaved = self._episode
        try:
            if unsaved is not None:
                unsaved.close()
            if self._batch:
                self._encode(pack=True)
        finally:
            self.close()
        if unsaved is not None:
            raise UsageError(
                f"{unsaved.count} frames were added and not saved; they wait in {str(unsaved.path)!r}",
                hint=f"call save_episode() or clear_episode() before; to keep them: "
                f"lerotool encode --pending --salvage {as_argument(self.root)}",
            )

    def close(self) -> None:
        """Close the writer and leave everything as it is: what was saved stays pending."""
        if self._episode is not None:
            self._episode.close()
            self._episode = None
        if self._executor is not None:
            self._executor.kill()
            self._executor = None
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.finalize()
        else:
            self.close()

    def _begin(self, task: str) -> PendingWriter:
        self.features = {**self.features, **{key: given.feature for key, given in self._pictures.items()}}
        header = Header.build(
            sequence=next_sequence(self.root, self._committed),
            fps=self.fps,
            features={**self._recorded, **{key: given.feature for key, given in self._pictures.items()}},
            cameras={
                key: given.begin(self.fps, self._encoder) for key, given in self._pictures.items() if given.is_video
            },
            encoder=self._encoder,
            task=task,
            robot_type=self.robot_type,
            **{TIMING: NOT_MEASURED},
        )
        self._episode = PendingWriter.create(Workspace(self.root).pending, header)
        return self._episode

    def _encode(self, *, pack: bool) -> None:
        if self._executor is None:
            self._executor = ProcessExecutor(self._jobs or cores(), Priority.LOW)
        options = EncodeOptions(jobs=self._jobs, pack=pack)
        report = encode_pending(self.root, options, executor=self._executor)
        self._committed += report.episodes
        self._waiting -= report.episodes
        if report.failures:
            reasons = "; ".join(f"{left.episode}: {left.reason}" for left in report.failures[:10])
            raise IncompleteError(
                f"{len(report.failures)} episodes could not be encoded and stay pending: {reasons}",
                hint=report.failures[0].hint,
            )

    def _check_open(self) -> None:
        if not self._lock.is_held:
            raise UsageError(f"the writer of {str(self.root)!r} is closed")

    def _check_names(self, values: dict[str, Any]) -> None:
        if "timestamp" in values:
            expected, found = self.num_frames / self.fps, _seconds(values.pop("timestamp"))
            if abs(found - expected) > _TOLERANCE_S:
                raise IncompatibleDatasetError(
                    f"feature 'timestamp': frame {self.num_frames} is at {found} s, expected {expected:.4f} s",
                    hint="leave timestamp out: frames lie at frame_index / fps",
                )
        problems = [f"feature {name!r} is missing" for name in self._recorded if name not in values]
        problems += [f"feature {name!r} is not one of the dataset's" for name in values if name not in self._recorded]
        if problems:
            raise IncompatibleDatasetError("; ".join(problems), hint=f"features are: {', '.join(self._recorded)}")

    def _value(self, name: str, value: object) -> object:
        if self._recorded[name].kind is not Kind.IMAGE:
            array = _as_array(value)
            if isinstance(array, float | np.ndarray | np.generic) and not _is_finite(array):
                raise IncompatibleDatasetError(
                    f"feature {name!r}, frame {self.num_frames} of the episode: expected numbers, found {value!r}",
                    hint="NaN and infinity cannot be normalised; leave the frame out or fill the gap",
                )
            return array
        if isinstance(value, bytes | Mapping):
            return value
        given = self._pictures[name]
        picture = given.check(_as_array(value))
        given.settle(picture)
        return given.image(picture, self.num_frames)


def _options(batch: int, encoder: EncoderSettings | None, jobs: int | None) -> dict[str, Any]:
    if encoder is not None:
        as_instance("encoder", encoder, EncoderSettings, "EncoderSettings(…)").check()
    return {
        "batch": as_count("batch", batch, 0),
        "encoder": encoder or EncoderSettings(),
        "jobs": None if jobs is None else as_count("jobs", jobs, 1),
    }


def _require_sizes(encoder: EncoderSettings, features: Mapping[str, Feature]) -> None:
    coloured = [key for key in cameras(features) if not features[key].is_depth]
    require_sizes(encoder, {key: picture_size(features[key])[:2] for key in coloured})


def _parse(features: Mapping[str, Any]) -> dict[str, Feature]:
    as_instance("features", features, Mapping, "entries by name")
    entries = {
        as_text("a feature's name", name): entry.to_json() if isinstance(entry, Feature) else entry
        for name, entry in features.items()
    }
    known = parse_features({name: _plain(entry) for name, entry in entries.items()})
    for name, feature in known.items():
        try:
            json.dumps(feature.to_json())
        except (TypeError, ValueError, RecursionError) as error:
            raise MetadataError(f"feature {name!r} cannot be written into info.json: {error}") from None
    for name, feature in recorded_features(known).items():
        if feature.is_camera:
            GivenPictures(name, feature)
    return known


def _plain(entry: Any) -> Any:
    """Return a feature entry with lists for tuples and plain numbers for numpy's, as a file would have it."""
    if isinstance(entry, Mapping):
        return {key: _plain(value) for key, value in entry.items()}
    if isinstance(entry, list | tuple):
        return [_plain(value) for value in entry]
    if isinstance(entry, np.dtype) or (isinstance(entry, type) and issubclass(entry, np.generic)):
        return np.dtype(entry).name
    return entry.item() if isinstance(entry, np.generic) else entry


def _as_array(value: object) -> object:
    """Return tensors and other array-likes as arrays, everything else as it is."""
    if isinstance(value, np.ndarray | np.generic) or not hasattr(value, "__array__"):
        return value
    return np.asarray(value)


def _is_finite(value: float | npt.NDArray[Any] | np.generic) -> bool:
    array = np.asarray(value)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _task(in_frame: object, given: str | None) -> str:
    task = given if in_frame is None else in_frame
    if in_frame is not None and given is not None and in_frame != given:
        raise UsageError(f"two tasks for one frame: {given!r} and {in_frame!r}")
    if not isinstance(task, str):
        raise UsageError(f"the task is {task!r}, expected a text", hint='add_frame({...}, task="what the robot does")')
    if not is_unicode(task):
        raise UsageError(f"the task is {task!r}, expected Unicode text")
    return task


def _seconds(value: object) -> float:
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "iuf":
        raise IncompatibleDatasetError(
            f"feature 'timestamp': expected a number of seconds, found {value!r}",
            hint="leave timestamp out: frames lie at frame_index / fps",
        )
    return float(array.reshape(()))


def _lock(root: Path) -> ProcessLock:
    lock = Workspace(root).lock_for_recording("recording")
    lock.acquire()
    remove_leftovers(root)
    return lock


def _refuse_pending(root: Path) -> None:
    if list_pending(root):
        raise TargetExistsError(
            f"{str(root)!r} has pending episodes already", hint="go on with resume(), or encode them first"
        )


def _found(root: Path) -> tuple[float, dict[str, Feature], str | None]:
    """Return rate, features and robot of a dataset, or of the pending episodes that will become one."""
    if (root / INFO).exists():
        info = load_info(root)
        if not info.codebase_version.can_grow:
            raise UnsupportedVersionError(f"{str(root)!r} is {info.codebase_version}, only v3.0 can be written")
        return info.fps, _parse(info.features), info.robot_type
    for episode in list_pending(root):
        header = episode.header
        return header.fps, _parse(header.recorded), header.robot_type
    raise DatasetNotFoundError(
        f"no dataset found at {str(root)!r}, and nothing pending", hint="begin one there with create()"
    )
