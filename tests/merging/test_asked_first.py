"""What only the user can know is asked before anything is written, with options that settle it as they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lerotool
from lerotool.checking import Code, check
from lerotool.dataset.dataset import Dataset
from lerotool.errors import IncompatibleDatasetError
from lerotool.features import Feature, camera, vector
from lerotool.merging.options import SourceArgument
from lerotool.merging.planning import make_plan
from tests.checking.advised import advised, run
from tests.dataset.writing import FRONT, STATE_ONLY, WRIST
from tests.merging.sets import make

TOP = "observation.images.top"


def arm(names: list[str] | None, width: int = 0) -> dict[str, Feature]:
    entry = Feature("float32", (width,)) if names is None else vector(names)
    return {"action": entry, "observation.state": entry}


def refusal(sources: list[Path], target: Path, **options: object) -> str:
    """Return why a merge is refused; nothing may be left of it."""
    with pytest.raises(IncompatibleDatasetError) as caught:
        lerotool.merge(sources, target, **options)
    assert not target.exists()
    return str(caught.value)


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [
        (["x", "x", "y"], ["a", "b"], "pad=True, ignore_names=True"),
        (["x", "x"], ["x", "y"], "ignore_names=True"),
        (["x", "y", "z"], None, "pad=True, ignore_names=True"),
        (None, ["x", "y", "z"], "pad=True, ignore_names=True"),
    ],
)
def test_values_never_come_to_stand_under_the_names_of_other_joints(
    tmp_path: Path, first: list[str] | None, second: list[str] | None, asked: str
) -> None:
    sources = [make(tmp_path / n, (2,), arm(names, 2), seed=3) for n, names in (("a", first), ("b", second))]
    assert asked in refusal(sources, tmp_path / "merged")
    refusal(sources, tmp_path / "merged", pad=True)
    lerotool.merge(sources, tmp_path / "merged", pad=True, ignore_names=True)
    found = Dataset.open(tmp_path / "merged").numpy("action")
    own = [Dataset.open(source).numpy("action") for source in sources]
    assert np.array_equal(found[:2, : own[0].shape[1]], own[0])
    assert np.array_equal(found[2:, : own[1].shape[1]], own[1])


def test_names_that_contradict_are_asked_about_though_a_third_source_has_none(tmp_path: Path) -> None:
    sources = [
        make(tmp_path / n, (2,), arm(names, 2), seed=k)
        for k, (n, names) in enumerate([("a", ["x", "y"]), ("b", ["y", "x"]), ("c", None)])
    ]
    assert "2 dimensions without names in c" in refusal(sources, tmp_path / "merged")


def test_an_unknown_robot_is_not_taken_for_the_robot_of_the_others(tmp_path: Path) -> None:
    sources = [make(tmp_path / "a", (2,)), make(tmp_path / "b", (2,), robot_type=None)]
    text = refusal(sources, tmp_path / "merged")
    assert "so_follower in a; unknown in b" in text
    lerotool.merge(sources, tmp_path / "merged", robot_type="so_follower")
    assert Dataset.open(tmp_path / "merged").robot_type == "so_follower"


@pytest.mark.slow
def test_two_picture_sizes_of_one_camera_are_asked_about(tmp_path: Path) -> None:
    sources = [
        make(tmp_path / n, (2,), {**STATE_ONLY, FRONT: camera(*size)}, seed=k)
        for k, (n, size) in enumerate([("a", (48, 64)), ("b", (32, 64))])
    ]
    text = refusal(sources, tmp_path / "merged")
    assert "64x48 in a; 64x32 in b" in text
    assert "reencode" in text
    assert "keep" in text
    lerotool.merge(sources, tmp_path / "merged", reencode=True)
    merged = Dataset.open(tmp_path / "merged")
    assert {next(iter(merged.frames(n, FRONT))).shape for n in range(2)} == {(48, 64, 3)}


@pytest.mark.slow
def test_what_check_advises_for_two_sizes_of_one_camera_makes_them_one(tmp_path: Path) -> None:
    sources = [
        make(tmp_path / n, (2,), {**STATE_ONLY, FRONT: camera(*size)}, seed=k)
        for k, (n, size) in enumerate([("a", (48, 64)), ("b", (32, 64))])
    ]
    lerotool.merge(sources, tmp_path / "mixed", keep_sizes=True)

    (command,) = [command for command in advised(tmp_path / "mixed") if "--reencode" in command]
    assert run(*command)[0] == 0

    (made,) = [path for path in tmp_path.iterdir() if path.name.startswith("mixed-")]
    assert Code.VIDEO_INFO not in check(made).codes
    assert {next(iter(Dataset.open(made).frames(n, FRONT))).shape for n in range(2)} == {(48, 64, 3)}


@pytest.mark.slow
def test_no_size_is_asked_about_where_resampling_makes_them_one(tmp_path: Path) -> None:
    first = make(tmp_path / "a", (4,), {**STATE_ONLY, FRONT: camera(48, 64)}, fps=10)
    second = make(tmp_path / "b", (8,), {**STATE_ONLY, FRONT: camera(32, 64)}, fps=20)
    report = lerotool.merge([first, second], tmp_path / "merged", fps=10)
    assert "encoded again at 64x48" in " ".join(map(str, report.differences))
    merged = Dataset.open(tmp_path / "merged")
    assert {next(iter(merged.frames(n, FRONT))).shape for n in range(2)} == {(48, 64, 3)}
    assert "64x48 in a" in refusal([first, second], tmp_path / "other", fps=20)


def test_a_camera_of_another_name_is_offered_in_place_of_one_that_is_missing(tmp_path: Path) -> None:
    first = make(tmp_path / "a", (2,), {**STATE_ONLY, FRONT: camera(48, 64), WRIST: camera(48, 64)})
    others = [make(tmp_path / n, (2,), {**STATE_ONLY, TOP: camera(48, 64)}, seed=3) for n in "bc"]
    text = refusal([first, *others], tmp_path / "merged")
    assert f"'{TOP}': '{FRONT}'" in text
    assert f"'{TOP}': '{WRIST}'" in text
    lerotool.merge([first, *others], tmp_path / "merged", rename={TOP: FRONT}, drop=[WRIST])
    assert Dataset.open(tmp_path / "merged").cameras == (FRONT,)


def test_options_with_odd_names_are_quoted_for_the_shell(tmp_path: Path) -> None:
    first = make(tmp_path / "a", (2,), {**STATE_ONLY, "left & right": vector(["x"])})
    sources = tuple(map(SourceArgument.parse, [first, make(tmp_path / "b", (2,))]))
    (difference,) = make_plan(sources, tmp_path / "merged").open_differences
    assert difference.flags == ("--drop 'left & right'",)
