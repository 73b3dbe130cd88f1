#!/usr/bin/env python
"""Make small golden datasets with whatever LeRobot is installed in this interpreter.

    <venv of LeRobot 0.3.3>/bin/python make.py            # v2.1 sets
    <venv of LeRobot 0.4.4>/bin/python make.py            # v3.0 as written by 0.4.4
    <venv of LeRobot 0.6.1>/bin/python make.py            # v3.0 as written by 0.6.1 (last: uses v21_*)

Only LeRobot's public writer API produces files. All input is synthetic and
seeded: joint curves are sums of sines, frames show a square and a disc that move
over a gradient, and the mean colour of a frame tells which frame it is
(red goes up with the frame number, green tells the episode, blue the camera).

Options: --out DIR, --only NAME (may be repeated), --list.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import logging
import math
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

# LeRobot orders an episode's task list with set(): pin the hash seed so that runs repeat.
if __name__ == "__main__" and os.environ.get("PYTHONHASHSEED") != "0":
    os.environ["PYTHONHASHSEED"] = "0"
    os.execv(sys.executable, [sys.executable, *sys.argv])

os.environ.setdefault("HF_HUB_OFFLINE", "1")
if __name__ == "__main__":
    os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp(prefix="golden_hf_")
os.environ.setdefault("SVT_LOG", "1")
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402

try:
    VERSION = importlib.metadata.version("lerobot")
except importlib.metadata.PackageNotFoundError:
    VERSION = "0.0.0"  # imported only for the synthetic content (frame_rgb, curves, ...)
V = tuple(int(p) for p in VERSION.split(".")[:3])
HERE = Path(__file__).resolve().parent

JOINTS = ["shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper"]
JOINT_KEYS = [f"{j}.pos" for j in JOINTS]
WIDE_KEYS = [*JOINT_KEYS[:5], "wrist_yaw.pos", "rail.pos", "gripper.pos"]

PICK = "Pick up the red cube and place it in the bin"
PUSH = "Push the blue disc to the left"
DOOR = "Open the drawer of the façade"

FPS = 10


# ----------------------------------------------------------------------------- content
def frame_rgb(height: int, width: int, cam: int, ep: int, t: int, tint: int = 0) -> np.ndarray:
    """One uint8 HWC frame. Mean colour identifies (camera, episode, frame)."""
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    img = np.empty((height, width, 3), np.float32)
    img[..., 0] = 30 + 6 * t + 12 * xx / width
    img[..., 1] = 40 + 35 * (ep % 5) + 12 * yy / height
    img[..., 2] = 70 + 45 * cam + tint + 10 * (xx + yy) / (width + height)
    side = max(6, height // 6)
    x0 = (3 * t + 5 * ep) % (width - side)
    y0 = (2 * t + 7 * cam) % (height - side)
    img[y0 : y0 + side, x0 : x0 + side] = (230, 230, 60)
    cx = width - 1 - (4 * t) % width
    cy = height * 0.65
    disc = (xx - cx) ** 2 + (yy - cy) ** 2 <= (height / 9) ** 2
    img[disc] = (40, 60, 220)
    return np.clip(img, 0, 255).astype(np.uint8)


def frame_depth_mm(height: int, width: int, ep: int, t: int) -> np.ndarray:
    """uint16 millimetres HW1: a tilted plane from 0.4 m to 2.4 m and a box at 0.25 m."""
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    depth = 400 + 2000 * (0.7 * yy / height + 0.3 * xx / width) + 10 * ep
    side = max(6, height // 5)
    x0 = (3 * t) % (width - side)
    depth[4 : 4 + side, x0 : x0 + side] = 250 + 5 * t
    return depth.astype(np.uint16)[..., None]


def curves(n: int, dim: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(state, action) float32 (n, dim): degrees for joints, 0..100 for the last (gripper)."""
    rng = np.random.default_rng(seed)
    t = np.arange(n, dtype=np.float64)[:, None] / FPS
    amp = rng.uniform(8, 55, dim)
    freq = rng.uniform(0.15, 0.7, dim)
    phase = rng.uniform(0, 2 * math.pi, dim)
    off = rng.uniform(-20, 20, dim)
    state = off + amp * np.sin(2 * math.pi * freq * t + phase)
    state[:, -1] = 50 + 45 * np.sin(2 * math.pi * freq[-1] * t[:, 0] + phase[-1])
    action = off + amp * np.sin(2 * math.pi * freq * (t + 1 / FPS) + phase)
    action[:, -1] = np.clip(50 + 45 * np.sin(2 * math.pi * freq[-1] * (t[:, 0] + 0.1) + phase[-1]), 0, 100)
    state += rng.normal(0, 0.05, state.shape)
    return state.astype(np.float32), action.astype(np.float32)


# ----------------------------------------------------------------------------- features
def robot_features(joint_keys: list[str], cams: dict[str, tuple[int, int]], video: bool) -> dict:
    """Build the features the way lerobot-record does: through hw_to_dataset_features."""
    if V >= (0, 5):
        from lerobot.utils.feature_utils import hw_to_dataset_features
    else:
        from lerobot.datasets.utils import hw_to_dataset_features

    joints = dict.fromkeys(joint_keys, float)
    act = hw_to_dataset_features(joints, "action", video)
    obs = hw_to_dataset_features({**joints, **{c: (*hw, 3) for c, hw in cams.items()}}, "observation", video)
    return {**act, **obs}


def robot_type() -> str:
    return "so101_follower" if V < (0, 4) else "so_follower"


TWO_CAMS = {"front": (48, 64), "wrist": (64, 96)}  # (height, width)
THREE_CAMS = {**TWO_CAMS, "top": (48, 64)}


# ----------------------------------------------------------------------------- LeRobot glue
def new_dataset(root: Path, features: dict, *, use_videos: bool, **kw):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    if root.exists():
        shutil.rmtree(root)
    root.parent.mkdir(parents=True, exist_ok=True)
    return LeRobotDataset.create(
        repo_id=f"golden/{root.name}",
        fps=kw.pop("fps", FPS),
        features=features,
        root=root,
        robot_type=kw.pop("robot_type", robot_type()),
        use_videos=use_videos,
        **kw,
    )


def add(ds, frame: dict, task: str) -> None:
    if V < (0, 4):
        ds.add_frame(frame, task=task)
    else:
        ds.add_frame({**frame, "task": task})


def save(ds) -> None:
    if V < (0, 4):
        ds.save_episode()
    else:
        ds.save_episode(parallel_encoding=False)


def finish(ds) -> None:
    if hasattr(ds, "finalize"):
        ds.finalize()
    images = ds.root / "images"
    if images.exists() and not any(p.is_file() for p in images.rglob("*")):
        shutil.rmtree(images)


def record(ds, episodes: list[tuple[int, object]], cams: dict, dim: int, *, seed: int, tint: int = 0, first: int = 0):
    """episodes: list of (length, task) where task is a str or a function frame->str."""
    for i, (n, task) in enumerate(episodes):
        ep = first + i
        state, action = curves(n, dim, seed * 100 + ep)
        for t in range(n):
            fr = {"observation.state": state[t], "action": action[t]}
            for c, (name, (h, w)) in enumerate(cams.items()):
                fr[f"observation.images.{name}"] = frame_rgb(h, w, c, ep, t, tint)
            add(ds, fr, task(t) if callable(task) else task)
        save(ds)


EP_MAIN = [(7, PICK), (25, PUSH), (12, PICK), (18, PUSH)]
# "other": a known task, a new one, and an episode whose task changes half-way
EP_OTHER = [(10, PUSH), (8, DOOR), (14, lambda t: PUSH if t < 6 else DOOR)]


def make_two_cams(root: Path) -> None:
    ds = new_dataset(root, robot_features(JOINT_KEYS, TWO_CAMS, True), use_videos=True)
    record(ds, EP_MAIN, TWO_CAMS, 6, seed=1)
    finish(ds)


def make_other(root: Path) -> None:
    ds = new_dataset(root, robot_features(JOINT_KEYS, TWO_CAMS, True), use_videos=True)
    record(ds, EP_OTHER, TWO_CAMS, 6, seed=2, tint=25)
    finish(ds)


def make_images(root: Path) -> None:
    cams = {"front": (48, 64)}
    ds = new_dataset(root, robot_features(JOINT_KEYS, cams, False), use_videos=False)
    record(ds, [(6, PICK), (9, PUSH), (5, PICK)], cams, 6, seed=3)
    finish(ds)


def make_novideo(root: Path) -> None:
    """Every kind of numeric feature: bool, string, int64 scalar/vector, float64, (2,3) array."""
    feats = {
        "action": {"dtype": "float32", "shape": (6,), "names": JOINT_KEYS},
        "observation.state": {"dtype": "float32", "shape": (6,), "names": JOINT_KEYS},
        "observation.matrix": {"dtype": "float32", "shape": (2, 3), "names": ["row", "col"]},
        "observation.counter": {"dtype": "int64", "shape": (1,), "names": None},
        "observation.pair": {"dtype": "int64", "shape": (2,), "names": ["a", "b"]},
        "observation.precise": {"dtype": "float64", "shape": (3,), "names": None},
        "next.reward": {"dtype": "float32", "shape": (1,), "names": None},
        "next.done": {"dtype": "bool", "shape": (1,), "names": None},
        "note": {"dtype": "string", "shape": (1,), "names": None},
    }
    ds = new_dataset(root, feats, use_videos=False)
    for ep, (n, task) in enumerate([(8, PICK), (11, DOOR), (5, PICK)]):
        state, action = curves(n, 6, 400 + ep)
        for t in range(n):
            add(
                ds,
                {
                    "observation.state": state[t],
                    "action": action[t],
                    "observation.matrix": (np.arange(6, dtype=np.float32).reshape(2, 3) + t) * (ep + 1),
                    "observation.counter": np.array([1000 * ep + t], np.int64),
                    "observation.pair": np.array([t, -t], np.int64),
                    "observation.precise": np.array([t / 3, ep / 7, 1e-12 * t], np.float64),
                    "next.reward": np.array([0.25 * t], np.float32),
                    "next.done": np.array([t == n - 1]),
                    "note": f"ep{ep} frame{t}" if t % 3 else "",
                },
                task,
            )
        save(ds)
    finish(ds)


def make_small_files(root: Path) -> None:
    """Tiny limits so that data and videos roll over into several files and chunks."""
    cams = {"front": (48, 64)}
    ds = new_dataset(
        root,
        robot_features(JOINT_KEYS, cams, True),
        use_videos=True,
        data_files_size_in_mb=0.005,
        video_files_size_in_mb=0.009,
        metadata_buffer_size=2,
    )
    ds.meta.update_chunk_settings(chunks_size=2)
    eps = [(9, PICK), (14, PUSH), (6, PICK), (11, DOOR), (16, PUSH), (8, PICK), (13, DOOR)]
    record(ds, eps, cams, 6, seed=5)
    finish(ds)


def make_wide(root: Path) -> None:
    ds = new_dataset(root, robot_features(WIDE_KEYS, THREE_CAMS, True), use_videos=True, robot_type="wide_follower")
    record(ds, [(9, PICK), (12, DOOR)], THREE_CAMS, 8, seed=6, tint=10)
    finish(ds)


def make_h264(root: Path) -> None:
    """x264 does not repeat bit for bit (not even with one thread): pixels move by a few levels between runs."""
    from lerobot.configs import RGBEncoderConfig

    ds = new_dataset(
        root,
        robot_features(JOINT_KEYS, {"front": (48, 64)}, True),
        use_videos=True,
        rgb_encoder=RGBEncoderConfig(vcodec="h264", g=10, crf=23, preset="medium"),
    )
    record(ds, [(12, PICK), (15, PUSH)], {"front": (48, 64)}, 6, seed=7)
    finish(ds)


def make_streaming(root: Path) -> None:
    """Encoded frame by frame while recording (lerobot-record --dataset.streaming_encoding)."""
    cams = {"front": (48, 64)}
    ds = new_dataset(
        root,
        robot_features(JOINT_KEYS, cams, True),
        use_videos=True,
        streaming_encoding=True,
        encoder_queue_maxsize=1000,
    )
    record(ds, [(8, PICK), (10, PUSH)], cams, 6, seed=8)
    finish(ds)


def make_resumed(root: Path) -> None:
    """Two episodes, finalize, then LeRobotDataset.resume() for two more."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    cams = {"front": (48, 64)}
    ds = new_dataset(root, robot_features(JOINT_KEYS, cams, True), use_videos=True)
    record(ds, [(8, PICK), (10, PUSH)], cams, 6, seed=9)
    finish(ds)
    ds = LeRobotDataset.resume(repo_id=f"golden/{root.name}", root=root)
    record(ds, [(9, DOOR), (6, PICK)], cams, 6, seed=9, first=2)
    finish(ds)


def depth_features(dtype: str) -> dict:
    from lerobot.utils.feature_utils import hw_to_dataset_features

    joints = dict.fromkeys(JOINT_KEYS, float)
    cams = {"front": (48, 64, 3), "front_depth": (48, 64, 1)}
    return {
        **hw_to_dataset_features(joints, "action", dtype == "video"),
        **hw_to_dataset_features({**joints, **cams}, "observation", dtype == "video"),
    }


def make_depth(root: Path, dtype: str = "video") -> None:
    ds = new_dataset(root, depth_features(dtype), use_videos=dtype == "video")
    for ep, (n, task) in enumerate([(6, PICK), (8, PUSH)]):
        state, action = curves(n, 6, 1000 + ep)
        for t in range(n):
            add(
                ds,
                {
                    "observation.state": state[t],
                    "action": action[t],
                    "observation.images.front": frame_rgb(48, 64, 0, ep, t),
                    "observation.images.front_depth": frame_depth_mm(48, 64, ep, t),
                },
                task,
            )
        save(ds)
    finish(ds)


def make_depth_images(root: Path) -> None:
    make_depth(root, "image")


def make_language(root: Path) -> None:
    """A state-only set, then LeRobot's own annotation writer adds the two language columns."""
    from lerobot.annotations.steerable_pipeline.executor import Executor
    from lerobot.annotations.steerable_pipeline.reader import iter_episodes
    from lerobot.annotations.steerable_pipeline.staging import EpisodeStaging
    from lerobot.annotations.steerable_pipeline.writer import LanguageColumnsWriter, speech_atom

    ds = new_dataset(root, robot_features(JOINT_KEYS, {}, False), use_videos=False)
    record(ds, [(6, PICK), (8, PUSH)], {}, 6, seed=11)
    finish(ds)
    with tempfile.TemporaryDirectory() as tmp:
        staging = Path(tmp)
        records = list(iter_episodes(root))
        for rec in records:
            ts = rec.frame_timestamps
            base = {"camera": None, "tool_calls": None}
            EpisodeStaging(staging, rec.episode_index).write(
                "plan",
                [
                    {"role": "assistant", "content": "reach", "style": "subtask", "timestamp": ts[0], **base},
                    {"role": "assistant", "content": "grasp", "style": "subtask", "timestamp": ts[3], **base},
                    {"role": "user", "content": "please do it", "style": "task_aug", "timestamp": ts[0], **base},
                ],
            )
            EpisodeStaging(staging, rec.episode_index).write(
                "interjections",
                [
                    speech_atom(ts[2], "On it."),
                    {"role": "user", "content": "faster!", "style": "interjection", "timestamp": ts[4], **base},
                ],
            )
        LanguageColumnsWriter().write_all(records, staging, root)
    Executor._ensure_annotation_metadata_in_info(root)


def make_crashed(root: Path) -> None:
    """Recording killed (SIGKILL) with 12 episodes saved and 3 frames of the 13th: no parquet footers.

    The expected values are those of a twin that was recorded the same way and finalized.
    """
    import signal

    cams = {"front": (48, 64)}
    eps = [(5 + i % 3, PICK if i % 2 == 0 else PUSH) for i in range(12)]

    def rec(to: Path):
        ds = new_dataset(to, robot_features(JOINT_KEYS, cams, True), use_videos=True)
        record(ds, eps, cams, 6, seed=12)
        return ds

    twin = root.parent / f"{root.name}_twin"
    finish(rec(twin))
    dump_expected(twin, root.parent / f"{root.name}.expected.json")
    shutil.rmtree(twin)
    pid = os.fork()
    if pid == 0:
        try:
            ds = rec(root)
            state, action = curves(3, 6, 1212)
            for t in range(3):
                fr = {"observation.state": state[t], "action": action[t]}
                add(ds, {**fr, "observation.images.front": frame_rgb(48, 64, 0, 12, t)}, PICK)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


def make_merged(root: Path) -> None:
    from lerobot.datasets.aggregate import aggregate_datasets

    tag = "".join(VERSION.split(".")[:3])
    srcs = [root.parent / f"v30_lerobot{tag}_two_cams", root.parent / f"v30_lerobot{tag}_other"]
    if root.exists():
        shutil.rmtree(root)
    aggregate_datasets(
        repo_ids=[f"golden/{s.name}" for s in srcs],
        aggr_repo_id=f"golden/{root.name}",
        roots=srcs,
        aggr_root=root,
    )


def make_v30_from_v21(root: Path) -> None:
    from lerobot.scripts.convert_dataset_v21_to_v30 import convert_dataset

    src = root.parent / "v21_lerobot033_two_cams"
    if root.exists():
        shutil.rmtree(root)
    with tempfile.TemporaryDirectory() as tmp:
        work = Path(tmp) / root.name
        shutil.copytree(src, work)
        convert_dataset(repo_id=f"golden/{root.name}", root=work, push_to_hub=False)
        shutil.copytree(work, root)


# ----------------------------------------------------------------------------- expected values
def to_list(x):
    import torch

    if isinstance(x, (torch.Tensor, np.ndarray)):
        x = x.tolist()
    elif isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, dict):
        return {k: to_list(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [to_list(v) for v in x]
    return x


def dump_expected(root: Path, out: Path) -> dict:
    """Everything here went through LeRobotDataset, not through our own reading of the files."""
    import torch
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    ds = LeRobotDataset(f"golden/{root.name}", root=root, video_backend="pyav")
    meta = ds.meta
    info = meta.info if isinstance(meta.info, dict) else meta.info.to_dict()
    video_keys = list(meta.video_keys)
    image_keys = [k for k, f in meta.features.items() if f["dtype"] == "image"]
    depth_keys = list(getattr(meta, "depth_keys", []))

    exp = {
        "lerobot_version": VERSION,
        "name": root.name,
        "codebase_version": info["codebase_version"],
        "fps": ds.fps,
        "robot_type": info["robot_type"],
        "num_frames": len(ds),
        "num_episodes": ds.num_episodes,
        "total_tasks": info["total_tasks"],
        "features": {k: {"dtype": f["dtype"], "shape": list(f["shape"])} for k, f in meta.features.items()},
        "video_keys": video_keys,
        "image_keys": image_keys,
        "depth_keys": depth_keys,
    }
    if isinstance(meta.tasks, dict):
        exp["tasks"] = {str(k): v for k, v in meta.tasks.items()}
    else:
        exp["tasks"] = {str(int(r.task_index)): str(name) for name, r in meta.tasks.iterrows()}

    eps = []
    start = 0
    for i in range(meta.total_episodes):
        e = meta.episodes[i]
        row = {"episode_index": int(e["episode_index"]), "length": int(e["length"]), "tasks": list(e["tasks"])}
        row["from_index"] = int(e.get("dataset_from_index", start))
        row["to_index"] = int(e.get("dataset_to_index", start + row["length"]))
        start = row["to_index"]
        row["data_path"] = str(meta.get_data_file_path(i))
        row["videos"] = {}
        for k in video_keys:
            v = {"path": str(meta.get_video_file_path(i, k))}
            if f"videos/{k}/from_timestamp" in e:
                v["from_timestamp"] = float(e[f"videos/{k}/from_timestamp"])
                v["to_timestamp"] = float(e[f"videos/{k}/to_timestamp"])
            row["videos"][k] = v
        eps.append(row)
    exp["episodes"] = eps

    scalars, picked, means, prints = [], [], {k: [] for k in video_keys + image_keys}, {}
    first_last = {e["from_index"] for e in eps} | {e["to_index"] - 1 for e in eps}
    for i in range(len(ds)):
        item = ds[i]
        scalars.append(
            [
                int(item["index"]),
                int(item["episode_index"]),
                int(item["frame_index"]),
                int(item["task_index"]),
                float(item["timestamp"]),
                item["task"],
            ]
        )
        for k in means:
            im = item[k].to(torch.float64)
            means[k].append([round(v, 6) for v in im.mean(dim=(-2, -1)).flatten().tolist()])
            if i in first_last:
                # three pixels as well: catches flips, crops and swapped channels
                h, w = im.shape[-2:]
                spots = [(0, 0), (h // 2, w // 3), (h - 1, w - 1)]
                prints.setdefault(k, {})[str(i)] = [[round(v, 6) for v in im[:, y, x].tolist()] for y, x in spots]
        if i in first_last or i % 7 == 0:
            row = {"index": i}
            for k, f in meta.features.items():
                if f["dtype"] in ("video", "image"):
                    continue
                row[k] = to_list(item[k])
            picked.append(row)
    exp["frame_columns"] = ["index", "episode_index", "frame_index", "task_index", "timestamp", "task"]
    exp["frames"] = scalars
    exp["values"] = picked
    exp["mean_rgb"] = means
    exp["pixels_at"] = ["0,0", "h//2,w//3", "h-1,w-1"]
    exp["pixels"] = prints
    exp["stats"] = to_list(meta.stats)

    if video_keys:
        try:
            from torchcodec.decoders import VideoDecoder  # noqa: F401

            tc = LeRobotDataset(f"golden/{root.name}", root=root, video_backend="torchcodec")
            worst = {}
            for i in range(0, len(ds), 5):
                a, b = ds[i], tc[i]
                for k in video_keys:
                    worst[k] = max(worst.get(k, 0.0), float((a[k] - b[k]).abs().max()))
            exp["torchcodec_max_abs_diff"] = worst
        except Exception as err:  # torchcodec needs FFmpeg shared libraries
            exp["torchcodec_max_abs_diff"] = f"not run: {type(err).__name__}"
    out.write_text(json.dumps(exp, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return exp


# ----------------------------------------------------------------------------- recipes
def recipes() -> dict:
    tag = "".join(str(p) for p in V)
    if V < (0, 4):
        pre = f"v21_lerobot{tag}_"
        return {
            pre + "two_cams": make_two_cams,
            pre + "other": make_other,
            pre + "images": make_images,
        }
    pre = f"v30_lerobot{tag}_"
    if V < (0, 6):
        return {pre + "two_cams": make_two_cams, pre + "other": make_other, pre + "merged": make_merged}
    return {
        pre + "two_cams": make_two_cams,
        pre + "other": make_other,
        pre + "images": make_images,
        pre + "novideo": make_novideo,
        pre + "small_files": make_small_files,
        pre + "wide": make_wide,
        pre + "h264": make_h264,
        pre + "streaming": make_streaming,
        pre + "resumed": make_resumed,
        pre + "depth": make_depth,
        pre + "depth_images": make_depth_images,
        pre + "language": make_language,
        pre + "crashed": make_crashed,
        pre + "merged": make_merged,
        "v30_from_v21": make_v30_from_v21,
    }


def tree_size(root: Path) -> int:
    return sum(p.stat().st_size for p in root.rglob("*") if p.is_file())


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", type=Path, default=HERE)
    ap.add_argument("--only", action="append", default=[])
    ap.add_argument("--list", action="store_true")
    args = ap.parse_args()
    logging.basicConfig(level=logging.ERROR)
    todo = recipes()
    if args.list:
        return 0
    bad = 0
    for name, fn in todo.items():
        if args.only and name not in args.only:
            continue
        root = args.out / name
        try:
            fn(root)
            if fn is make_crashed:  # cannot be loaded; its expected values come from a finalized twin
                exp = json.loads((args.out / f"{name}.expected.json").read_text(encoding="utf-8"))
                exp["name"] = name
                (args.out / f"{name}.expected.json").write_text(
                    json.dumps(exp, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
                )
            else:
                exp = dump_expected(root, args.out / f"{name}.expected.json")
        except Exception:
            bad += 1
            import traceback

            traceback.print_exc()
    shutil.rmtree(os.environ["HF_DATASETS_CACHE"], ignore_errors=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
