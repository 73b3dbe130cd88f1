"""A plug-in of others, `lerobot-robot-dummy`, recorded with a leader that no keyboard is needed for."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import lerotool
from lerotool.devices.arms.joints import JOINT_NAMES
from lerotool.features import ACTION, STATE
from tests.devices.lerobot.benches import Dummy
from tests.devices.lerobot.wobble import recording, run
from tests.lerobot_judge import judge, use_tools

pytestmark = [pytest.mark.lerobot, pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")]


def test_the_dummy_is_recorded_with_a_camera_and_resumed_by_both(dummy: Dummy, tmp_path: Path) -> None:
    root = tmp_path / "set"
    camera = ("--camera", f"front={dummy.rig.cameras['front'].url}")

    for episodes in (1, 2):
        code, said = run(recording(root, *dummy.options, episodes=episodes, seconds=2, more=camera))
        assert code == 0, said

    dataset = lerotool.Dataset(root)
    assert dataset.robot_type == "dummy_follower"
    assert dataset.features[STATE].names == dataset.features[ACTION].names == [f"{name}.pos" for name in JOINT_NAMES]
    assert [episode.index for episode in dataset.episodes] == [0, 1]
    states, actions = (dataset.numpy(key, 0, dataset.num_frames) for key in (STATE, ACTION))
    assert not states.any(), "it says that it stands at zero"
    assert np.ptp(actions[:, :5], axis=0).min() > 1, "the leader moves"
    judge(root)
    answers = use_tools([{"root": str(root), "operations": ["resume"], "takes": 0}], tmp_path)
    assert answers[str(root)] == {"resume": ""}
