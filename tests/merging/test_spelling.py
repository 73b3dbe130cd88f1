"""What Python says of options is what Python takes."""

from __future__ import annotations

from pathlib import Path

import pytest

import lerotool
from lerotool.errors import LerotoolError
from lerotool.merging.options import in_python
from tests.merging.sets import make


@pytest.mark.parametrize(
    ("typed", "argument"),
    [
        ("settle it with --fps 30 or --fps 29.97)", "settle it with fps=30 or fps=29.97)"),
        ("--pad --ignore-names or --drop 'left & right'", "pad=True, ignore_names=True or drop=['left & right']"),
        ("--rename a=b --rename c=d", "rename={'a': 'b', 'c': 'd'}"),
        ("--rename 2:a.b=c --rename 2:d=e", "rename={'ds': {'a.b': 'c', 'd': 'e'}}"),
        ("--rename 3:a=b", "rename={2: {'a': 'b'}}"),
        ("--calibration 1:FILE", "calibration={'me/a': 'FILE'}"),
        ("--source-units range", "source_units='range'"),
        ("--drop x: no source has such a feature", "drop=['x']: no source has such a feature"),
        ("--fps 0: expected", "fps=0: expected"),
        ("--retime writes frame number / fps", "retime=True writes frame number / fps"),
        ("(--units degrees, with --calibration)", "(units='degrees', with calibration)"),
        ("lerotool encode --pending data --episodes 3", "lerotool encode --pending data --episodes 3"),
        ("--padded --rename-all", "--padded --rename-all"),
    ],
)
def test_options_become_arguments(typed: str, argument: str) -> None:
    assert in_python(typed, ["me/a", "ds"]) == argument


def test_python_is_answered_with_its_own_arguments_and_the_command_line_with_options(tmp_path: Path) -> None:
    sources = [make(tmp_path / "a", (2,)), make(tmp_path / "b", (2,), fps=20)]
    with pytest.raises(LerotoolError, match=r"settle it with fps=20 or fps=10\)") as caught:
        lerotool.merge(sources, tmp_path / "merged")
    assert "--" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "v2.0"},
        {"to": "v4"},
        {"fps": 0},
        {"rename": ["x"]},
        {"units": "ticks"},
        {"rename": {"c": {"x": "y"}}},
        {"source_units": {3: "range"}},
    ],
)
def test_wrong_values_are_named_by_their_argument(tmp_path: Path, wrong: dict[str, object]) -> None:
    (name,) = wrong
    with pytest.raises(LerotoolError, match=name) as caught:
        lerotool.merge([make(tmp_path / "a", (2,))], tmp_path / "merged", **wrong)
    assert "--" not in f"{caught.value} {caught.value.hint}"
