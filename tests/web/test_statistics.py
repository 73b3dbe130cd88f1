"""The statistics of a dataset on its page, with units where a dataset shows them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.info import INFO
from lerotool.web.describing import COLUMNS, statistics_table
from tests.web.conftest import FRONT, LENGTHS
from tests.web.serving import PATIENCE_MS, serving

expect.set_options(timeout=PATIENCE_MS)
FRAMES = np.concatenate([np.arange(length) for length in LENGTHS])


def lines(root: Path, feature: str) -> dict[str, tuple[str, dict[str, float | None]]]:
    """Return unit and values by the label of each dimension."""
    (found,) = (each for each in statistics_table(Dataset.open(root))["features"] if each["name"] == feature)
    return {line["label"]: (line["unit"], dict(zip(COLUMNS, line["values"], strict=True))) for line in found["lines"]}


@pytest.mark.parametrize("version", ["v30", "v21"])
def test_each_joint_and_colour_has_its_numbers(numbered: dict[str, Path], version: str) -> None:
    unit, values = lines(numbered[version], "observation.state")["lift.pos"]
    assert unit == ""
    assert (values["min"], values["max"]) == (0, max(LENGTHS) - 1)
    assert values["mean"] == pytest.approx(FRAMES.mean(), rel=1e-5)
    assert values["std"] == pytest.approx(FRAMES.std(), rel=1e-5)
    colours = lines(numbered[version], FRONT)
    assert {label: unit for label, (unit, _) in colours.items()} == dict.fromkeys(
        ("red", "green", "blue"), "of full scale"
    )
    assert all(0 <= values["mean"] <= 1 for _, values in colours.values() if values["mean"] is not None)


@pytest.mark.parametrize(
    ("robot", "largest", "unit", "told"),
    [
        ("so_follower", 170.0, "°", "joints in degrees: a joint is at 170"),
        ("so_follower", 90.0, "°", "joints in degrees: pictures are described as by LeRobot 0.6, whose default it is"),
        (
            *("so101_follower", 90.0, "% of half the range"),
            "joints in per cent of half their range: the robot has the name that LeRobot used up to 0.4.2",
        ),
        ("koch_follower", 170.0, "", None),
    ],
)
def test_a_unit_is_named_where_the_dataset_shows_it(
    numbered: dict[str, Path], tmp_path: Path, robot: str, largest: float, unit: str, told: str | None
) -> None:
    root = Path(shutil.copytree(numbered["v30"], tmp_path / "set"))
    info = json.loads((root / INFO).read_bytes())
    (root / INFO).write_text(json.dumps({**info, "robot_type": robot}))
    stats = json.loads((root / "meta/stats.json").read_bytes())
    stats["observation.state"]["max"][0] = largest
    (root / "meta/stats.json").write_text(json.dumps(stats))
    assert lines(root, "observation.state")["pan.pos"][0] == unit
    assert statistics_table(Dataset.open(root))["units"] == told
    assert lines(root, FRONT)["red"][0] == "of full scale"


@pytest.mark.slow
def test_the_page_shows_them_when_they_are_opened(page: Page, numbered: dict[str, Path]) -> None:
    with serving(numbered["v30"]) as server:
        page.goto(f"{server.address}/d/{server.key('v30')}")
        table = page.locator(".statistics table")
        expect(page.locator(".card").first).to_be_visible()
        expect(table).to_have_count(0)
        page.get_by_text("Statistics", exact=True).click()
        row = table.locator("[data-feature='observation.state'] tr", has_text="lift.pos")
        expect(row.locator("td").last).to_have_text(str(max(LENGTHS) - 1))
