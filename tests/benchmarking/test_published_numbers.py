"""The tables of docs/numbers.md are made of a saved run, and only what stands between the marks changes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from lerotool.benchmarking import codecs, strategies
from lerotool.benchmarking.figures import Basis, Better, Failure
from tests.benchmarking.parts import figure, report

SCRIPT = Path(__file__).parents[2] / "scripts" / "published_numbers.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("published_numbers", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_figures_failures_and_estimates_are_told(script: ModuleType) -> None:
    group = strategies.group_of(15.0)
    text = script.section(
        report(
            figure(strategies.WAIT, 7.5, group=group, case="immediate", basis=Basis.ESTIMATED),
            figure(codecs.RATE, 140.0, 160.0, group=codecs.GROUP, unit="frames/s", better=Better.MORE),
            failures=(Failure("beside", "LeRobot 0.6.1, batch of 2", "TypeError: a"),),
        )
    )
    assert "| immediate | ≈ 7.50 s |" in text
    assert "| one | 150 frames/s |" in text
    assert "LeRobot 0.6.1, batch of 2 failed: `TypeError: a`" in text


def test_only_what_is_between_the_marks_changes(script: ModuleType) -> None:
    new = script.section(report(figure()))
    once = script.replaced(f"before\n{script.BEGIN}\nold\n{script.END}\nafter\n", new)
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert "old" not in once
    assert script.replaced(once, new) == once
    with pytest.raises(SystemExit):
        script.replaced("no marks", new)
