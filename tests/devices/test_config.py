"""Robots' files: what is written is read back, and whatever is wrong in one is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lerotool.choices import Units
from lerotool.devices.arms.joints import JOINT_NAMES, ArmType
from lerotool.devices.cameras.spec import InputFormat
from lerotool.devices.config import (
    ArmConfig,
    CameraConfig,
    PairConfig,
    SoRobotConfig,
    list_robots,
    load_robot,
    read_robot,
    robot_path,
    robots_folder,
    save_robot,
)
from lerotool.devices.config.robot_files import config_home, render, rewrite
from lerotool.errors import UsageError

_FOLLOWER = ArmConfig(port="serial:5A68012345", id="bench")
_LEADER = ArmConfig(port="/dev/ttyACM1", id="hand")
_PAIR = SoRobotConfig(follower=_FOLLOWER, leader=_LEADER)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEROTOOL_CONFIG", str(tmp_path / "config"))
    return tmp_path


def _read(folder: Path, text: str) -> SoRobotConfig:
    path = folder / "robot.toml"
    path.write_text(text)
    return read_robot(path)


_ports = st.text(st.characters(exclude_categories=("Cs", "C", "Z")), min_size=1, max_size=20).filter(
    lambda text: text.removeprefix("serial:").strip() != ""
)
_ids = st.text("abcXYZ09_- .äß", min_size=1, max_size=12).filter(lambda t: t == t.strip() and not t.startswith("."))
_numbers = st.floats(min_value=0, max_value=1e6, exclude_min=True)
_cameras = st.builds(
    CameraConfig,
    source=st.sampled_from(["sim", "/dev/video0", 'odd "name" \\ # =', "http://10.0.0.7:81/stream?a=b,c"]),
    width=st.just(640) | st.none(),
    fps=st.sampled_from([15.0, 29.97, None]),
    input_format=st.none() | st.sampled_from(InputFormat),
    rotation=st.sampled_from([None, 0, 90, 180, 270]),
    exposure=st.sampled_from([None, "auto", 10, 0.3]),
    gain=st.none() | st.integers(-10, 1000),
    white_balance=st.sampled_from([None, "auto", 4000]),
).map(lambda camera: camera.model_copy(update={"height": None if camera.width is None else 480}))


@st.composite
def _robots(draw: st.DrawFn) -> SoRobotConfig:
    ports = draw(st.lists(_ports, min_size=4, max_size=4, unique=True))
    ids = draw(st.lists(_ids, min_size=4, max_size=4, unique=True))
    arms = [draw(st.none() | st.just(ArmConfig(port=port, id=arm_id))) for port, arm_id in zip(ports, ids, strict=True)]
    parts: dict[str, object] = {"follower": arms[0], "leader": arms[1]}
    if draw(st.booleans()):
        parts = {
            "left": PairConfig(follower=arms[0], leader=arms[1]),
            "right": draw(st.none() | st.just(PairConfig(follower=arms[2], leader=arms[3]))),
        }
    return SoRobotConfig(
        type=draw(st.sampled_from(ArmType)),
        units=draw(st.sampled_from(Units)),
        max_relative_target=draw(st.none() | _numbers | st.fixed_dictionaries(dict.fromkeys(JOINT_NAMES, _numbers))),
        start_speed=draw(_numbers),
        silence_s=draw(_numbers),
        cameras=draw(st.dictionaries(st.from_regex(r"[A-Za-z0-9_-]+", fullmatch=True), _cameras, max_size=3)),
        **parts,  # type: ignore[arg-type]
    )


@pytest.mark.slow
@given(_robots())
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, robot: SoRobotConfig) -> None:
    assert _read(tmp_path_factory.getbasetemp(), render("bench", robot)) == robot


@pytest.mark.slow
@given(_robots(), _robots())
def test_what_is_written_over_another_robot_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, before: SoRobotConfig, robot: SoRobotConfig
) -> None:
    text = rewrite(render("bench", before), "bench", robot)
    assert _read(tmp_path_factory.getbasetemp(), text) == robot


def test_a_persons_comments_order_and_lines_stay_when_setup_writes_the_file_again() -> None:
    path = save_robot("bench", _PAIR)
    own = (
        "# the arm by the window\n"
        "start_speed = 60.0  # as slow as we like\n"
        f"{path.read_text()}\n[cameras.front]\n# never the laptop's own\nsource = '/dev/video2'\n"
    )
    path.write_text(own)

    changed = load_robot("bench").model_copy(update={"leader": ArmConfig(port="serial:NEW", id="hand")})
    save_robot("bench", changed)

    assert load_robot("bench") == changed
    assert path.read_text() == own.replace('port = "/dev/ttyACM1"', 'port = "serial:NEW"')


def test_a_robot_is_saved_and_loaded_by_its_name(tmp_path: Path) -> None:
    path = save_robot("bench-1", _PAIR)
    assert path == tmp_path / "config" / "robots" / "bench-1.toml"
    assert load_robot("bench-1") == _PAIR
    assert list_robots() == ("bench-1",)
    assert [entry.name for entry in path.parent.iterdir()] == ["bench-1.toml"], "nothing is left beside"


def test_the_file_explains_itself() -> None:
    text = save_robot("bench", _PAIR).read_text()
    for explained in (
        "lerotool record --robot bench",
        'port = "serial:5A68012345"',
        "# max_relative_target = 20.0",
        "calibration file",
    ):
        assert explained in text


def test_files_that_are_no_robots_are_not_listed() -> None:
    save_robot("bench", _PAIR)
    for name in ("notes.txt", "two words.toml", "sim.toml", "bench.toml.partial-1-ab"):
        (robots_folder() / name).touch()
    assert list_robots() == ("bench",)


@pytest.mark.skipif(os.name == "nt", reason="paths of other systems are no paths there")
def test_the_folder_follows_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEROTOOL_CONFIG")
    monkeypatch.setenv("HOME", "/home/ann")
    for platform, variable, value, expected in (
        ("linux", "XDG_CONFIG_HOME", "/conf", "/conf/lerotool"),
        ("linux", "XDG_CONFIG_HOME", "", "/home/ann/.config/lerotool"),
        ("darwin", "XDG_CONFIG_HOME", "/conf", "/home/ann/Library/Application Support/lerotool"),
        ("win32", "APPDATA", "/Roaming", "/Roaming/lerotool"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr("sys.platform", platform)
            patch.setenv(variable, value)
            assert config_home().as_posix() == expected


@pytest.mark.parametrize("name", ["", "a b", "../bench", "a.b", "ä", "sim"])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="robot name"):
        robot_path(name)


def test_a_robot_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(UsageError, match="no robot 'bench'") as caught:
        load_robot("bench")
    assert caught.value.hint == "known robots: none is set up; lerotool setup makes one"
    save_robot("other", _PAIR)
    with pytest.raises(UsageError, match="no robot 'bench'") as caught:
        load_robot("bench")
    assert "known robots: other" in str(caught.value.hint)


_ARM = '[follower]\nport = "/dev/a"\nid = "a"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("units = 'degrees'\ntype = so101", "expected TOML: invalid value .at line 2, column 8"),
        ("typ = 'so101'", "'typ' is unknown, did you mean 'type'"),
        ("zzz = 1", "'zzz' is unknown, expected one of type, cameras, record, units, "),
        ("type = 'so102'", "robot type 'so102' is unknown"),
        ("units = 'radians'", "'units' is 'radians': .*'degrees' or 'range'"),
        (
            "[follower]\nprot = '/dev/a'\nid = 'a'",
            "'follower.port' is missing; 'follower.prot' is unknown, did you mean 'port'",
        ),
        ("[left.folower]\nport = '/dev/a'\nid = 'a'", "'left.folower' is unknown, did you mean 'follower'"),
        ("[left.leader]\nport = '/dev/a'\nids = 'a'", "'left.leader.ids' is unknown, did you mean 'id'"),
        ("[cameras.front]\nsource = 'sim'\nwith = 640", "'cameras.front.with' is unknown, did you mean 'width'"),
        ("[cameras.front]\nwidth = 640", "'cameras.front.source' is missing"),
        ("[cameras.front]\nsource = 'sim'\nwidth = 640", "camera 'front': width and height go together"),
        ("[cameras.front]\nsource = 'sim'\nwidth = '640'\nheight=480", "'cameras.front.width' is '640': .*integer"),
        ("[cameras.'a b']\nsource = 'sim'", "camera name 'a b'"),
        ("[cameras.front]\nsource = '0'\nrotation = 45", "'cameras.front.rotation' is 45: .*0, 90, 180 or 270"),
        ("[cameras.front]\nsource = '0'\nrotation = '90'", "'cameras.front.rotation' is '90': .*0, 90, 180 or 270"),
        ("[cameras.front]\nsource = '0'\nexposure = -1", "'cameras.front.exposure' is -1: expected milliseconds"),
        ("[cameras.front]\nsource = '0'\nexposure = 'automatic'", "'cameras.front.exposure' is .*, or 'auto'"),
        ("[cameras.front]\nsource = '0'\nexposure = true", "'cameras.front.exposure' is True: expected milliseconds"),
        ("[cameras.front]\nsource = '0'\ngain = 0.5", "'cameras.front.gain' is 0.5: .*integer"),
        ("[cameras.front]\nsource = '0'\nwhite_balance = 0.5", "'cameras.front.white_balance' is 0.5: .*kelvin"),
        ("follower = '/dev/a'", "'follower' is '/dev/a': expected a table"),
        ("max_relative_target = 0", "'max_relative_target' is 0: expected a number above 0"),
        ("max_relative_target = inf", "'max_relative_target' is inf: expected a number above 0"),
        ("max_relative_target = nan", "'max_relative_target' is nan: expected a number above 0"),
        ("max_relative_target = true", "'max_relative_target' is True: expected a number above 0"),
        ("max_relative_target = { gripper = 5 }", "one for each of shoulder_pan, "),
        ("start_speed = -1", "'start_speed' is -1: .*greater than 0"),
        ("silence_s = nan", "'silence_s' is nan"),
        ("[follower]\nport = 'serial:'\nid = 'a'", "'follower.port' is 'serial:': expected a path"),
        ("[follower]\nport = ''\nid = 'a'", "'follower.port' is ''"),
        ("[follower]\nport = '/dev/a'\nid = '../a'", r"'follower.id' is '../a': expected a name"),
        ("[follower]\nport = 3\nid = 'a'", "'follower.port' is 3: .*string"),
        (_ARM + "[left.follower]\nport = '/dev/b'\nid = 'b'", "either .*found both"),
        (_ARM + "[leader]\nport = '/dev/a'\nid = 'b'", "follower and leader have the same port '/dev/a'"),
        (
            "[left.follower]\nport = '/dev/a'\nid = 'a'\n[right.follower]\nport = '/dev/b'\nid = 'a'",
            "left.follower and right.follower have the same id 'a'",
        ),
    ],
)
def test_a_wrong_entry_is_named_with_its_file(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected) as caught:
        _read(tmp_path, text)
    assert caught.value.message.startswith(str(tmp_path / "robot.toml"))


def test_all_wrong_entries_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, "units = 'y'\nstart_speed = 'z'\n[leader]\nid = 'a'")
    for key in ("'start_speed'", "'units'", "'leader.port' is missing"):
        assert key in caught.value.message


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "robot.toml"
    path.write_bytes(b"type = '\xff'")
    with pytest.raises(UsageError, match="expected UTF-8 text, found byte 0xff"):
        read_robot(path)
    with pytest.raises(UsageError, match="no such file"):
        read_robot(tmp_path / "absent.toml")


def test_whole_numbers_are_numbers(tmp_path: Path) -> None:
    robot = _read(tmp_path, "max_relative_target = 20\nstart_speed = 30\n[cameras.a]\nsource='sim'\nfps = 30")
    assert (robot.max_relative_target, robot.start_speed, robot.cameras["a"].fps) == (20, 30, 30)


def test_leader_and_follower_may_have_the_same_id(tmp_path: Path) -> None:
    robot = _read(tmp_path, _ARM + "[leader]\nport = '/dev/b'\nid = 'a'")
    assert list(robot.arms) == ["follower", "leader"]


def test_cameras_become_what_was_asked_for(tmp_path: Path) -> None:
    robot = _read(
        tmp_path, "[cameras.front]\nsource = 'sim'\nwidth = 640\nheight = 480\nfps = 30\n[cameras.top]\nsource='x'"
    )
    assert [str(spec) for spec in robot.camera_specs()] == ["front=sim,640x480,30", "top=x"]
