"""An emulated LeKiwi host, for LeRobot's interpreter: pyzmq, OpenCV and numpy, no robot.

    LEROBOT_PYTHON lekiwi_host.py LOG

It speaks as ``lerobot/robots/lekiwi/lekiwi_host.py`` of LeRobot 0.6.1 does, takes free ports and prints them. The arm
is where it was last sent, the base as fast, and stops when nothing is sent for half a second. The log tells when it is
steered and when it has stopped. The camera shows plain red, the brighter the further ``arm_shoulder_pan`` has turned.
"""

import contextlib
import json
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import zmq

ARM = [f"arm_{joint}.pos" for joint in ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")]
STATE = (*ARM, "arm_gripper.pos", "x.vel", "y.vel", "theta.vel")
WATCHDOG_S = 0.5
HEIGHT, WIDTH = 64, 128


def look(state: dict[str, float]) -> np.ndarray:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[..., 0] = np.clip(128 + state["arm_shoulder_pan.pos"], 0, 255)  # the host encodes its RGB as if it were BGR
    return cv2.imencode(".jpg", picture, [int(cv2.IMWRITE_JPEG_QUALITY), 90])[1]


def note(text: str) -> None:
    with Path(sys.argv[1]).open("a") as file:
        file.write(f"{text}\n")


def main() -> None:
    context = zmq.Context()
    commands = context.socket(zmq.PULL)
    commands.setsockopt(zmq.CONFLATE, 1)
    observations = context.socket(zmq.PUSH)
    observations.setsockopt(zmq.SNDHWM, 2)
    ports = [socket.bind_to_random_port("tcp://127.0.0.1") for socket in (commands, observations)]
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    state = dict.fromkeys(STATE, 0.0)
    commanded_at, is_stopped = time.monotonic(), True
    while not ended.wait(1 / 30):
        try:
            state |= json.loads(commands.recv_string(zmq.NOBLOCK))
            if is_stopped:
                note("steered")
            commanded_at, is_stopped = time.monotonic(), False
        except zmq.Again:
            pass
        if time.monotonic() - commanded_at > WATCHDOG_S and not is_stopped:
            is_stopped = True
            state |= {"x.vel": 0.0, "y.vel": 0.0, "theta.vel": 0.0}
            note("stopped")
        header = json.dumps({"_cams": ["front"], **state}).encode()
        with contextlib.suppress(zmq.Again):
            observations.send_multipart([header, look(state)], flags=zmq.NOBLOCK)
    context.destroy(linger=0)


main()
