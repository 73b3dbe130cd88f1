"""Run by an interpreter that has LeRobot: what do LeRobot's own tools make of a dataset.

    python lerobot_tools.py SCRATCH < REQUEST

Reads JSON from stdin, ``[{"root": FOLDER, "takes": 0 or 1, "operations": [NAME, ...]}, ...]``: first LeRobot records
so many takes into the dataset, then it does each of `OPERATIONS` as a user would, and every row and picture of the
result is compared with those of the dataset. Prints one JSON object: by folder and operation what went wrong, ``""``
where nothing did; where is in ``SCRATCH/errors.txt``.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_DATASETS_CACHE"] = os.environ["HF_HOME"] = os.environ["HF_LEROBOT_HOME"] = tempfile.mkdtemp()

import numpy as np
import torch
from lerobot.datasets.aggregate import aggregate_datasets
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.scripts import lerobot_edit_dataset

DEFAULT = ("timestamp", "frame_index", "episode_index", "index", "task_index")
NEW_TASK = "do it otherwise é"
NEW_ROWS = 9
COLOUR, RECODED = 0.012, 0.04
"""How far the mean of a picture in 0..1 may be from the original's: decoded otherwise, or encoded once more."""


class WrongError(Exception):
    """LeRobot made something else of the dataset."""


@dataclass(frozen=True)
class Frames:
    """What a dataset gives, frame by frame.

    Attributes:
        numbers: by column, one array for each frame.
        means: by camera, the mean of each picture.
        tasks: the task text of each frame.
        episodes: number of the episode of each frame.
    """

    numbers: dict[str, list[np.ndarray]]
    means: dict[str, list[float]]
    tasks: list[str]
    episodes: list[int]


def load(root: Path, **options: Any) -> LeRobotDataset:
    """Open a dataset as a user does."""
    return LeRobotDataset(f"local/{root.name}", root=root, **options)


def frames_of(dataset: LeRobotDataset) -> Frames:
    """Read every frame with LeRobot's own loader."""
    cameras = dataset.meta.camera_keys
    columns = [name for name, f in dataset.meta.features.items() if name not in (*cameras, *DEFAULT)]
    found = Frames({name: [] for name in columns}, {name: [] for name in cameras}, [], [])
    for number in range(len(dataset)):
        item = dataset[number]
        if item["index"].item() != number:
            raise WrongError(f"frame {number} says that it is {item['index'].item()}")
        for name in columns:
            found.numbers[name].append(np.asarray(item[name]))
        for name in cameras:
            found.means[name].append(float(item[name].float().mean()))
        found.tasks.append(item["task"])
        found.episodes.append(item["episode_index"].item())
    return found


class Judge:
    """One dataset and what LeRobot's tools do with it.

    Args:
        root: the dataset; it is never changed.
        scratch: where copies and results go.
    """

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root = root
        self.scratch = scratch
        self.dataset = load(root)
        self.frames = frames_of(self.dataset)
        self.every = list(range(len(self.dataset)))

    def edit(self, kind: str, target: Path, *words: str, root: Path | None = None) -> str:
        """Run ``lerobot-edit-dataset`` with options as they are typed; return what it printed."""
        own = root or self.root
        options = [f"--operation.type={kind}", f"--new_repo_id=local/{target.name}", f"--new_root={target}", *words]
        if kind != "merge":
            options += [f"--repo_id=local/{own.name}", f"--root={own}"]
        before, sys.argv = sys.argv, ["lerobot-edit-dataset", *options]
        printed = StringIO()
        try:
            with redirect_stdout(printed):
                lerobot_edit_dataset.edit_dataset()
        finally:
            sys.argv = before
        return printed.getvalue()

    def compare(
        self,
        root: Path,
        wanted: Sequence[int],
        *,
        without: str = "",
        task: str | None = None,
        tolerance: float = COLOUR,
    ) -> LeRobotDataset:
        """Check that a result has the frames ``wanted``, in this order, and statistics of all its features."""
        dataset = load(root)
        found = frames_of(dataset)
        if len(found.tasks) < len(wanted):
            raise WrongError(f"{len(found.tasks)} frames, expected {len(wanted)}")
        for name, own in self.frames.numbers.items():
            if name == without:
                continue
            for place, number in enumerate(wanted):
                if not np.array_equal(found.numbers[name][place], own[number], equal_nan=own[number].dtype.kind == "f"):
                    raise WrongError(f"{name} of frame {place} is not that of frame {number} of the original")
        for name, own in self.frames.means.items():
            for place, number in enumerate(wanted if name != without else ()):
                if abs(found.means[name][place] - own[number]) > tolerance * max(1.0, abs(own[number])):
                    raise WrongError(f"{name} of frame {place} shows another picture than frame {number}")
        tasks = [task if task is not None else self.frames.tasks[number] for number in wanted]
        if found.tasks[: len(wanted)] != tasks:
            raise WrongError(f"tasks {sorted(set(found.tasks))}, expected {sorted(set(tasks))}")
        for name in self.frames.numbers:
            entry = (dataset.meta.stats or {}).get(name)
            if entry is None and name != without and dataset.meta.features[name]["dtype"] not in ("string", "language"):
                raise WrongError(f"stats.json says nothing of {name}")
        return dataset

    def rows_of(self, episodes: Sequence[int]) -> list[int]:
        """Return the frames of some episodes."""
        return [number for number in self.every if self.frames.episodes[number] in episodes]

    def copied(self, name: str) -> Path:
        """Return a copy of the dataset that may be changed."""
        return Path(shutil.copytree(self.root, self.scratch / name))


def delete_episodes(judge: Judge) -> None:
    target = judge.scratch / "deleted"
    judge.edit("delete_episodes", target, "--operation.episode_indices=[0]")
    left = range(1, judge.dataset.num_episodes)
    judge.compare(target, judge.rows_of(left), tolerance=RECODED)


def delete_the_middle(judge: Judge) -> None:
    target = judge.scratch / "deleted-middle"
    judge.edit("delete_episodes", target, "--operation.episode_indices=[1]")
    left = [episode for episode in range(judge.dataset.num_episodes) if episode != 1]
    judge.compare(target, judge.rows_of(left), tolerance=RECODED)


def split(judge: Judge) -> None:
    target = judge.scratch / "split"
    last = judge.dataset.num_episodes - 1
    others = list(range(last))
    judge.edit("split", target, f'--operation.splits={{"train": {others}, "val": [{last}]}}')
    judge.compare(target / "train", judge.rows_of(others), tolerance=RECODED)
    judge.compare(target / "val", judge.rows_of([last]), tolerance=RECODED)


def merge(judge: Judge) -> None:
    names, roots = [f"local/{judge.root.name}"] * 2, [str(judge.root)] * 2
    for name, choice in (("merged", "true"), ("joined-not", "false")):
        target = judge.scratch / name
        words = [f"--operation.repo_ids={names}", f"--operation.roots={roots}"]
        words += [f"--operation.concatenate_{what}={choice}" for what in ("videos", "data")]
        judge.edit("merge", target, *words)
        judge.compare(target, judge.every * 2)


def remove_feature(judge: Judge) -> None:
    cameras, columns = judge.dataset.meta.camera_keys, [name for name in judge.frames.numbers if name != "action"]
    for place, name in enumerate([*cameras[:1], *columns[:1]]):
        target = judge.scratch / f"removed-{place}"
        judge.edit("remove_feature", target, f"--operation.feature_names={[name]}")
        dataset = judge.compare(target, judge.every, without=name)
        if name in dataset.meta.features or name in dataset[0]:
            raise WrongError(f"{name} is still there")


def modify_tasks(judge: Judge) -> None:
    root = judge.copied("tasks")
    judge.edit("modify_tasks", root, f"--operation.new_task={NEW_TASK}", root=root)
    judge.compare(root, judge.every, task=NEW_TASK)


def convert_image_to_video(judge: Judge) -> None:
    target = judge.scratch / "converted"
    judge.edit("convert_image_to_video", target, "--operation.num_workers=1")
    judge.compare(target, judge.every, tolerance=RECODED)


def info(judge: Judge) -> None:
    printed = judge.edit("info", judge.scratch / "info", "--operation.show_features=true")
    count = f"{len(judge.every)}({len(judge.every)})"
    missing = [text for text in (count, "action", *judge.dataset.meta.camera_keys) if text not in printed]
    if missing:
        raise WrongError(f"{missing} is not in what is printed")


def recompute_stats(judge: Judge) -> None:
    before = {name: dict(entry) for name, entry in judge.dataset.meta.stats.items()}
    for name, words in (
        ("recomputed", []),
        ("relative", ["--operation.relative_action=true", "--operation.chunk_size=3"]),
    ):
        target = judge.scratch / name
        judge.edit("recompute_stats", target, *words)
        dataset = judge.compare(target, judge.every)
        for feature in judge.frames.numbers if not words else ():
            for statistic, value in dataset.meta.stats.get(feature, {}).items():
                # Quantiles of the whole are averages there, of all the data here.
                if statistic in ("min", "max", "mean", "std", "count") and not np.allclose(
                    value, before[feature][statistic], rtol=1e-4, atol=1e-4
                ):
                    raise WrongError(
                        f"{feature} {statistic} was {before[feature][statistic]}, LeRobot measures {value}"
                    )


def reencode_videos(judge: Judge) -> None:
    target = judge.scratch / "recoded"
    words = ["--operation.rgb_encoder.vcodec=h264", "--operation.rgb_encoder.crf=18"]
    judge.edit("reencode_videos", target, *words)
    judge.compare(target, judge.every, tolerance=RECODED)


def aggregate(judge: Judge) -> None:
    target = judge.scratch / "aggregated"
    names = [f"local/{judge.root.name}"] * 3
    aggregate_datasets(names, "local/aggregated", roots=[judge.root] * 3, aggr_root=target)
    judge.compare(target, judge.every * 3)


def add_take(root: Path) -> None:
    """Record an episode into a dataset with LeRobot, as ``lerobot-record --resume`` does."""
    dataset = LeRobotDataset.resume(f"local/{root.name}", root=root)
    generator = np.random.default_rng(5)
    for number in range(NEW_ROWS):
        frame: dict[str, Any] = {"task": NEW_TASK}
        for name, feature in dataset.meta.features.items():
            if name in DEFAULT:
                continue
            shape = tuple(feature["shape"])
            if feature["dtype"] in ("image", "video"):
                is_depth = bool((feature.get("info") or {}).get("is_depth_map"))
                frame[name] = np.full(shape, 900 if is_depth else 20 * number, np.uint16 if is_depth else np.uint8)
            elif feature["dtype"] == "string":
                frame[name] = f"text {number}"
            elif feature["dtype"] == "bool":
                frame[name] = np.zeros(shape, bool)
            else:
                frame[name] = generator.normal(0, 9, shape).astype(feature["dtype"])
        dataset.add_frame(frame)
    dataset.save_episode()
    dataset.finalize()


def resume(judge: Judge) -> None:
    root = judge.copied("resumed")
    add_take(root)
    add_take(root)
    dataset = judge.compare(root, judge.every)
    if len(dataset) != len(judge.every) + 2 * NEW_ROWS:
        raise WrongError(f"{len(dataset)} frames after two takes of {NEW_ROWS}")


def load_shuffled(judge: Judge) -> None:
    """Train on it: two workers, in any order, with windows into past and future."""
    step = 1 / judge.dataset.fps
    windows = {"action": [0.0, step], **{name: [-step, 0.0] for name in judge.dataset.meta.camera_keys}}
    dataset = load(judge.root, delta_timestamps=windows)
    loader = torch.utils.data.DataLoader(dataset, batch_size=4, shuffle=True, num_workers=2, persistent_workers=True)
    for _ in range(2):
        seen: list[int] = []
        for batch in loader:
            for place, number in enumerate(batch["index"].tolist()):
                seen.append(number)
                _compare_window(judge, {name: value[place] for name, value in batch.items()}, number)
        if sorted(seen) != judge.every:
            raise WrongError("not every frame came once")


def _compare_window(judge: Judge, item: dict[str, Any], number: int) -> None:
    episodes = judge.frames.episodes
    after = min(number + 1, len(episodes) - 1)
    after = after if episodes[after] == episodes[number] else number
    before = max(number - 1, 0)
    before = before if episodes[before] == episodes[number] else number
    actions = judge.frames.numbers["action"]
    if not np.array_equal(item["action"].numpy(), np.stack([actions[number], actions[after]])):
        raise WrongError(f"the actions of frame {number} are not those of {number} and {after}")
    for name, means in judge.frames.means.items():
        for picture, frame in zip(item[name], (before, number), strict=True):
            if abs(float(picture.float().mean()) - means[frame]) > COLOUR * max(1.0, abs(means[frame])):
                raise WrongError(f"{name} in the window of frame {number} is not frame {frame}")


OPERATIONS: dict[str, Callable[[Judge], None]] = {
    function.__name__: function
    for function in (
        info,
        delete_episodes,
        delete_the_middle,
        split,
        merge,
        remove_feature,
        modify_tasks,
        convert_image_to_video,
        recompute_stats,
        reencode_videos,
        aggregate,
        resume,
        load_shuffled,
    )
}


def note(scratch: Path, name: str) -> None:
    """Keep where an operation failed, for who reads a red test."""
    with (scratch.parent / "errors.txt").open("a", encoding="utf-8") as file:
        file.write(f"{name}\n{traceback.format_exc()}\n")


def answers_of(root: Path, names: Sequence[str], scratch: Path) -> dict[str, str]:
    """Do some operations and return by name what went wrong."""
    answers = {}
    try:
        judge = Judge(root, scratch)
    except Exception as error:  # noqa: BLE001 - whatever LeRobot raises is its answer
        note(scratch, "open")
        return {"open": f"{type(error).__name__}: {error}"[:400]}
    for name in names:
        try:
            OPERATIONS[name](judge)
        except Exception as error:  # noqa: BLE001
            note(scratch, name)
            answers[name] = f"{type(error).__name__}: {error}"[:400]
        else:
            answers[name] = ""
    return answers


def main() -> None:
    """Do what is asked."""
    answers = {}
    with redirect_stdout(sys.stderr):
        for number, job in enumerate(json.load(sys.stdin)):
            scratch = Path(sys.argv[1]) / str(number)
            scratch.mkdir()
            if job.get("takes"):
                add_take(Path(job["root"]))
            answers[job["root"]] = answers_of(Path(job["root"]), job["operations"], scratch)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
