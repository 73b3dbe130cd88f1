"""LeRobot's own tools work on everything that lerotool writes, and give every row and picture back.

The operations are in ``lerobot_tools.py``: all nine of ``lerobot-edit-dataset``, ``aggregate_datasets``,
``LeRobotDataset.resume`` and a shuffled loader with two workers and windows. Where LeRobot fails on its own data in the
same way, that is said in `LEROBOT_FAILS` and shown by the golden datasets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lerotool
from lerotool import DatasetWriter, EncoderSettings
from lerotool.cli.app import run
from lerotool.dataset.dataset import Dataset
from lerotool.features import Feature, parse_features, recorded_features
from lerotool.mending.repair import repair
from tests.checking.defects import DEFECTS
from tests.dataset.reading import IMAGE_SET, OLD_SET, VIDEO_SET, copy_set
from tests.lerobot_judge import use_tools
from tests.mending.rescue.leftovers import CRASHED, copy_golden
from tests.shared import GOLDEN
from tests.test_writer import FEATURES, FRONT, create, fill

EDITS = (
    "info",
    "delete_episodes",
    "delete_the_middle",
    "split",
    "merge",
    "remove_feature",
    "modify_tasks",
    "convert_image_to_video",
    "recompute_stats",
    "reencode_videos",
)
ALL = (*EDITS, "aggregate", "resume", "load_shuffled")
SOME = ("delete_the_middle", "merge", "resume", "load_shuffled")
LEROBOT_FAILS = {
    "of videos": {"convert_image_to_video": "ValueError: This operation is for image datasets only"},
    # Its converter from v2.1 knows no quantiles; its recorder then adds a table that has them.
    "without quantiles": {"resume": "DatasetGenerationError: An error occurred while generating the dataset"},
    # Its recorder goes on with AV1 whatever the dataset's videos are; its merge does not join the two.
    "of two codecs": {"merge": "ValueError: Input video"},
}
PADDED = {"recompute_stats": "WrongError: action mean was"}
"""LeRobot counts the zeros that fill up other robots' joints; lerotool does not."""
DEFECTIVE = (
    "total_frames too small",
    "episodes missing",
    "tasks reversed",
    "rows shuffled",
    "jittering timestamps",
    "from_timestamp one frame late",
    "data footerless",
)

pytestmark = [pytest.mark.lerobot, pytest.mark.timeout(900)]


def _job(root: Path, operations: Sequence[str] = ALL, takes: int = 0) -> dict[str, Any]:
    return {"root": str(root), "operations": list(operations), "takes": takes}


def _assert_fine(jobs: Sequence[Mapping[str, Any]], tmp_path: Path, fails: Mapping[str, Mapping[str, str]]) -> None:
    """Assert that LeRobot does all of it, but for what ``fails`` says by name of the folder and operation."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    answers = use_tools(jobs, scratch)
    wrong = {}
    for job in jobs:
        root = Path(job["root"])
        expected = {name: fails.get(root.name, {}).get(name, "") for name in job["operations"]}
        found = answers[job["root"]]
        for name in {*expected, *found}:
            text, answer = expected.get(name, ""), found.get(name, "was not done")
            if not answer.startswith(text) or bool(answer) != bool(text):
                wrong[f"{root.parent.name}/{root.name}, {name}"] = answer
    errors = scratch / "errors.txt"
    assert not wrong, f"{wrong}\n{errors.read_text()[-4000:] if errors.exists() else ''}"


def test_lerobot_edits_what_was_recorded(tmp_path: Path) -> None:
    root = tmp_path / "recorded"
    words = ["--camera", "front=sim,96x64,10", "--fps", "10", "--episodes", "3", "--episode-time", "1"]
    assert run(["record", "--robot", "sim", *words, "--root", str(root), "--task", "pick é", "--quiet"]) == 0
    pictures = tmp_path / "pictures"
    features = {**FEATURES, FRONT: {"dtype": "image", "shape": (64, 96, 3), "names": ["height", "width", "channels"]}}
    with create(pictures, features) as writer:
        for number in range(3):
            fill(writer, range(10 * number, 10 * number + 4))
    fails = {"recorded": LEROBOT_FAILS["of videos"]}
    _assert_fine([_job(root), _job(pictures)], tmp_path, fails)


def test_lerobot_edits_what_was_merged(tmp_path: Path) -> None:
    padded, mixed = tmp_path / "padded", tmp_path / "mixed"
    two, wide = GOLDEN / VIDEO_SET, GOLDEN / "v30_lerobot061_wide"
    lerotool.merge([two, wide], padded, pad=True, fill_camera="black", robot_type="both")
    lerotool.merge([GOLDEN / OLD_SET, two], mixed, robot_type="both")
    fails = {"padded": {**LEROBOT_FAILS["of videos"], **PADDED}, "mixed": LEROBOT_FAILS["without quantiles"]}
    _assert_fine([_job(padded), _job(mixed, SOME)], tmp_path, fails)


def test_lerobot_edits_what_was_converted(tmp_path: Path) -> None:
    converted, measured, pictures = (tmp_path / name for name in ("converted", "measured", "pictures"))
    for target in (converted, measured):
        lerotool.merge([GOLDEN / OLD_SET], target)
    assert run(["stats", str(measured), "--write", "--quiet"]) == 0
    lerotool.merge([GOLDEN / "v21_lerobot033_images"], pictures)
    fails = {
        "converted": {**LEROBOT_FAILS["of videos"], **LEROBOT_FAILS["without quantiles"]},
        "pictures": LEROBOT_FAILS["without quantiles"],
    }
    _assert_fine([_job(converted), _job(measured, SOME), _job(pictures)], tmp_path, fails)


def test_lerobot_edits_what_was_repaired(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Each of them two of the operations, unless the run is exhaustive."""
    roots = []
    for number, name in enumerate(DEFECTIVE):
        folder = tmp_path / str(number)
        folder.mkdir()
        root = DEFECTS[name].make(folder)
        repair(root)
        roots.append(root)
    rescued = copy_golden(CRASHED, tmp_path / "rescued")
    run(["encode", "--pending", str(rescued), "--quiet"])
    recoded = tmp_path / "recoded"
    assert run(["encode", str(GOLDEN / VIDEO_SET), "-o", str(recoded), "--codec", "h264", "--quiet"]) == 0
    every = (*roots, rescued, recoded)
    wanted = [SOME if pytestconfig.getoption("exhaustive") else (SOME * 3)[n % 4 :: 2][:2] for n in range(len(every))]
    _assert_fine([_job(root, names) for root, names in zip(every, wanted, strict=True)], tmp_path, {})


def test_lerobot_and_lerotool_record_into_the_same_dataset_in_turn(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", copy_set(VIDEO_SET, tmp_path / "golden")
    with create(ours, encoder=EncoderSettings()) as writer:
        _record(writer, parse_features(FEATURES), 5)
    scratch = tmp_path / "first"
    scratch.mkdir()
    use_tools([_job(ours, (), takes=1), _job(theirs, (), takes=1)], scratch)
    before = {root: Dataset.open(root).num_frames for root in (ours, theirs)}
    for root in (ours, theirs):
        _record_with_lerotool(root)
    _assert_fine([_job(root, SOME, takes=1) for root in (ours, theirs)], tmp_path, {})

    assert before == {ours: 5 + 9, theirs: 62 + 9}
    for root in (ours, theirs):
        dataset = Dataset.open(root)
        assert dataset.num_frames == before[root] + 6 + 9
        assert dataset.episodes.lengths.tolist()[-3:] == [9, 6, 9]


def _record_with_lerotool(root: Path) -> None:
    features = recorded_features(Dataset.open(root).features)
    with DatasetWriter.resume(root, jobs=1) as writer:
        _record(writer, features, 6)


def _record(writer: DatasetWriter, features: Mapping[str, Feature], frames: int) -> None:
    """Record an episode whose pictures are plain: LeRobot's preset of SVT-AV1 shows others wrongly now and then."""
    for number in range(frames):
        frame = {
            name: np.full(feature.shape, 20 * number, np.uint8 if feature.is_camera else np.float32)
            for name, feature in features.items()
        }
        writer.add_frame(frame, task="push on")
    writer.save_episode()


def test_lerobot_fails_on_its_own_data_in_the_same_way(tmp_path: Path) -> None:
    videos, pictures, converted = (GOLDEN / name for name in (VIDEO_SET, IMAGE_SET, "v30_from_v21"))
    fails = {videos.name: LEROBOT_FAILS["of videos"], converted.name: LEROBOT_FAILS["without quantiles"]}
    h264 = copy_set("v30_lerobot061_h264", tmp_path)
    fails[h264.name] = LEROBOT_FAILS["of two codecs"]
    both = ("convert_image_to_video", "resume")
    jobs = [_job(h264, ("merge",), takes=1), _job(videos, both), _job(pictures, both)]
    _assert_fine([*jobs, _job(converted, ("resume",))], tmp_path, fails)
