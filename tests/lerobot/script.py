"""A script as people write it for LeRobot 0.6: creates a dataset, records episodes in batches, ends it.

python script.py ROOT EPISODES BATCH
"""

import sys

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.datasets.video_utils import VideoEncodingManager

HEIGHT, WIDTH, FRAMES = 64, 96, 12
FEATURES = {
    "observation.state": {"dtype": "float32", "shape": (2,), "names": ["x", "y"]},
    "action": {"dtype": "float32", "shape": (2,), "names": ["x", "y"]},
    "next.reward": {"dtype": "float32", "shape": (1,), "names": None},
    "observation.images.front": {
        "dtype": "video",
        "shape": (HEIGHT, WIDTH, 3),
        "names": ["height", "width", "channels"],
    },
}


def picture(number: int) -> np.ndarray:
    """Return a smooth picture that tells its number by its brightness."""
    ramp = np.linspace(0, 60, WIDTH)[None, :, None] + np.linspace(0, 60, HEIGHT)[:, None, None]
    return np.broadcast_to(ramp + number * 3 % 120, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def main() -> None:
    """Record."""
    root, episodes, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    dataset = LeRobotDataset.create(
        "local/made", fps=10, features=FEATURES, root=root, robot_type="toy", batch_encoding_size=batch
    )
    with VideoEncodingManager(dataset):
        for episode in range(episodes):
            for number in range(FRAMES):
                value = np.array([episode, number], np.float32)
                frame = {"observation.state": value, "action": value + 1, "next.reward": value[:1]}
                dataset.add_frame({**frame, "observation.images.front": picture(number), "task": f"task {episode % 2}"})
            dataset.save_episode()
    totals = (dataset.num_episodes, dataset.num_frames, dataset.fps, dataset.meta.total_episodes)
    sys.stdout.write(f"{totals}\n")


if __name__ == "__main__":
    main()
