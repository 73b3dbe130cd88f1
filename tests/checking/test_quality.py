"""Defects of known size in a recording are found from the stated size on, and not below; sound recordings have none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import lerotool
from lerotool.arrow_types import arrow_field
from lerotool.checking.quality.report import QualityReport, by_code
from lerotool.cli import app
from lerotool.dataset.writing.appender import DatasetAppender, NewEpisode
from lerotool.features import Feature, camera, vector
from lerotool.findings import Code, Severity
from tests.dataset.writing import FRONT, timing
from tests.dataset.writing import episode as pictured
from tests.shared import REALDATA, golden_sets, needs_realdata

FPS = 30
JOINTS = ["pan.pos", "lift.pos", "roll.pos"]
FEATURES: Mapping[str, Feature] = {"action": vector(JOINTS), "observation.state": vector(JOINTS)}
LAG = 4
END = 15.0
"""Where the second joint has its end."""


@dataclass(frozen=True)
class Take:
    """A recording: rows of state and commands, (n, 3) each, and the rate at which they really came."""

    state: np.ndarray
    action: np.ndarray
    rate: float = FPS


def sound(seed: int, rows: int = 300, lag: int = LAG) -> Take:
    """Return commands that swing over 80 units in 3 to 5 s, and a follower that is ``lag`` rows behind them."""
    rng = np.random.default_rng(seed)
    seconds = (np.arange(rows + 60) - 30) / FPS
    swing = np.stack([40 * np.sin(2 * np.pi * seconds / (3 + j) + 2 * np.pi * rng.random()) for j in range(3)], axis=1)
    swing[:, 1] = np.minimum(swing[:, 1], END)
    state = swing[30 - lag : 30 - lag + rows] + rng.normal(0, 0.05, (rows, 3))
    state[:, 1] = np.minimum(state[:, 1], END)
    return Take(state, swing[30 : 30 + rows])


def held(take: Take, before: int = 0, after: int = 0) -> Take:
    """Let an arm wait so many rows."""
    widths = ((before, after), (0, 0))
    return Take(*(np.pad(values, widths, mode="edge") for values in (take.state, take.action)))


def changed(take: Take, change: Callable[[np.ndarray], object]) -> Take:
    state = take.state.copy()
    change(state)
    return replace(take, state=state)


def freeze(rows: int) -> Callable[[np.ndarray], None]:
    def change(state: np.ndarray) -> None:
        state[100 : 100 + rows] = state[100]

    return change


def spike(amount: float) -> Callable[[np.ndarray], None]:
    """Put one row of the first joint elsewhere, where it is slowest after its second 2."""

    def change(state: np.ndarray) -> None:
        state[61 + np.abs(state[62:, 0] - state[60:-2, 0]).argmin(), 0] += amount

    return change


def add(part: tuple[slice, int], amount: float) -> Callable[[np.ndarray], None]:
    def change(state: np.ndarray) -> None:
        state[part] += amount

    return change


def unplugged(seed: int, travel: float) -> Take:
    """Return a joint that stays where it is while it is sent across a share of its range."""
    take = sound(seed)
    action = take.action.copy()
    action[:, 2] *= travel
    return changed(replace(take, action=action), lambda state: state[:, 2].fill(1.0))


def pushed(seed: int, seconds: float) -> Take:
    """Return commands that go on beyond the end of the second joint for so long."""
    state, action = _both(sound(seed))
    rows = round(seconds * FPS)
    state[:, 1] = action[:, 1] = END - 0.5 * np.maximum(60 - np.arange(len(state)), 0)
    action[120 : 120 + rows, 1] = END + 20 * np.sin(np.linspace(0, np.pi, rows + 2))[1:-1]
    return Take(state, action)


def copied(seed: int, rows: int) -> Take:
    """Return a take whose first rows are those of the take 0 from its second 2 on."""
    take, other = sound(seed), sound(0)
    parts = [np.concatenate([a[60 : 60 + rows], b[rows:]]) for a, b in zip(_both(other), _both(take), strict=True)]
    return Take(*parts)


def _both(take: Take) -> tuple[np.ndarray, np.ndarray]:
    return take.state, take.action


COLUMN = slice(None)
FOUND: dict[Code, Take] = {
    Code.IDLE_START: held(sound(1), before=66),
    Code.IDLE_END: held(sound(2), after=66),
    Code.ODD_LENGTH: sound(3, rows=130),
    Code.REPEATED: copied(4, 180),
    Code.STATE_FROZEN: changed(sound(5), freeze(20)),
    Code.JOINT_DEAD: unplugged(6, 0.35),
    Code.JOINT_SATURATED: pushed(7, 1.2),
    Code.STATE_GLITCH: changed(sound(8), spike(16)),
    Code.STATE_JUMP: changed(sound(9), add((slice(150, None), 0), 40)),
    Code.FOLLOWER_LAG: sound(10, lag=14),
    Code.FOLLOWER_OFFSET: changed(sound(11), add((COLUMN, 0), 16)),
    Code.WRONG_RATE: replace(sound(12), rate=27),
}
"""One defect an episode, a little above the size from which on it is found."""
NOT_FOUND: dict[Code, Take] = {
    Code.IDLE_START: held(sound(1), before=54),
    Code.IDLE_END: held(sound(2), after=54),
    Code.ODD_LENGTH: sound(3, rows=170),
    Code.REPEATED: copied(4, 130),
    Code.STATE_FROZEN: changed(sound(5), freeze(13)),
    Code.JOINT_DEAD: unplugged(6, 0.2),
    Code.JOINT_SATURATED: pushed(7, 0.8),
    Code.STATE_GLITCH: changed(sound(8), spike(6)),
    Code.STATE_JUMP: changed(sound(9), add((slice(150, None), 0), 20)),
    Code.FOLLOWER_LAG: sound(10, lag=10),
    Code.FOLLOWER_OFFSET: changed(sound(11), add((COLUMN, 0), 6)),
    Code.WRONG_RATE: replace(sound(12), rate=29),
}
"""The same, a little below."""
SPLICED = {Code.REPEATED, Code.STATE_FROZEN}
"""Where rows of two times meet, the state jumps."""


def written(root: Path, takes: list[Take]) -> Path:
    fields = [arrow_field(name, feature) for name, feature in FEATURES.items()]
    new = []
    for take in takes:
        rows = len(take.state)
        columns = {"observation.state": take.state, "action": take.action}
        arrays = [pa.array(columns[f.name].astype(np.float32).tolist(), f.type) for f in fields]
        table = pa.Table.from_arrays([*arrays, pa.array(["do it"] * rows)], names=[*(f.name for f in fields), "task"])
        ticks = pa.array((np.arange(rows) * (1e9 / take.rate)).astype(np.int64))
        times = timing(rows, []).set_column(0, "tick_ns", ticks).set_column(1, "observed_ns", ticks)
        new.append(NewEpisode(table, timing=times))
    with DatasetAppender.create(root, FPS, FEATURES, "test") as appender:
        appender.append(new)
        appender.finalize()
    return root


@pytest.fixture(scope="module")
def defects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("quality") / "set", [sound(0), *FOUND.values()])


def found(report: QualityReport) -> dict[Code, tuple[int, ...]]:
    return dict(by_code(report.findings))


def test_every_defect_is_found_in_its_episode_and_in_no_other(defects: Path) -> None:
    expected: dict[Code, set[int]] = {}
    for number, code in enumerate(FOUND, start=1):
        for one in (code, *([Code.STATE_JUMP] if code in SPLICED else [])):
            expected.setdefault(one, set()).add(number)

    report = lerotool.check_quality(defects)

    assert {code: set(episodes) for code, episodes in found(report).items()} == expected
    assert {finding.severity for finding in report.findings} == {Severity.HINT}


def test_smaller_defects_are_not_found(tmp_path: Path) -> None:
    report = lerotool.check_quality(written(tmp_path / "set", [sound(0), *NOT_FOUND.values()]))

    spliced = tuple(number for number, code in enumerate(NOT_FOUND, start=1) if code in SPLICED)
    assert found(report) == {Code.STATE_JUMP: spliced}


def test_a_state_before_its_commands_is_found_from_two_rows_on(tmp_path: Path) -> None:
    takes = [sound(0), sound(1, lag=-1), sound(2, lag=-2)]

    report = lerotool.check_quality(written(tmp_path / "set", takes))

    assert found(report) == {Code.FOLLOWER_LAG: (2,)}
    assert "0.07 s ahead" in report.findings[0].text


def test_each_finding_has_a_figure(defects: Path) -> None:
    texts = {finding.code: finding.text for finding in lerotool.check_quality(defects).findings}

    assert "nothing moves for 2.2 s" in texts[Code.IDLE_START]
    assert "60% of its rows are rows of episode 0" in texts[Code.REPEATED]
    assert "no joint's state changes for 0.7 s from frame 100 on" in texts[Code.STATE_FROZEN]
    assert "pan.pos is 16 off in frame 222 alone" in texts[Code.STATE_GLITCH]
    assert "the state is 0.47 s behind the commands" in texts[Code.FOLLOWER_LAG]
    assert "27.0 rows a second were recorded: 11.1 s that claim 10.0 s" in texts[Code.WRONG_RATE]


def test_every_line_that_is_printed_runs_and_mends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    takes = [held(sound(0), before=90), sound(1), changed(sound(2), spike(30)), sound(3)]
    root = written(tmp_path / "a set", takes)
    before = lerotool.check_quality(root)
    lines = [before.command(finding) for finding in before.findings]
    assert lines == [
        f"lerotool edit trim '{root}' --still --episodes 0",
        f"lerotool edit delete '{root}' 2",
    ]

    for finding in before.findings:
        words = [str(root) if word == "DATASET" else word for word in finding.own_advice.split()[1:]]
        assert app.run(words) == 0
        capsys.readouterr()

    assert found(lerotool.check_quality(root)) == {}


def test_what_is_so_in_all_episodes_is_not_deleted(tmp_path: Path) -> None:
    report = lerotool.check_quality(written(tmp_path / "set", [sound(0, lag=20), sound(1, lag=20)]))

    assert found(report) == {Code.FOLLOWER_LAG: (0, 1)}
    assert report.command(report.findings[0]) == ""
    assert report.advice(report.findings[0]).startswith("it is so in all episodes: look at the bus")


def test_dark_and_burnt_cameras_are_found_by_their_statistics(tmp_path: Path) -> None:
    features = {**FEATURES, FRONT: camera(48, 64)}
    takes = [pictured(tmp_path / str(seed), features, ["do it"] * 5, seed, fps=FPS) for seed in range(1, 4)]
    light = takes[0].stats[FRONT]
    for number, shift in ((1, -0.2), (2, 0.9)):
        moved = light.mapped(lambda values, shift=shift: np.clip(values + shift, 0, 1), light.count)
        takes[number] = replace(takes[number], stats={**takes[number].stats, FRONT: moved})
    with DatasetAppender.create(tmp_path / "set", FPS, features, "test") as appender:
        appender.append(takes)
        appender.finalize()

    report = lerotool.check_quality(tmp_path / "set")

    cameras = {finding.code: finding.episodes for finding in report.findings if finding.features == (FRONT,)}
    assert cameras == {Code.CAMERA_DARK: (1,), Code.CAMERA_BURNT: (2,)}


def test_accepted_findings_are_counted_and_not_shown(
    defects: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = lerotool.check_quality(defects)
    (some := tmp_path / "some").write_text(
        "# waiting is part of the task\nidle-start 0-3  # Ada\nfollower-offset all\n"
    )
    (all_ := tmp_path / "all").write_text(
        "".join(f"{code} {','.join(map(str, numbers))}\n" for code, numbers in by_code(everything.findings).items())
    )

    report = lerotool.check_quality(defects, some)

    assert set(found(report)) == set(found(everything)) - {Code.IDLE_START, Code.FOLLOWER_OFFSET}
    assert dict(by_code(report.accepted)) == {Code.IDLE_START: (1,), Code.FOLLOWER_OFFSET: (11,)}
    assert app.run(["check", str(defects), "--quality", "--strict"]) == 3
    assert app.run(["check", str(defects), "--quality", "--strict", "--accept", str(all_)]) == 0
    assert f"the recording: nothing found ({len(everything.findings)} accepted)" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["idle 3", "idle-start", "idle-start x", "idle-start success", "stats-missing 3"])
def test_a_line_that_accepts_nothing_is_named(tmp_path: Path, line: str) -> None:
    (accept := tmp_path / "accept").write_text(f"\n{line}\n")

    with pytest.raises(lerotool.UsageError, match="line 2"):
        lerotool.check_quality(golden_sets()[0], accept)


def test_hints_change_the_exit_code_only_with_strict(defects: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["check", str(defects), "--strict"]) == 0
    assert "the recording" not in capsys.readouterr().out
    assert app.run(["check", str(defects), "--quality", "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)["datasets"]
    assert {entry["severity"] for entry in document["quality"]["findings"]} == {"hint"}
    commands = [entry["command"] for entry in document["quality"]["findings"]]
    assert all(command.startswith(("lerotool edit trim ", "lerotool edit delete ")) for command in commands)


def test_what_cannot_be_read_is_not_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = golden_sets()[0].parent / "v30_lerobot061_crashed"

    assert app.run(["check", str(root), "--quality"]) == 3
    assert "the recording was not looked at: " in capsys.readouterr().err


def test_nothing_is_found_in_what_lerobot_made() -> None:
    assert {root.name: found(lerotool.check_quality(root)) for root in golden_sets()} == {
        root.name: {} for root in golden_sets()
    }


@needs_realdata
def test_of_real_recordings_only_what_is_truly_there_is_found() -> None:
    """The arm of the Koch sets stands still for the last 2.8 and 2.1 s of two episodes."""
    names = ["g1_v30conv_b", "gr1_sim_v20", "ioai_lerobotv2", "koch_v21_state", "koch_v30conv_state", "pusht_v30_state"]

    waiting = {Code.IDLE_END: (2, 3)}
    assert {name: found(lerotool.check_quality(REALDATA / name)) for name in names} == {
        name: waiting if name.startswith("koch") else {} for name in names
    }
