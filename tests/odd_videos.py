"""v2.1 datasets whose videos are as other programs make them; every picture says its episode and number."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.dataset import Dataset
from tests.media.pictures import HEIGHT, WIDTH, number_of, numbered

CAMERA = "observation.images.front"
LENGTHS = (8, 12, 9)
_EPISODE = 30
WriteVideo = Callable[[Path, int, int], None]
"""Writes the video of an episode: path, number of the episode, rows."""


def write_video(
    path: Path,
    episode: int,
    frames: int,
    *,
    fps: float = 10,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    times_ms: Callable[[int], int] | None = None,
    muxing: dict[str, str] | None = None,
    has_audio: bool = False,
) -> None:
    """Write a video whose picture k says ``30 * episode + k``."""
    with av.open(str(path), "w", options=muxing or {}) as output:
        stream = output.add_stream(codec, Fraction(fps).limit_denominator(1001), options=options or {"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pix_fmt
        if times_ms is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        sound = output.add_stream("aac", 44100) if has_audio else None
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(numbered(_EPISODE * episode + number), format="rgb24")
            if times_ms is not None:
                frame.pts, frame.time_base = times_ms(number), Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            samples.sample_rate, samples.pts = 44100, 0
            output.mux(sound.encode(samples))
            output.mux(sound.encode(None))


def make_v21(root: Path, write: WriteVideo, *, fps: float = 10, pix_fmt: str = "yuv420p", codec: str = "h264") -> Path:
    """Make a dataset of three episodes with one camera."""
    names = ["a.pos", "b.pos"]
    own = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64"}
    features = {
        "action": {"dtype": "float32", "shape": [2], "names": names},
        "observation.state": {"dtype": "float32", "shape": [2], "names": names},
        CAMERA: {
            "dtype": "video",
            "shape": [HEIGHT, WIDTH, 3],
            "names": ["height", "width", "channels"],
            "info": {"video.height": HEIGHT, "video.width": WIDTH, "video.codec": codec, "video.pix_fmt": pix_fmt},
        },
        **{name: {"dtype": dtype, "shape": [1], "names": None} for name, dtype in own.items()},
        "task_index": {"dtype": "int64", "shape": [1], "names": None},
    }
    (root / "meta").mkdir(parents=True)
    data, videos = root / "data/chunk-000", root / f"videos/chunk-000/{CAMERA}"
    data.mkdir(parents=True)
    videos.mkdir(parents=True)
    starts = np.cumsum([0, *LENGTHS]).tolist()
    lines: dict[str, list[object]] = {
        "tasks": [{"task_index": 0, "task": "look"}],
        "episodes": [],
        "episodes_stats": [],
    }
    for episode, count in enumerate(LENGTHS):
        frames = np.arange(count)
        vector = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(2 * count, dtype=np.float32)), 2)
        columns = {
            "action": vector,
            "observation.state": vector,
            "timestamp": (frames / fps).astype(np.float32),
            "frame_index": frames,
            "episode_index": np.full(count, episode),
            "index": frames + starts[episode],
            "task_index": np.zeros(count, np.int64),
        }
        pq.write_table(pa.table(columns), data / f"episode_{episode:06d}.parquet")
        write(videos / f"episode_{episode:06d}.mp4", episode, count)
        lines["episodes"].append({"episode_index": episode, "tasks": ["look"], "length": count})
        lines["episodes_stats"].append({"episode_index": episode, "stats": _stats(columns, count)})
    for name, entries in lines.items():
        (root / f"meta/{name}.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    info = {
        "codebase_version": "v2.1",
        "robot_type": "so_follower",
        "total_episodes": len(LENGTHS),
        "total_frames": starts[-1],
        "total_tasks": 1,
        "total_videos": len(LENGTHS),
        "total_chunks": 1,
        "chunks_size": 1000,
        "fps": fps,
        "splits": {"train": f"0:{len(LENGTHS)}"},
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        "features": features,
    }
    (root / "meta/info.json").write_text(json.dumps(info))
    return root


def _stats(columns: dict[str, object], count: int) -> dict[str, object]:
    stats: dict[str, object] = {}
    for name, values in columns.items():
        flat = values.flatten().to_numpy() if isinstance(values, pa.Array) else values
        array = np.asarray(flat, np.float64).reshape(count, -1)
        parts = {part: getattr(array, part)(axis=0).tolist() for part in ("min", "max", "mean", "std")}
        stats[name] = {**parts, "count": [count]}
    low, high, mid = ([[[value]]] * 3 for value in (0.0, 1.0, 0.5))
    stats[CAMERA] = {"min": low, "max": high, "mean": mid, "std": mid, "count": [count]}
    return stats


def pictures_of_rows(root: Path) -> list[int]:
    """Return the number in the picture that LeRobot finds for every row; fail where it would find none.

    It adds from_timestamp and the row's float32 timestamp, and compares with the pictures' times in float32.
    """
    dataset = Dataset.open(root)
    found: list[int] = []
    for episode in dataset.episodes:
        span = episode.videos[CAMERA]
        times, numbers = _decoded(span.path)
        start = 0.0 if dataset.version.has_files_of_episodes else span.from_timestamp
        rows = dataset.numpy("timestamp", episode.dataset_from, episode.dataset_to).reshape(-1)
        asked = (start + rows.astype(np.float64)).astype(np.float32)
        distance = np.abs(times[np.newaxis] - asked[:, np.newaxis])
        assert (distance.min(axis=1) < np.float32(1e-4)).all(), f"episode {episode.index}: {distance.min(axis=1)}"
        found += [numbers[place] for place in distance.argmin(axis=1)]
    return found


def _decoded(path: Path) -> tuple[np.ndarray, list[int]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [
            (float(f.pts * stream.time_base), number_of(f.to_ndarray(format="rgb24"))) for f in container.decode(stream)
        ]
    return np.array([time for time, _ in frames], np.float32), [number for _, number in frames]


def expected_pictures(lengths: tuple[int, ...] = LENGTHS, episodes: tuple[int, ...] = (0, 1, 2)) -> list[int]:
    """Return what every row should show."""
    return [_EPISODE * episode + number for episode in episodes for number in range(lengths[episode])]
