"""A saved run says what was found, and nothing else is taken for one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lerotool.benchmarking.figures import Basis, Better, Failure, Found, PlanEntry, load_report
from lerotool.errors import MetadataError
from tests.benchmarking.parts import figure, report


def test_a_saved_run_is_read_back_as_it_was(tmp_path: Path) -> None:
    run = report(
        figure("wait", 1.0, 3.0, 2.0),
        figure("rate", 200.0, unit="frames/s", better=Better.MORE),
        figure("wait", 9.0, case="two", basis=Basis.ESTIMATED),
        failures=(Failure("waiting", "LeRobot", "TypeError"),),
    )
    plan = PlanEntry(
        expected_s=144.0, peer_s=0.0, limit_s=180.0, left_out=("operations",), words="15 steps, about 2:24"
    )
    run = run.model_copy(update={"plan": plan})
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run.to_json()))
    assert load_report(path) == run
    first = json.loads(path.read_text())["figures"][0]
    assert (first["median"], first["min"], first["max"], first["spread"]) == (2.0, 1.0, 3.0, 1.0)


def test_figures_that_come_again_are_repeats() -> None:
    found = Found()
    found.add([figure("wait", 1.0), figure("rate", 5.0)])
    found.add([figure("wait", 2.0)])
    assert [f.values for f in found] == [(1.0, 2.0), (5.0,)]
    assert found.typical("waiting", "one", "wait") == 1.5
    assert found.typical("waiting", "one", "nothing") is None


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"schema": 2}, "schema"),
        ({"kind": "something else"}, "kind"),
        ({"figures": [{"group": "a"}]}, "figures.0.case"),
        ({"machine": None}, "machine"),
    ],
)
def test_a_wrong_document_is_named_with_its_place(tmp_path: Path, change: dict[str, Any], place: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**report(figure()).to_json(), **change}))
    with pytest.raises(MetadataError, match=f"run.json: {place}"):
        load_report(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1]"])
def test_a_file_that_is_no_document_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(MetadataError, match=r"run\.json") as caught:
        load_report(path)
    assert caught.value.hint is not None


def test_a_figure_without_values_or_with_infinite_ones_is_refused(tmp_path: Path) -> None:
    for values in ([], [float("inf")]):
        document = report(figure()).to_json()
        document["figures"][0]["values"] = values
        path = tmp_path / "run.json"
        path.write_text(json.dumps(document))
        with pytest.raises(MetadataError, match="values"):
            load_report(path)
