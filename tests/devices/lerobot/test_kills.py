"""LeRobot's process or lerotool is killed at every stage: nothing is lost, and nothing holds torque unsaid."""

from __future__ import annotations

import fcntl
import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lerotool
from lerotool.recording.session_plan import look_at
from tests.devices.lerobot.wobble import python, recording, run
from tests.lerobot_judge import judge, use_tools
from tests.patience import wait_for

pytestmark = [pytest.mark.lerobot, pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")]

DOOMED = Path(__file__).with_name("doomed.py")
ROWS = 9
"""As ``doomed.py`` has it."""
NO_CAMERA = ("--camera", "none")
BENCHES = {"so_arms": NO_CAMERA, "pairs": NO_CAMERA, "koch": NO_CAMERA, "lekiwi": (), "dummy": NO_CAMERA}
STAGES = ("describe", "connect", "take", "between", "close")
VICTIMS = ("lerotool", "lerobot")
TORQUE = "LeRobot's process has ended (code -9); its robot may still hold torque"


@pytest.mark.parametrize("name", BENCHES)
def test_whoever_is_killed_at_whatever_stage_the_dataset_is_sound_and_both_go_on(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    bench = request.getfixturevalue(name)
    root = tmp_path / "set"

    kills = [*_kills(name, everyone=request.config.getoption("exhaustive"))]
    for stage, victim in kills:
        log = tmp_path / f"{stage} of {victim}"
        code, said = _record_doomed(stage, victim, root, log, bench.options, BENCHES[name])
        if victim == "lerotool":
            assert code == -signal.SIGKILL, (stage, said)
            wait_for(bench.is_released, f"the release after {stage}")
            assert log.read_text().splitlines()[-1:] == ["[]"], f"connected after {stage}"
        else:
            assert code == 7, (stage, said)
            assert (TORQUE in said) is (stage != "describe"), (stage, said)
    _salvage(root)
    code, said = run(recording(root, *bench.options, episodes=look_at(root).total + 1, seconds=0.5, more=BENCHES[name]))

    assert code == 0, said
    assert bench.is_released()
    lengths = [episode.length for episode in lerotool.Dataset(root).episodes]
    hit = [stage for stage, _ in kills]
    assert len(lengths) == sum(map(hit.count, ("take", "between", "close"))) + 1, "all that had begun, and the last"
    assert lengths.count(ROWS) >= hit.count("take"), "only the tick that was hit is lost"
    judge(root)
    answers = use_tools([{"root": str(root), "operations": ["resume"], "takes": 0}], tmp_path)
    assert answers[str(root)] == {"resume": ""}


def _kills(name: str, *, everyone: bool) -> Iterator[tuple[str, str]]:
    """Yield whom to kill at each stage: both, or one of them, so that each is killed at every stage of some robots."""
    first = [*BENCHES].index(name)
    for number, stage in enumerate(STAGES, first):
        for victim in VICTIMS if everyone else VICTIMS[number % 2 : number % 2 + 1]:
            yield stage, victim


def _record_doomed(
    stage: str, victim: str, root: Path, log: Path, options: tuple[str, ...], more: tuple[str, ...]
) -> tuple[int, str]:
    """Record until somebody is killed at a stage, and wait until LeRobot's process has ended."""
    doomed = log.with_suffix(".sh")
    command = shlex.join(map(str, (python(), DOOMED, stage, victim, root, log)))
    doomed.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    doomed.chmod(0o755)
    takes: dict[str, Any] = {"episodes": look_at(root).total + 2, "seconds": 600.0 if stage == "take" else 0.5}
    if stage == "close":
        takes["episodes"] -= 1
    pause = ("--reset-time", "600", "--batch", "0")
    code, said = run(recording(root, *options, **takes, more=(*more, *pause), lerobot=doomed))
    with log.open() as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
    return code, said


def _salvage(root: Path) -> None:
    code, said = run(["encode", "--pending", str(root), "--salvage"])
    assert code == 0, said
