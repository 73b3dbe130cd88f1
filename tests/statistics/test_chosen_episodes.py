"""Statistics of some episodes are those that a dataset of nothing else would have."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lerotool import Sampling, measure_statistics, merge
from lerotool.cli.app import run
from lerotool.dataset.marks import save_mark
from tests.shared import GOLDEN

SETS = ("v30_lerobot061_two_cams", "v30_lerobot061_images")


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("chosen", ["1", "0,2", "-1"])
def test_chosen_episodes_have_the_statistics_of_a_dataset_of_them(name: str, chosen: str, tmp_path: Path) -> None:
    merge([f"{GOLDEN / name}:{chosen}"], tmp_path / "part")
    expected = {each.name: each for each in measure_statistics(tmp_path / "part", sampling=Sampling())}
    found = measure_statistics(GOLDEN / name, episodes=chosen, sampling=Sampling(), with_episodes=True)

    assert [each.name for each in found] == list(expected)
    for each in found:
        if each.name in ("index", "episode_index", "task_index"):
            continue
        np.testing.assert_allclose(each.values, expected[each.name].values, rtol=1e-12)
        np.testing.assert_array_equal(each.bars, expected[each.name].bars)
        assert each.count == expected[each.name].count
        assert each.episodes is not None
        assert int((each.episodes.counts > 0).sum()) == len(chosen.split(","))


def test_stats_takes_episodes_by_their_mark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(shutil.copytree(GOLDEN / SETS[0], tmp_path / "set"))
    save_mark(root, 2, {"outcome": "success"})

    assert run(["stats", f"{root}:success", "--feature", "action", "--per-episode", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["chosen"], document["episodes"]) == ("success", 1)
    assert [each["episode"] for each in document["features"]["action"]["episodes"]] == [2]
    assert run(["stats", f"{root}:failure"]) == 2
    assert "no episodes that are failure; marks there: 1 success" in capsys.readouterr().err
    assert run(["stats", f"{root}:success", "--write"]) == 2
    assert "are for whole datasets" in capsys.readouterr().err
