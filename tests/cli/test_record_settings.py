"""Settings of a recording: the command line wins over the robot's file, that over lerotool; `config` shows which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lerotool.cli.app import run
from lerotool.devices.config import RecordDefaults, load_robot, read_robot, save_defaults, save_robot
from lerotool.errors import UsageError

ROBOT = """\
# the arm by the window
type = "so101"
start_speed = 30.0 # careful

[follower]
port = "/dev/follower"
id = "bench"

[leader]
port = "/dev/leader"
id = "bench"

[cameras.front]
source = "sim"
width = 128
height = 64
"""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the only robot that is set up; its arms are not there."""
    monkeypatch.setenv("LEROTOOL_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path / "home"))
    path = tmp_path / "config/robots/bench.toml"
    path.parent.mkdir(parents=True)
    path.write_text(ROBOT)
    return path


def plan(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    """What a session would do."""
    assert run(["record", *options, "--dry-run", "--json"]) == 0, capsys.readouterr().err
    return dict(json.loads(capsys.readouterr().out))


def held(capsys: pytest.CaptureFixture[str], *robot: str) -> dict[str, tuple[Any, str]]:
    """What `config` shows of the first robot: value and origin by name."""
    assert run(["config", *robot, "--json"]) == 0
    (shown, *_) = json.loads(capsys.readouterr().out)["robots"]
    return {entry["name"]: (entry["value"], entry["origin"]) for entry in shown["settings"]}


def test_the_robots_file_says_how_it_is_recorded_and_the_command_line_says_otherwise(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.write_text(ROBOT + '[record]\ntask = "Stir"\nfps = 15\nepisodes = 7\nbatch = 0\ncodec = "h264"\n')
    shown = plan(capsys)
    assert (shown["task"], shown["fps"], shown["episodes"]["total"]) == ("Stir", 15, 7)
    assert (shown["encoder"]["vcodec"], shown["encode"]["when"]) == ("h264", "later")
    assert Path(shown["dataset"]).name == "bench-stir"
    shown = plan(capsys, "--task", "Pour", "--fps", "20", "--batch", "3", "--vcodec", "libsvtav1")
    assert (shown["task"], shown["fps"], shown["episodes"]["total"]) == ("Pour", 20, 7)
    assert (shown["encoder"]["vcodec"], shown["encode"]["batch"]) == ("libsvtav1", 3)


def test_a_list_of_tasks_wins_over_the_task_of_the_file(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.write_text(ROBOT + '[record]\ntask = "Stir"\n')
    (bench.parent / "list.txt").write_text("Cut\nPour\n")
    shown = plan(capsys, "--tasks", str(bench.parent / "list.txt"))
    assert (shown["task"], shown["tasks"]) == ("Cut", 2)


def test_config_tells_what_holds_and_who_says_so(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.write_text(ROBOT + "[record]\nreset_time = 5\nbell = false\n")
    shown = held(capsys)
    file = str(bench)
    assert shown["record.reset_time"] == (5, file)
    assert shown["record.bell"] == (False, file)
    assert shown["record.fps"] == (30, "default")
    assert shown["start_speed"] == (30.0, file)
    assert shown["silence_s"] == (1.0, "default")
    assert shown["cameras.front.source"] == ("sim", file)
    assert held(capsys, "sim")["record.reset_time"] == (0.0, "default")
    assert run(["config"]) == 0
    text = capsys.readouterr().out
    assert f"record.bell              no             {file}" in text
    assert "$LEROTOOL_CONFIG" in text


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("fps = 0", "record.fps"),
        ('fps = "30"', "record.fps"),
        ("batch = -1", "record.batch"),
        ("bell = 1", "record.bell"),
        ("epsiodes = 3", "did you mean 'episodes'?"),
        ('task = ""', "record.task"),
    ],
)
def test_a_wrong_entry_is_named(bench: Path, entry: str, text: str) -> None:
    bench.write_text(f"{ROBOT}[record]\n{entry}\n")
    with pytest.raises(UsageError) as caught:
        read_robot(bench)
    assert text in str(caught.value)
    assert str(bench) in str(caught.value)


def test_what_is_saved_holds_next_time_and_all_else_in_the_file_stays(bench: Path) -> None:
    save_defaults(bench, RecordDefaults(task='Say "hi"', fps=25, monitor="0.0.0.0"))
    first = bench.read_text()
    assert first.startswith(ROBOT)
    save_defaults(bench, RecordDefaults(fps=20, ask=True))
    assert bench.read_text() == first.replace("fps = 25", "fps = 20") + "ask = true\n"
    assert load_robot("bench").record == RecordDefaults(task='Say "hi"', fps=20, monitor="0.0.0.0", ask=True)


def test_setup_keeps_the_settings_of_record(bench: Path) -> None:
    kept = RecordDefaults(fps=25, bell=False)
    save_defaults(bench, kept)
    config = load_robot("bench").model_copy(update={"start_speed": 50.0})
    save_robot("bench", config)
    assert load_robot("bench").record == kept
    bench.unlink()
    assert read_robot(save_robot("bench", config)).record == kept


TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1)
MAYBE = st.none


@settings(max_examples=40)
@given(
    st.builds(
        RecordDefaults,
        task=MAYBE() | TEXTS,
        fps=MAYBE() | st.integers(1, 1000),
        episode_time=MAYBE() | st.floats(0.1, 1e6),
        codec=MAYBE() | TEXTS,
        monitor=MAYBE() | st.booleans() | TEXTS,
        bell=MAYBE() | st.booleans(),
    )
)
def test_whatever_is_saved_is_read_back(tmp_path_factory: pytest.TempPathFactory, defaults: RecordDefaults) -> None:
    path = tmp_path_factory.mktemp("robots") / "bench.toml"
    path.write_text(ROBOT)
    save_defaults(path, defaults)
    assert read_robot(path).record == defaults


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--robot", "sim", "--fps", "10"], "has no file"),
        (["--robot", "bench"], "nothing to save"),
        (["--robot", "bench", "--operator", "Ada"], "nothing to save"),
    ],
)
def test_what_cannot_be_saved_is_refused_before_anything_is_recorded(
    bench: Path, options: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["record", *options, "--save-defaults"]) == 2
    assert text in capsys.readouterr().err
    assert bench.read_text() == ROBOT


def test_a_dry_run_saves_nothing(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan(capsys, "--task", "Stir", "--save-defaults")
    assert bench.read_text() == ROBOT


def test_a_line_that_cannot_record_saves_nothing(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["record", "--task", "Stir", "--codec", "nonesuch", "--save-defaults"]) == 6
    assert "nonesuch" in capsys.readouterr().err
    assert bench.read_text() == ROBOT


def test_what_the_line_says_is_in_the_file_even_if_the_arms_are_not_there(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["record", "--task", "Stir", "--fps", "20", "--no-bell", "--batch", "0", "--save-defaults"]) == 7
    assert f"saved in {bench}: task, fps, batch, bell" in capsys.readouterr().err
    assert load_robot("bench").record == RecordDefaults(task="Stir", fps=20, batch=0, bell=False)
