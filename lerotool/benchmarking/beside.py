"""lerotool beside the real LeRobot: the same pictures, rows and settings, in turn, in one run.

LeRobot gets RGB arrays, as its camera threads deliver them. lerotool gets the same pictures twice: as arrays through
its Python API, and as the packets of cameras through a recording session. All takes are paced in real time.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lerotool.benchmarking.bench import Bench, Peer, PeerError, Site, wall_s
from lerotool.benchmarking.clips import Picture, make_dataset, mean_psnr
from lerotool.benchmarking.figures import Better, Failure, Figure
from lerotool.benchmarking.merges import differing_column
from lerotool.benchmarking.sessions import record_arrays, run_session
from lerotool.dataset.dataset import Dataset
from lerotool.errors import CorruptDatasetError, DatasetError, MediaError
from lerotool.merging.options import SourceArgument
from lerotool.merging.planning import merge_datasets
from lerotool.recording.config import BatchMode

WAIT, END, CPU, LIKENESS, MISSING = "wait per take", "wait at the end", "CPU per frame", "PSNR", "frames missing"
SHORTER, SHARE = "LeRobot's wait by lerotool's", "lerotool's CPU by LeRobot's"
MERGE_GROUP, MERGE_RATIO = "merging, beside LeRobot", "times faster"
_LIKE_DB = 0.5
_SOURCE_EPISODES = 4
_SOURCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Pair:
    """A way of LeRobot and the ways of lerotool that take its place."""

    mode: str
    name: str
    batch: int
    session: BatchMode
    has_arrays: bool


PAIRS = (
    Pair("immediate", "immediate", 1, BatchMode.FOREGROUND, has_arrays=True),
    Pair("batch2", "batch of 2", 2, BatchMode.FOREGROUND, has_arrays=False),
    Pair("streaming", "streaming", 1, BatchMode.BACKGROUND, has_arrays=False),
)


def group_of(take_s: float) -> str:
    """Return what figures of takes of a length are filed under."""
    return f"beside LeRobot, {take_s:g}-s takes"


@dataclass(frozen=True, slots=True)
class _Cost:
    """What recording cost, whoever did it."""

    wait_s: float
    end_s: float  # after the last one, or after it was saved, until the dataset was complete
    cpu_ms: float
    likeness: float  # to the camera's pictures, dB
    missing: int  # frames that are not there

    def figures(self, group: str, case: str, better: Better) -> list[Figure]:
        return [
            Figure(group, case, WAIT, "s", (self.wait_s,), better),
            Figure(group, case, END, "s", (self.end_s,), better),
            Figure(group, case, CPU, "ms/frame", (self.cpu_ms,), better),
            Figure(group, case, LIKENESS, "dB", (self.likeness,), Better.NEITHER),
            Figure(group, case, MISSING, "", (float(self.missing),), Better.NEITHER),
        ]


def record_beside(bench: Bench, peer: Peer, pair: Pair, takes: int, take_s: float) -> list[Figure | Failure]:
    """Let LeRobot and lerotool record the same takes, once each."""
    site, group, case = bench.site, group_of(take_s), f"{peer}, {pair.name}"
    rows, expected_s = round(take_s * site.rig.fps), takes * take_s
    pictures, root = site.folder / "pictures", site.folder / "set"
    pictures.mkdir(exist_ok=True)
    for clip in site.clips:
        np.save(pictures / f"{clip.name}.npy", np.stack(clip.decoded(site.rig)))

    def cost(told: Mapping[str, Any]) -> _Cost:
        likeness, missing = _look(root, pictures, rows * takes, site.rig.cameras)
        shutil.rmtree(root)
        frames = told.get("frames", rows * takes * site.rig.cameras)
        wait_s = max(0.0, sum(told["waits_s"]) / max(1, len(told["waits_s"])))
        return _Cost(wait_s, told["end_s"], told["cpu_s"] * 1e3 / frames, likeness, missing)

    found: list[Figure | Failure] = []
    theirs = None
    request = {"takes": takes, "rows": rows, "fps": site.rig.fps, "pictures": pictures, "target": root}
    try:
        theirs = cost(
            peer.run(
                "record",
                site.folder,
                {"mode": pair.mode, **request},
                lambda seconds: bench.advance(min(seconds, expected_s), expected_s, "s"),
            )
        )
        found += theirs.figures(group, case, Better.NEITHER)
    except (PeerError, DatasetError, MediaError) as error:
        found.append(Failure(group, case, str(error)))
        shutil.rmtree(root, ignore_errors=True)
    flags = f"--batch {pair.batch}" + (" --foreground" if pair.session is BatchMode.FOREGROUND else "")
    session = bench.run("takes", run_session, pair.batch, pair.session, takes, take_s)
    told = {"waits_s": session.waits_s, "end_s": session.end_s, "cpu_s": session.cpu_s, "frames": session.frames}
    ways = {f"lerotool record {flags}": cost(told)}
    if pair.has_arrays:
        arrays = bench.run("takes", record_arrays, pictures, takes, rows, pair.batch)
        ways[f"lerotool.DatasetWriter(batch={pair.batch})"] = cost(arrays)
    for name, ours in ways.items():
        found += ours.figures(group, name, Better.LESS)
        if theirs is None:
            continue
        if abs(ours.likeness - theirs.likeness) > _LIKE_DB:
            raise CorruptDatasetError(
                f"{name}: pictures differ from those of {case}, by {ours.likeness - theirs.likeness:+.2f} dB; "
                "the work is not the same, so no ratios are given"
            )
        shorter = theirs.wait_s / max(ours.wait_s, 1e-3)
        found.append(Figure(group, name, SHORTER, "x", (shorter,), Better.MORE))
        found.append(Figure(group, name, SHARE, "x", (ours.cpu_ms / theirs.cpu_ms,)))
    return found


def _look(root: Path, pictures: Path, rows: int, cameras: int) -> tuple[float, int]:
    """Return how like the frames of the first take are to the sources, and how many are missing in all."""
    dataset = Dataset.open(root)
    missing = max(0, rows - dataset.num_frames) * cameras
    likeness = []
    for camera in dataset.cameras:
        sources: Picture = np.load(pictures / f"{camera.rpartition('.')[2]}.npy", mmap_mode="r")
        likeness.append(mean_psnr(dataset.frames(0, camera), sources))
        for episode in dataset.episodes:
            decoded = 0
            with contextlib.suppress(MediaError):  # fewer frames than rows: that is what is counted
                for _ in dataset.frames(episode.index, camera):
                    decoded += 1
            missing += episode.length - decoded
    return float(np.mean(likeness)), missing


def make_source(site: Site) -> None:
    """Make a v3.0 dataset with real videos."""
    rows = round(_SOURCE_S * site.rig.fps)
    make_dataset(site.folder / "source", site.rig, site.clips, _SOURCE_EPISODES, rows)


def merge_copies(site: Site, sources: list[Path]) -> float:
    """Merge datasets with lerotool, as it does without any option, and return the seconds that it took."""
    arguments = tuple(SourceArgument.parse(str(source)) for source in sources)
    return wall_s(lambda: merge_datasets(arguments, site.folder / "ours"))


def merge_beside(bench: Bench, peer: Peer, count: int) -> list[Figure | Failure]:
    """Merge copies of a dataset with LeRobot and with lerotool."""
    folder, case = bench.site.folder, f"{count} datasets"
    bench.run("episodes", make_source)
    sources = [folder / f"copy{number}" for number in range(count)]
    for copied in sources:
        shutil.copytree(folder / "source", copied)
    copy_s = wall_s(lambda: [shutil.copytree(s, folder / "plain" / s.name) for s in sources])
    ours_s = bench.run("datasets", merge_copies, sources)
    found: list[Figure | Failure] = [
        Figure(MERGE_GROUP, case, "lerotool", "s", (ours_s,)),
        Figure(MERGE_GROUP, case, "plain copy", "s", (copy_s,), Better.NEITHER),
    ]
    request = {"sources": sources, "target": folder / "theirs"}
    try:
        theirs = peer.run("merge", folder, request, lambda s: bench.advance(s, 2 * s + 1, "s"))
        merged = Dataset.open(folder / "theirs")
        if (name := differing_column(Dataset.open(folder / "ours"), merged)) is not None:
            raise CorruptDatasetError(f"{merged.root}: column {name!r} is not the one that lerotool has merged")
    except (PeerError, DatasetError) as error:
        return [*found, Failure(MERGE_GROUP, f"{peer}, {case}", str(error))]
    return [
        *found,
        Figure(MERGE_GROUP, case, str(peer), "s", (theirs["wall_s"],), Better.NEITHER),
        Figure(MERGE_GROUP, case, MERGE_RATIO, "x", (theirs["wall_s"] / ours_s,), Better.MORE),
    ]
