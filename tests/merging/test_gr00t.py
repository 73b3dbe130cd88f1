"""What GR00T reads beside LeRobot's own files: its map is kept where it is true, and nothing it asks for is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lerotool
from lerotool.dataset.dataset import Dataset
from lerotool.features import camera, vector
from lerotool.moments import numeric_stats
from tests.dataset.reading import edit_json
from tests.dataset.writing import FRONT
from tests.merging.sets import make
from tests.shared import REALDATA, needs_realdata

JOINTS = ["x", "y", "hand"]
FEATURES = {"action": vector(JOINTS), "observation.state": vector(JOINTS), FRONT: camera(48, 64)}
PARTS = {"arm": {"start": 0, "end": 2}, "hand": {"start": 2, "end": 3}}
MAP = {"state": PARTS, "action": PARTS, "video": {"ego": {"original_key": FRONT}}, "annotation": {"human": {}}}


def mapped(root: Path, document: Any = MAP, **options: Any) -> Path:
    """Make a dataset with a map."""
    make(root, (2, 3), FEATURES, **options)
    (root / "meta/modality.json").write_text(json.dumps(document))
    return root


def modality(root: Path) -> Any:
    path = root / "meta/modality.json"
    return json.loads(path.read_text()) if path.exists() else None


@pytest.mark.slow
@pytest.mark.parametrize("gr00t", [True, False])
def test_a_map_that_still_fits_is_carried_over(tmp_path: Path, gr00t: bool) -> None:
    sources = [mapped(tmp_path / "a"), mapped(tmp_path / "b", seed=3), make(tmp_path / "c", (2,), FEATURES)]
    report = lerotool.merge(sources, tmp_path / "merged", to="v2.1", gr00t=gr00t)
    assert modality(tmp_path / "merged") == MAP
    assert not any("modality" in note for note in report.notes)


def test_a_map_that_no_longer_fits_is_not_carried_over_and_said(tmp_path: Path) -> None:
    plain = mapped(tmp_path / "a")
    other = mapped(tmp_path / "b", MAP | {"state": {}}, seed=3)
    wide = make(tmp_path / "wide", (2,), {**FEATURES, "action": vector(["z", *JOINTS])})
    cases: list[tuple[list[Path], dict[str, Any], str]] = [
        ([plain, other], {}, "they differ"),
        ([plain, wide], {"pad": True}, "'action' of a has another name or order"),
        ([plain], {"drop": [FRONT]}, f"it names {FRONT}, which the result does not have"),
        ([plain], {"rename": {"action": "act"}}, "'action' of a has another name"),
    ]
    for number, (sources, options, reason) in enumerate(cases):
        report = lerotool.merge(sources, tmp_path / f"m{number}", to="v2.1", **options)
        assert modality(tmp_path / f"m{number}") is None
        assert any("modality.json of a" in note and reason in note for note in report.notes), report.notes
    lerotool.merge([plain, other], tmp_path / "drafted", to="v2.1", gr00t=True)
    assert modality(tmp_path / "drafted")["video"] == {"front": {"original_key": FRONT}}


def test_statistics_of_the_whole_and_complete_blocks_are_written(tmp_path: Path) -> None:
    source = mapped(tmp_path / "a")

    def age(document: dict[str, Any]) -> None:
        entry = document["features"][FRONT]
        entry["video_info"] = {"video.fps": 3, "video.codec": "av1"}
        del entry["info"]

    edit_json(source / "meta/info.json", age)
    lerotool.merge([source], tmp_path / "merged", to="v2.1", gr00t=True)
    block = json.loads((tmp_path / "merged/meta/info.json").read_text())["features"][FRONT]["info"]
    assert [block[f"video.{key}"] for key in ("height", "width", "channels", "fps")] == [48, 64, 3, 10]
    stats = json.loads((tmp_path / "merged/meta/stats.json").read_text())
    expected = numeric_stats(Dataset.open(source).numpy("action"))
    for key, value in (("mean", expected.mean), ("q01", expected.quantiles["q01"]), ("max", expected.max)):
        np.testing.assert_allclose(stats["action"][key], value)


@pytest.mark.slow
@needs_realdata
def test_the_map_of_a_real_gr1_is_carried_over(tmp_path: Path) -> None:
    source = REALDATA / "gr1_sim_v20"
    options = {"drop": ["observation.images.egoview"], "retime": True, "to": "v2.1", "gr00t": True}
    lerotool.merge([f"{source}:0"], tmp_path / "merged", **options)
    assert modality(tmp_path / "merged") == modality(source)
    assert len(modality(source)["state"]) == 8
