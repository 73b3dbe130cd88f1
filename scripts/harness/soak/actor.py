"""One process that records: a session at the simulated robot, or a program that hands over frames as fast as it can.

``python -m harness.soak.actor DATASET LEDGER SEED``. A session has numbered pictures, background encoding and
keys pressed at random; a program goes on with a dataset that is there. Every promise goes to the ledger, one JSON line
each: an episode ``saved`` with its rows and a hash of their values, and before the key is pressed that may take the
last episode back, ``again``. Exit codes are those of the command line.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from fractions import Fraction
from pathlib import Path
from types import FrameType

import numpy as np

from harness.soak import BEGUN
from harness.soak.values import rows_hash, values_hash
from lerotool.dataset.info import INFO
from lerotool.devices.cameras.camera import CameraSpec, open_camera
from lerotool.devices.cameras.simulated import MAX_NUMBER, numbered_picture
from lerotool.devices.robots import build_robot
from lerotool.encoding.background import BackgroundEncoder
from lerotool.errors import LerotoolError, SpoolError
from lerotool.features import ACTION, CAMERA_PREFIX, STATE
from lerotool.media.format import EncoderSettings
from lerotool.recording.config import BatchMode, RecordingConfig
from lerotool.recording.controls import Controls, Key
from lerotool.recording.events import EpisodeSaved, Event
from lerotool.recording.session import Session
from lerotool.recording.session_plan import build_features
from lerotool.recording.take import Devices
from lerotool.spool.pending import PendingEpisode
from lerotool.writer import DatasetWriter

FPS = 100
CAMERA = "front"
SIZE = 64
ENCODER = EncoderSettings(vcodec="h264", crf=20, preset="ultrafast")
_ENDLESS = 1_000_000


class Ledger:
    """What was promised, written where no fault reaches it."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, **entry: object) -> None:
        """Add a line, in one write."""
        os.write(self._descriptor, (json.dumps(entry) + "\n").encode())

    def hear(self, event: Event) -> None:
        """Take in an event of the session."""
        if not isinstance(event, EpisodeSaved):
            return
        digest = None
        try:
            episode = PendingEpisode.open(event.path)
            recording, digest = episode.header.recording_id, rows_hash(episode.rows())
        except (SpoolError, OSError):
            # The encoder was quicker, and the folder is gone already: the name tells enough to look for it.
            recording = event.path.name.rpartition("-")[2]
        self.write(saved=recording, rows=event.report.rows, values=digest)


def press_keys(controls: Controls, ledger: Ledger, chance: random.Random, over: threading.Event) -> None:
    """Press keys at random until it is over."""
    while not over.wait(chance.uniform(0.1, 4.0)):
        key = chance.choices([Key.NEXT, Key.AGAIN, Key.STOP], [20, 5, 1])[0]
        if key is Key.AGAIN:
            ledger.write(again=True)
        controls.press(key)


def hand_over(root: Path, ledger: Ledger, chance: random.Random) -> None:
    """Record some episodes from a program.

    Raises:
        LerotoolError: the writer refuses.
        OSError: the disk failed.
    """
    with DatasetWriter.resume(root, batch=chance.randint(1, 4), encoder=ENCODER, jobs=1) as writer:
        joints = writer.features[ACTION].shape[0]
        for _ in range(chance.randint(1, 12)):
            rows, first = chance.randint(5, 900), chance.randrange(MAX_NUMBER // 2)
            values = np.random.default_rng(first).normal(0, 30, (rows, joints)).astype(np.float32)
            for row in range(rows):
                picture = numbered_picture(first + row, SIZE, SIZE)
                writer.add_frame(
                    {ACTION: values[row], STATE: values[row], CAMERA_PREFIX + CAMERA: picture}, task=f"task {rows % 3}"
                )
            writer.save_episode()
            ledger.write(saved=None, rows=rows, values=values_hash(values, values))


def run_session(root: Path, ledger: Ledger, chance: random.Random) -> None:
    """Record until a key ends it.

    Raises:
        LerotoolError: the session failed.
        OSError: the disk did.
    """
    robot = build_robot("sim")
    cameras = [open_camera(CameraSpec.parse(f"{CAMERA}=sim:numbered,{SIZE}x{SIZE},{FPS}"))]
    config = RecordingConfig(
        root=root,
        task=f"task {chance.randrange(3)}",
        fps=Fraction(FPS),
        episodes=_ENDLESS,
        episode_time_s=chance.uniform(0.2, 4.0),
        min_episode_time_s=0.0,
        reset_time_s=chance.uniform(0.0, 0.3),
        batch=chance.randint(1, 4),
        mode=chance.choice([BatchMode.BACKGROUND, BatchMode.BACKGROUND, BatchMode.LATER]),
        encode_at_end=chance.random() < 0.3,
        reconnect_s=0.0,
        encoder=ENCODER,
    )
    controls, over = Controls(), threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        controls.interrupt()

    signal.signal(signal.SIGINT, interrupt)
    devices = Devices(robot, cameras, build_features(robot.features(), cameras))
    encoder = BackgroundEncoder(root, jobs=1)
    keys = threading.Thread(target=press_keys, args=(controls, ledger, chance, over), daemon=True)
    keys.start()
    try:
        Session(config, devices, controls, encoder=encoder, listen=ledger.hear).run()
    finally:
        over.set()
        keys.join()
        encoder.stop()


def main() -> int:
    """Record once; what ended it goes to standard error."""
    root, ledger, chance = Path(sys.argv[1]), Ledger(Path(sys.argv[2])), random.Random(int(sys.argv[3]))
    is_program = chance.random() < 0.5 and (root / INFO).exists()
    try:
        print(BEGUN, file=sys.stderr, flush=True)
        (hand_over if is_program else run_session)(root, ledger, chance)
    except KeyboardInterrupt:
        return 130
    except LerotoolError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
