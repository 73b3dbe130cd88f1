#!/usr/bin/env python
"""Load a local dataset folder with the real LeRobot of this interpreter and check everything.

    <LeRobot's venv>/bin/python lerobot_oracle.py DATASET_DIR [--json FILE] [--stride N]

Prints one JSON object. Exit code 0 when "ok" is true, 1 otherwise.
  errors    the real loader refused or returned something wrong, or the metadata contradicts the files
  warnings  it loads, but something is doubtful (for example image std that does not fit the pixels)
  log       warnings that LeRobot itself logged while loading
v2.1 folders need LeRobot 0.3.x, v3.0 folders 0.4 and later.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import json
import logging
import math
import os
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # a dataset that needs the Hub is a dataset that does not load
os.environ["HF_DATASETS_OFFLINE"] = "1"
_CACHE = tempfile.mkdtemp(prefix="lerobot_check_")
os.environ["HF_DATASETS_CACHE"] = _CACHE  # a fresh cache: `datasets` would reuse an older copy
os.environ.setdefault("HF_HOME", _CACHE)
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"

import numpy as np  # noqa: E402

VERSION = importlib.metadata.version("lerobot")
V = tuple(int(p) for p in VERSION.split(".")[:3])
DEFAULTS = ["timestamp", "frame_index", "episode_index", "index", "task_index"]
QUANTILES = ["q01", "q10", "q50", "q90", "q99"]


class Report:
    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.log: list[str] = []
        self.done: list[str] = []

    def err(self, msg: str) -> None:
        if msg not in self.errors and len(self.errors) < 60:
            self.errors.append(msg)

    def warn(self, msg: str) -> None:
        if msg not in self.warnings and len(self.warnings) < 60:
            self.warnings.append(msg)

    def check(self, cond: bool, msg: str) -> bool:
        if not cond:
            self.err(msg)
        return bool(cond)


class Catch(logging.Handler):
    def __init__(self, rep: Report) -> None:
        super().__init__(logging.WARNING)
        self.rep = rep

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{record.levelname}: {record.getMessage()}"[:400]
        if line not in self.rep.log and len(self.rep.log) < 40:
            self.rep.log.append(line)


def as_dict(info) -> dict:
    return info if isinstance(info, dict) else info.to_dict()


def arr(x) -> np.ndarray:
    """A nested list / object array from parquet or JSON as a float array."""
    if isinstance(x, np.ndarray) and x.dtype == object:
        x = [arr(v).tolist() for v in x]
    return np.asarray(x, dtype=np.float64)


def is_hwc(f: dict) -> bool:
    """Does this camera feature list its shape as height, width, channels?"""
    names, shape = list(f.get("names") or []), list(f["shape"])
    if len(names) == 3:
        return str(names[2]).startswith("channel")
    return shape[2] in (1, 3) and shape[0] not in (1, 3)


def hwc_of(f: dict) -> tuple[int, int, int]:
    a, b, c = f["shape"]
    return (a, b, c) if is_hwc(f) else (b, c, a)


# ------------------------------------------------------------------ files and metadata, read plainly
def probe_video(path: Path) -> dict:
    import av

    with av.open(str(path)) as c:
        s = c.streams.video[0]
        pts, keys, sizes = [], [], 0
        for p in c.demux(s):
            if p.pts is None:
                continue
            pts.append(p.pts)
            sizes += 1
            if p.is_keyframe:
                keys.append(p.pts)
        tb = float(s.time_base)
        order = sorted(pts)
        steps = {round((b - a) * tb, 6) for a, b in itertools.pairwise(order)}
        head = path.open("rb").read(1 << 20)
        return {
            "codec": s.codec_context.codec.canonical_name,
            "pix_fmt": s.codec_context.pix_fmt,
            "size": [s.width, s.height],
            "time_base": str(s.time_base),
            "average_rate": str(s.average_rate),
            "base_rate": str(s.base_rate),
            "header_frames": s.frames,
            "packets": sizes,
            "first_pts_s": order[0] * tb if order else None,
            "stream_start_s": None if s.start_time is None else s.start_time * tb,
            "duration_s": None if s.duration is None else float(s.duration * s.time_base),
            "steps_s": sorted(steps)[:6],
            "keyframes": len(keys),
            "reordered": pts != order,
            "faststart": 0 <= head.find(b"moov") < (head.find(b"mdat") if head.find(b"mdat") >= 0 else 1 << 30),
            "edit_list": b"elst" in head,
        }


def check_files_v3(root: Path, info: dict, meta, rep: Report, out: dict) -> None:
    import pyarrow.parquet as pq

    fps = info["fps"]
    feats = info["features"]
    info = {
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        **info,
    }
    video_keys = [k for k, f in feats.items() if f["dtype"] == "video"]
    eps = []
    for f in sorted((root / "meta/episodes").glob("*/*.parquet")):
        eps += pq.read_table(f).to_pylist()
    rep.check(
        len(eps) == info["total_episodes"], f"episodes rows {len(eps)} != total_episodes {info['total_episodes']}"
    )
    rep.check(
        [e["episode_index"] for e in eps] == list(range(len(eps))), "episode rows (files in path order) are not 0..N-1"
    )
    rep.check(sum(e["length"] for e in eps) == info["total_frames"], "sum of lengths != total_frames")
    pos = 0
    for e in eps:
        i = e["episode_index"]
        rep.check(
            e.get("dataset_from_index") == pos,
            f"episode {i}: dataset_from_index {e.get('dataset_from_index')} != {pos}",
        )
        rep.check(e.get("dataset_to_index") == pos + e["length"], f"episode {i}: dataset_to_index wrong")
        pos += e["length"]

    # data files: the loader takes every data/*/*.parquet in path order and trusts that row == index
    on_disk = sorted((root / "data").glob("*/*.parquet"))
    named = {
        root / info["data_path"].format(chunk_index=e["data/chunk_index"], file_index=e["data/file_index"]) for e in eps
    }
    rep.check(
        set(on_disk) == named,
        f"data files on disk and in metadata differ: {sorted(str(p.relative_to(root)) for p in set(on_disk) ^ named)}",
    )
    row = 0
    groups = {}
    schema0 = None
    for f in on_disk:
        pf = pq.ParquetFile(f)
        t = pf.read(columns=["index", "episode_index", "frame_index", "timestamp", "task_index"])
        idx = t["index"].to_numpy()
        rep.check(bool((idx == np.arange(row, row + len(idx))).all()), f"{f.name}: index column is not {row}..")
        row += len(idx)
        for ei in np.unique(t["episode_index"].to_numpy()):
            e = eps[int(ei)] if int(ei) < len(eps) else None
            if e is None:
                rep.err(f"{f.name}: episode_index {ei} not in metadata")
                continue
            want = root / info["data_path"].format(chunk_index=e["data/chunk_index"], file_index=e["data/file_index"])
            rep.check(want == f, f"episode {ei} is in {f.relative_to(root)}, metadata says {want.relative_to(root)}")
            sel = t["episode_index"].to_numpy() == ei
            rep.check(int(sel.sum()) == e["length"], f"episode {ei}: {int(sel.sum())} rows != length {e['length']}")
        m = pf.metadata
        groups[str(f.relative_to(root))] = {
            "rows": m.num_rows,
            "row_groups": [m.row_group(g).num_rows for g in range(m.num_row_groups)][:50],
            "compression": sorted({m.row_group(0).column(c).compression for c in range(m.row_group(0).num_columns)})
            if m.num_row_groups
            else [],
            "has_huggingface_metadata": b"huggingface" in (pf.schema_arrow.metadata or {}),
        }
        cols = pf.schema_arrow.names
        if schema0 is None:
            schema0 = cols
        elif cols != schema0:
            rep.warn(f"{f.relative_to(root)}: columns differ from the first data file")
        want_cols = {k for k, v in feats.items() if v["dtype"] != "video"}
        rep.check(
            set(cols) == want_cols,
            f"{f.relative_to(root)}: columns {sorted(set(cols) ^ want_cols)} differ from features",
        )
    rep.check(row == info["total_frames"], f"{row} data rows != total_frames {info['total_frames']}")
    out["data_files"] = groups

    # videos
    out["video_files"] = {}
    for k in video_keys:
        per_file: dict = {}
        for e in eps:
            p = info["video_path"].format(
                video_key=k, chunk_index=e[f"videos/{k}/chunk_index"], file_index=e[f"videos/{k}/file_index"]
            )
            per_file.setdefault(p, []).append(e)
            a, b = e[f"videos/{k}/from_timestamp"], e[f"videos/{k}/to_timestamp"]
            rep.check(
                abs((b - a) - e["length"] / fps) < 0.5 / fps,
                f"episode {e['episode_index']} {k}: {b - a:.4f} s of video for {e['length']} frames",
            )
        for p, es in per_file.items():
            if not rep.check((root / p).exists(), f"missing video {p}"):
                continue
            info_v = probe_video(root / p)
            out["video_files"][p] = info_v
            t0 = 0.0
            for e in es:
                a = e[f"videos/{k}/from_timestamp"]
                if abs(a - t0) > 1e-3:
                    rep.warn(f"{p}: episode {e['episode_index']} starts at {a:.4f}, previous ended at {t0:.4f}")
                t0 = e[f"videos/{k}/to_timestamp"]
            n = sum(e["length"] for e in es)
            rep.check(info_v["packets"] >= n, f"{p}: {info_v['packets']} frames for {n} dataset frames")
            if info_v["packets"] > n:
                rep.warn(f"{p}: {info_v['packets']} frames for {n} dataset frames")
            h, w, _ = hwc_of(feats[k])
            rep.check(info_v["size"] == [w, h], f"{p}: video is {info_v['size']}, feature says {[w, h]}")
            if info_v["first_pts_s"] is not None and abs(info_v["first_pts_s"]) > 1e-6:
                rep.warn(f"{p}: first pts is {info_v['first_pts_s']:.6f} s")
            if len(info_v["steps_s"]) > 1:
                rep.warn(f"{p}: frame steps are not constant: {info_v['steps_s']}")
            if not info_v["faststart"]:
                out.setdefault("no_faststart", []).append(p)
        stray = set((root / "videos" / k).glob("*/*.mp4")) - {root / p for p in per_file}
        if stray:
            rep.warn(f"videos not named in metadata: {sorted(str(s.relative_to(root)) for s in stray)}")
    rep.done.append("files")
    check_episode_stats([{k[6:]: e[k] for k in e if k.startswith("stats/")} for e in eps], feats, rep)

    # tasks
    tasks = (
        list(zip(meta.tasks["task_index"].tolist(), meta.tasks.index.tolist(), strict=False))
        if meta.tasks is not None
        else []
    )
    rep.check(
        [t for t, _ in tasks] == list(range(len(tasks))),
        "tasks.parquet rows are not in task_index order 0..N-1 (the loader picks by position)",
    )
    rep.check(len(tasks) == info["total_tasks"], f"{len(tasks)} tasks != total_tasks {info['total_tasks']}")
    rep.check(all(isinstance(n, str) for _, n in tasks), "task names are not strings")
    names = {n for _, n in tasks}
    for e in eps:
        rep.check(set(e["tasks"]) <= names, f"episode {e['episode_index']}: task not in tasks.parquet")


def check_files_v2(root: Path, info: dict, meta, rep: Report, out: dict) -> None:
    import pyarrow.parquet as pq

    fps, feats = info["fps"], info["features"]
    video_keys = [k for k, f in feats.items() if f["dtype"] == "video"]
    eps = [json.loads(x) for x in (root / "meta/episodes.jsonl").read_text(encoding="utf-8").splitlines() if x.strip()]
    rep.check([e["episode_index"] for e in eps] == list(range(len(eps))), "episodes.jsonl is not 0..N-1")
    rep.check(len(eps) == info["total_episodes"], "episodes.jsonl length != total_episodes")
    rep.check(sum(e["length"] for e in eps) == info["total_frames"], "sum of lengths != total_frames")
    for key, want in (
        ("total_videos", len(eps) * len(video_keys)),
        ("total_chunks", math.ceil(len(eps) / info["chunks_size"])),
    ):
        if key not in info:
            rep.warn(f"info.json has no {key}")
        elif info[key] != want:
            rep.err(f"{key} is {info[key]}, should be {want}")
    row, out["video_files"] = 0, {}
    for e in eps:
        i = e["episode_index"]
        ch = i // info["chunks_size"]
        p = root / info["data_path"].format(episode_chunk=ch, episode_index=i)
        if rep.check(p.exists(), f"missing {p}"):
            t = pq.read_table(p)
            rep.check(t.num_rows == e["length"], f"episode {i}: {t.num_rows} rows != length {e['length']}")
            rep.check(
                bool((t["index"].to_numpy() == np.arange(row, row + t.num_rows)).all()),
                f"episode {i}: index column wrong",
            )
            rep.check(bool((t["episode_index"].to_numpy() == i).all()), f"episode {i}: episode_index wrong")
        row += e["length"]
        for k in video_keys:
            v = root / info["video_path"].format(episode_chunk=ch, video_key=k, episode_index=i)
            if rep.check(v.exists(), f"missing {v}"):
                pv = probe_video(v)
                out["video_files"][str(v.relative_to(root))] = pv
                rep.check(pv["packets"] == e["length"], f"{v.name} {k}: {pv['packets']} frames != {e['length']}")
                if pv["first_pts_s"]:
                    rep.warn(f"{v.name}: first pts {pv['first_pts_s']}")
                if len(pv["steps_s"]) > 1:
                    rep.warn(f"{v.name}: frame steps {pv['steps_s']} for fps {fps}")
    rep.check(len(meta.tasks) == info["total_tasks"], "tasks.jsonl length != total_tasks")
    rep.done.append("files")
    st = [meta.episodes_stats[i] for i in range(len(eps))] if hasattr(meta, "episodes_stats") else []
    check_episode_stats([{f"{k}/{s}": v for k, d in x.items() for s, v in d.items()} for x in st], feats, rep)


def check_episode_stats(rows: list[dict], feats: dict, rep: Report) -> None:
    for i, row in enumerate(rows):
        seen = {k.rsplit("/", 1)[0] for k in row}
        for k, f in feats.items():
            if f["dtype"] in ("string", "language"):
                continue
            if k not in seen:
                rep.warn(f"episode {i}: no stats for {k}")
                continue
            for s in ("min", "max", "mean", "std", "count"):
                v = row.get(f"{k}/{s}")
                if v is None:
                    rep.warn(f"episode {i}: no stats/{k}/{s}")
                    continue
                a = arr(v)
                rep.check(a.ndim >= 1 and bool(np.isfinite(a).all()), f"episode {i}: stats/{k}/{s} not finite or 0-d")
                if s == "count":
                    rep.check(a.shape == (1,), f"episode {i}: stats/{k}/count has shape {a.shape}")
                elif f["dtype"] in ("image", "video"):
                    c = hwc_of(f)[2]
                    rep.check(
                        a.shape == (c, 1, 1), f"episode {i}: stats/{k}/{s} has shape {a.shape}, wants {(c, 1, 1)}"
                    )
    rep.done.append("episode stats")


# ------------------------------------------------------------------ through the loader
def open_ds(root: Path, backend: str, **kw):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    return LeRobotDataset(f"check/{root.name}", root=root, video_backend=backend, **kw)


def is_tensor(x) -> bool:
    import torch

    return isinstance(x, torch.Tensor)


def walk(root: Path, backend: str, rep: Report, out: dict, stride: int) -> dict:
    """Read frames one by one; return small prints of the pictures for comparison."""
    import torch

    t_start = time.perf_counter()
    ds = open_ds(root, backend)
    meta, fps = ds.meta, ds.fps
    info = as_dict(meta.info)
    feats = info["features"]
    rep.check(len(ds) == info["total_frames"], f"[{backend}] len {len(ds)} != total_frames {info['total_frames']}")
    rep.check(
        ds.num_episodes == info["total_episodes"],
        f"[{backend}] num_episodes {ds.num_episodes} != {info['total_episodes']}",
    )
    lengths = [int(meta.episodes[i]["length"]) for i in range(meta.total_episodes)]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    depth = set(getattr(meta, "depth_keys", []))
    cams = [k for k, f in feats.items() if f["dtype"] in ("image", "video")]
    prints = {k: {} for k in cams}
    sums = {k: [0.0, 0.0, 0] for k in cams}
    cols: dict[str, list] = {
        k: [] for k, f in feats.items() if f["dtype"] not in ("image", "video", "string", "language")
    }
    for i in range(0, len(ds), stride):
        try:
            item = ds[i]
        except Exception as e:
            rep.err(f"[{backend}] frame {i}: {type(e).__name__}: {str(e)[:300]}")
            if len(rep.errors) > 8:
                break
            continue
        ep = int(np.searchsorted(starts, i, side="right") - 1)
        rep.check(int(item["index"]) == i, f"[{backend}] frame {i}: index {int(item['index'])}")
        rep.check(
            int(item["episode_index"]) == ep,
            f"[{backend}] frame {i}: episode_index {int(item['episode_index'])} != {ep}",
        )
        fi = i - int(starts[ep])
        rep.check(
            int(item["frame_index"]) == fi, f"[{backend}] frame {i}: frame_index {int(item['frame_index'])} != {fi}"
        )
        rep.check(
            abs(float(item["timestamp"]) - fi / fps) < 1e-4,
            f"[{backend}] frame {i}: timestamp {float(item['timestamp'])} != {fi}/{fps}",
        )
        rep.check(
            isinstance(item["task"], str) and item["task"] in list(meta.episodes[ep]["tasks"]),
            f"[{backend}] frame {i}: task {item['task']!r} not among its episode's tasks",
        )
        for k, f in feats.items():
            if not rep.check(k in item, f"[{backend}] frame {i}: no {k}"):
                continue
            v = item[k]
            shape = tuple(f["shape"])
            if f["dtype"] in ("image", "video"):
                h, w, c = hwc_of(f)
                want = (c, h, w)
                rep.check(tuple(v.shape) == want, f"[{backend}] {k}: shape {tuple(v.shape)} != {want}")
                rep.check(v.dtype == torch.float32, f"[{backend}] {k}: dtype {v.dtype}")
                lo, hi = float(v.min()), float(v.max())
                rep.check(math.isfinite(lo) and math.isfinite(hi), f"[{backend}] {k}: not finite")
                if k not in depth:
                    rep.check(lo >= 0 and hi <= 1, f"[{backend}] {k}: values {lo}..{hi} outside 0..1")
                d = v.to(torch.float64)
                prints[k][i] = d
                sums[k][0] += d.sum(dim=(-2, -1)).numpy()
                sums[k][1] += (d**2).sum(dim=(-2, -1)).numpy()
                sums[k][2] += d.shape[-1] * d.shape[-2]
            elif f["dtype"] == "string":
                rep.check(isinstance(v, str), f"[{backend}] {k}: {type(v).__name__} instead of str")
            elif f["dtype"] == "language":
                rep.check(isinstance(v, list), f"[{backend}] {k}: {type(v).__name__} instead of list")
            else:
                want = () if shape == (1,) else shape
                rep.check(
                    is_tensor(v) and tuple(v.shape) == want,
                    f"[{backend}] {k}: shape {getattr(v, 'shape', None)} != {want}",
                )
                # a float64 column comes back as float32 (torch's default for Python floats)
                want_dt = {"float64": "torch.float32", "float16": "torch.float32"}.get(
                    f["dtype"], f"torch.{f['dtype']}"
                )
                rep.check(
                    str(v.dtype) in (want_dt, f"torch.{f['dtype']}"),
                    f"[{backend}] {k}: dtype {v.dtype}, feature says {f['dtype']}",
                )
                if v.dtype.is_floating_point:
                    rep.check(bool(torch.isfinite(v).all()), f"[{backend}] frame {i}: {k} not finite")
                cols[k].append(v.numpy())
    out.setdefault("backends", {})[backend] = {
        "frames": len(range(0, len(ds), stride)),
        "seconds": round(time.perf_counter() - t_start, 2),
    }
    return {"ds": ds, "prints": prints, "sums": sums, "cols": cols}


def check_stats(meta, feats: dict, seen: dict, full: bool, rep: Report, out: dict) -> None:
    stats = meta.stats
    if not rep.check(bool(stats), "meta.stats is empty"):
        return
    kinds = {k: sorted(v) for k, v in stats.items()}
    out["stats_keys"] = sorted({s for v in kinds.values() for s in v})
    depth = set(getattr(meta, "depth_keys", []))
    for k, f in feats.items():
        if f["dtype"] in ("string", "language"):
            rep.check(k not in stats, f"stats hold the {f['dtype']} feature {k}")
            continue
        if k not in stats:
            rep.warn(f"stats: no entry for {k}")
            continue
        s = {n: arr(v) for n, v in stats[k].items()}
        for n, v in s.items():
            rep.check(v.ndim >= 1 and bool(np.isfinite(v).all()), f"stats[{k}][{n}] not finite or 0-d")
        if not all(n in s for n in ("min", "max", "mean", "std", "count")):
            rep.warn(f"stats[{k}] lacks one of min/max/mean/std/count")
            continue
        rep.check(s["count"].shape == (1,), f"stats[{k}][count] has shape {s['count'].shape}")
        eps = 1e-5 * (1 + np.abs(s["mean"]))
        rep.check(
            bool((s["min"] <= s["mean"] + eps).all() and (s["mean"] <= s["max"] + eps).all()),
            f"stats[{k}]: mean outside min..max",
        )
        if f["dtype"] in ("image", "video"):
            c = s["mean"].shape[0]
            rep.check(s["mean"].shape == (c, 1, 1), f"stats[{k}][mean] has shape {s['mean'].shape}")
            if k not in depth:
                rep.check(bool((s["min"] >= 0).all() and (s["max"] <= 1).all()), f"stats[{k}] outside 0..1")
            tot, tot2, n = seen["sums"][k]
            if n:
                mean = tot / n
                std = np.sqrt(np.maximum(0, tot2 / n - mean**2))
                scale = 1.0 if k not in depth else max(1.0, float(np.abs(mean).max()))
                dm = float(np.abs(mean - s["mean"][:, 0, 0]).max()) / scale
                dsd = float(np.abs(std - s["std"][:, 0, 0]).max()) / scale
                out.setdefault("image_stats_vs_pixels", {})[k] = {"mean_diff": round(dm, 5), "std_diff": round(dsd, 5)}
                if dm > 0.02:
                    rep.warn(f"stats[{k}]: mean differs from the decoded pixels by {dm:.3f}")
                if dsd > 0.03:
                    rep.warn(f"stats[{k}]: std differs from the decoded pixels by {dsd:.3f}")
            continue
        if full and seen["cols"][k]:
            a = np.stack(seen["cols"][k]).astype(np.float64)
            a = a.reshape(len(a), 1) if a.ndim == 1 else a
            flat = a if s["mean"].shape == a.shape[1:] else a.reshape(-1, a.shape[-1])
            want = {"min": flat.min(0), "max": flat.max(0), "mean": flat.mean(0), "std": flat.std(0)}
            for n, w in want.items():
                got = s[n]
                if not rep.check(got.shape == w.shape, f"stats[{k}][{n}] has shape {got.shape}, data gives {w.shape}"):
                    continue
                tol = 1e-6 if n in ("min", "max") else 2e-3
                scale = np.maximum(1e-3, np.maximum(np.abs(w), want["std"] if n != "min" else 0))
                bad = float((np.abs(got - w) / scale).max())
                if bad > tol:
                    # LeRobot's own merge leaves index/episode_index/task_index unshifted in stats.json
                    say = rep.warn if k in ("index", "episode_index", "task_index") else rep.err
                    say(f"stats[{k}][{n}] is off by {bad:.2e} (relative) from the data")
            rep.check(int(s["count"][0]) == len(a), f"stats[{k}][count] {int(s['count'][0])} != {len(a)} frames")
    rep.done.append("stats")


def check_windows(root: Path, backend: str, feats: dict, fps: float, ref, rep: Report) -> None:
    """delta_timestamps: what every policy uses."""
    delta = {}
    for k, f in feats.items():
        if f["dtype"] in ("image", "video"):
            delta[k] = [-1 / fps, 0.0]
        elif k == "action":
            delta[k] = [i / fps for i in range(4)]
        elif k == "observation.state":
            delta[k] = [-2 / fps, 0.0]
    if not delta:
        return
    ds = open_ds(root, backend, delta_timestamps=delta)
    n = len(ds)
    for i in sorted({0, n // 3, n // 2, n - 1}):
        item = ds[i]
        for k, d in delta.items():
            rep.check(item[k].shape[0] == len(d), f"[{backend}] window of {k}: {tuple(item[k].shape)}")
            rep.check(tuple(item[f"{k}_is_pad"].shape) == (len(d),), f"[{backend}] {k}_is_pad shape")
        if "action" in delta:
            ep = int(item["episode_index"])
            for j in range(4):
                if not bool(item["action_is_pad"][j]):
                    want = ref[i + j]
                    rep.check(int(want["episode_index"]) == ep, "window crosses an episode")
                    rep.check(
                        bool((item["action"][j] == want["action"]).all()), f"[{backend}] action window wrong at {i}+{j}"
                    )
    rep.done.append(f"delta_timestamps[{backend}]")


def check_subset(root: Path, backend: str, ref, rep: Report) -> None:
    n_ep = ref.meta.total_episodes
    sub = open_ds(root, backend, episodes=[n_ep - 1])
    want = int(ref.meta.episodes[n_ep - 1]["length"])
    rep.check(len(sub) == want, f"episodes=[{n_ep - 1}]: {len(sub)} frames instead of {want}")
    item = sub[0]
    rep.check(int(item["episode_index"]) == n_ep - 1, "episodes=[last]: wrong episode")
    rep.done.append(f"episodes=[last][{backend}]")


def check_loader(ds, feats: dict, rep: Report) -> None:
    import torch

    if any(f["dtype"] == "language" for f in feats.values()):
        return
    dl = torch.utils.data.DataLoader(ds, batch_size=min(4, len(ds)), num_workers=0, shuffle=False)
    batch = next(iter(dl))
    rep.check(len(batch["task"]) == min(4, len(ds)), "DataLoader batch has the wrong size")
    rep.done.append("DataLoader")


def have_torchcodec() -> str:
    try:
        from torchcodec.decoders import VideoDecoder  # noqa: F401

        return ""
    except Exception as e:
        return f"{type(e).__name__}: {str(e).strip().splitlines()[0] if str(e).strip() else ''}"[:160]


def run(root: Path, stride: int) -> dict:
    rep = Report()
    out: dict = {"ok": False, "dir": str(root), "lerobot": VERSION}
    handler = Catch(rep)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.WARNING)
    t0 = time.perf_counter()
    try:
        raw = json.loads((root / "meta/info.json").read_text(encoding="utf-8"))
        out["codebase_version"] = raw.get("codebase_version")
        feats = raw["features"]
        has_video = any(f["dtype"] == "video" for f in feats.values())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            first = walk(root, "pyav", rep, out, stride)
            ds = first["ds"]
            meta = ds.meta
            out.update(
                frames=len(ds),
                episodes=ds.num_episodes,
                tasks=raw["total_tasks"],
                fps=raw["fps"],
                robot_type=raw.get("robot_type"),
                features={k: f"{f['dtype']}{list(f['shape'])}" for k, f in feats.items() if k not in DEFAULTS},
                lengths=[int(meta.episodes[i]["length"]) for i in range(meta.total_episodes)],
            )
            rep.done.append(f"frames[pyav], step {stride}")
            if str(raw.get("codebase_version", "")).startswith("v2"):
                check_files_v2(root, raw, meta, rep, out)
            else:
                check_files_v3(root, raw, meta, rep, out)
            check_stats(meta, feats, first, stride == 1, rep, out)
            check_windows(root, "pyav", feats, raw["fps"], ds, rep)
            check_subset(root, "pyav", ds, rep)
            check_loader(ds, feats, rep)
            if has_video:
                why = have_torchcodec()
                if why:
                    out.setdefault("backends", {})["torchcodec"] = f"unavailable ({why})"
                else:
                    second = walk(root, "torchcodec", rep, out, stride)
                    rep.done.append(f"frames[torchcodec], step {stride}")
                    worst = {}
                    for k, a in first["prints"].items():
                        b = second["prints"].get(k, {})
                        for i in a.keys() & b.keys():
                            worst[k] = max(worst.get(k, 0.0), float((a[i] - b[i]).abs().max()))
                    out["pyav_vs_torchcodec_max_diff"] = worst
                    for k, w in worst.items():
                        if feats[k]["dtype"] == "video" and w > 0.1 and k not in set(getattr(meta, "depth_keys", [])):
                            rep.err(f"{k}: pyav and torchcodec disagree by {w:.3f} (different frames?)")
                    check_windows(root, "torchcodec", feats, raw["fps"], ds, rep)
    except BaseException as e:
        if isinstance(e, KeyboardInterrupt):
            raise
        rep.err(f"{type(e).__name__}: {str(e)[:600]}")
        out["traceback"] = traceback.format_exc().splitlines()[-14:]
    finally:
        logging.getLogger().removeHandler(handler)
    out.update(
        ok=not rep.errors,
        errors=rep.errors,
        warnings=rep.warnings,
        log=rep.log,
        checks=rep.done,
        seconds=round(time.perf_counter() - t0, 2),
    )
    return out


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("dataset_dir", type=Path)
    ap.add_argument("--json", type=Path, help="also write the summary to this file")
    ap.add_argument(
        "--stride", type=int, default=1, help="every so manieth frame only, and no comparison of stats with all data"
    )
    ap.add_argument("--brief", action="store_true", help="leave the per-file tables out of the printed summary")
    args = ap.parse_args()
    # LeRobot and FFmpeg write to stdout/stderr at C level: keep our stdout to the JSON alone
    real = os.dup(1)
    os.dup2(2, 1)
    res = run(args.dataset_dir.resolve(), args.stride)
    sys.stdout.flush()
    os.dup2(real, 1)
    text = json.dumps(res, indent=1, ensure_ascii=False, default=str)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")
    if args.brief:
        for k in ("video_files", "data_files", "traceback"):
            res.pop(k, None)
        text = json.dumps(res, indent=1, ensure_ascii=False, default=str)
    shutil.rmtree(_CACHE, ignore_errors=True)
    return 0 if res["ok"] else 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # skip interpreter teardown: video threads may hang there
