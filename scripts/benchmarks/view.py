"""How long `lerotool view` takes, from its start, until a browser shows a dataset: its page, and its first picture.

    .venv/bin/python scripts/benchmarks/view.py [--work FOLDER] [--lerobot PYTHON] [--rerun FOLDER]

Sets of 1, 1 000 and 10 000 episodes of 10 rows and one small AV1 video, in Chromium (needs `playwright`;
LEROTOOL_CHROMIUM names another browser). The browser runs before the clock starts. The page has to count the episodes
as they are.

With --lerobot, a Python that has LeRobot: an episode of 15 s with two cameras of 640x480, looked at from its first to
its last frame here, and as `lerobot-dataset-viz --save 1` writes it for the Rerun viewer. Where that Python has no
rerun-sdk, its pip puts the one that LeRobot 0.6 asks for into --rerun, by default a folder that goes with the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from merge_sources import FPS, encode_noise, make_v30_with_videos
from playwright.sync_api import Browser, sync_playwright
from scale import HEIGHT, PART, ROWS, WIDTH, measure

from lerotool.dataset.dataset import Dataset
from lerotool.media.join import join_videos

SIZES = (1, 1_000, 10_000)
EPISODES, SECONDS = 3, 15
SHOWN_EPISODE = 1
RERUN = "rerun-sdk==0.26.2"
LEROBOT_ROWS = {
    "`lerobot-dataset-viz --save 1`: its file": (),
    "the same with `--display-compressed-images`": ("--display-compressed-images",),
}
_PICTURE = "() => [...document.querySelectorAll('.card img')].some((image) => image.naturalWidth)"


def look(browser: Browser, root: Path, episodes: int) -> tuple[float, float]:
    """Return the seconds until the page of a dataset has its episodes, and until one has its picture."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    command = [sys.executable, "-m", "lerotool", "view", str(root), "--no-browser", "--json", "--port", "0"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        page.goto(json.loads(server.stdout.readline())["address"])
        page.locator("a.dataset").click()
        page.locator(".card").first.wait_for()
        first_page = time.perf_counter() - began
        page.wait_for_function(_PICTURE)
        first_picture = time.perf_counter() - began
        counted = page.locator(".find [role=status]").inner_text()
        assert counted == f"{episodes:,} episode{'s' if episodes > 1 else ''}", counted
        server.terminate()
    page.close()
    return first_page, first_picture


def play(browser: Browser, root: Path) -> tuple[float, float, int]:
    """Look at an episode to its end.

    Returns:
        The seconds until its first pictures, those until its last, and the bytes that the browser got.
    """
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    sizes: list[int] = []
    network = page.context.new_cdp_session(page)
    network.on("Network.dataReceived", lambda event: sizes.append(event["encodedDataLength"]))
    network.send("Network.enable")
    command = [sys.executable, "-m", "lerotool", "view", str(root), "--no-browser", "--json", "--port", "0"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = json.loads(server.stdout.readline())["address"].rstrip("/")
            with urllib.request.urlopen(f"{address}/api/datasets") as answer:
                key = json.loads(answer.read())["datasets"][0]["key"]
            page.goto(f"{address}/d/{key}/episodes/{SHOWN_EPISODE}")
            page.locator(".stage[data-shown='0']").wait_for(state="attached")
            first = time.perf_counter() - began
            page.keyboard.press("Space")
            # A tick that a busy machine has missed has no row.
            end = Dataset.open(root).episodes[SHOWN_EPISODE].length - 1
            page.locator(f".stage[data-shown='{end}']").wait_for(state="attached", timeout=1000 * 8 * SECONDS)
            last = time.perf_counter() - began
        finally:
            server.terminate()
    page.close()
    return first, last, sum(sizes)


def lerobot_environment(python: Path, rerun: Path) -> dict[str, str]:
    """Return the environment in which LeRobot finds rerun-sdk, which is installed into a folder where it is missing."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    if subprocess.run([python, "-c", "import rerun"], capture_output=True, check=False).returncode == 0:
        return environment
    if not (rerun / "rerun_sdk").exists():
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--target", str(rerun)]
        subprocess.run([python, "-m", "pip", "install", *options, RERUN], check=True)
    return {**environment, "PYTHONPATH": f"{rerun / 'rerun_sdk'}{os.pathsep}{rerun}"}


def save_with_lerobot(
    python: Path, root: Path, work: Path, environment: dict[str, str], more: tuple[str, ...]
) -> tuple[float, int]:
    """Let LeRobot write an episode for the Rerun viewer; return the seconds and the bytes of the file.

    Raises:
        SystemExit: it failed.
    """
    output = work / "rrd"
    shutil.rmtree(output, ignore_errors=True)
    command: list[str | Path] = [python.parent / "lerobot-dataset-viz", "--repo-id", "some/set", "--root", root]
    command += ["--save", "1", "--episode-index", str(SHOWN_EPISODE), "--output-dir", output, *more]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return seconds, sum(path.stat().st_size for path in output.iterdir())


def compare(browser: Browser, python: Path, rerun: Path, work: Path) -> None:
    """Print how long one episode takes here and with LeRobot, and how many bytes it is."""
    environment = lerobot_environment(python, rerun)
    root = work / "recorded"
    times = ["--episodes", str(EPISODES), "--episode-time", str(SECONDS)]
    measure(["record", "--robot", "sim", "--root", root, *times, "--quiet"])
    rows = {row: save_with_lerobot(python, root, work, environment, more) for row, more in LEROBOT_ROWS.items()}
    first, last, size = play(browser, root)
    print(f"\n| an episode of {SECONDS} s | seconds | MB |\n|---|---|---|")
    print(f"| `lerotool view`: its first pictures | {first:.2f} | |")
    print(f"| `lerotool view`: played to its end | {last:.2f} | {size / 1e6:.1f} |")
    for row, (seconds, written) in rows.items():
        print(f"| {row} | {seconds:.2f} | {written / 1e6:.1f} |", flush=True)


def main() -> None:
    """Make the sets, look at each of them and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="a folder on the disk to measure")
    parser.add_argument("--lerobot", type=Path, metavar="PYTHON", help="a Python with LeRobot, to compare with")
    parser.add_argument("--rerun", type=Path, metavar="FOLDER", help="where rerun-sdk is, or goes")
    options = parser.parse_args()
    chromium = os.environ.get("LEROTOOL_CHROMIUM") or shutil.which("chromium")
    with (
        tempfile.TemporaryDirectory(prefix="lerotool-view-", dir=options.work) as folder,
        sync_playwright() as playwright,
    ):
        work = Path(folder)
        encode_noise(work / "short.mp4", PART, HEIGHT, WIDTH, 6)
        join_videos([work / "short.mp4"] * ROWS, work / "clip.mp4", FPS)
        part = work / "part"
        make_v30_with_videos(part, PART, ROWS, {"front": work / "clip.mp4"}, HEIGHT, WIDTH)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        print("| episodes | first page | first picture |\n|---|---|---|")
        for episodes in SIZES:
            sources = [f"{part}:0"] if episodes < PART else [part] * (episodes // PART)
            measure(["merge", *sources, "-o", work / str(episodes), "--quiet"])
            first_page, first_picture = look(browser, work / str(episodes), episodes)
            print(f"| {episodes:,} | {first_page:.2f} s | {first_picture:.2f} s |", flush=True)
        if options.lerobot is not None:
            compare(browser, options.lerobot, options.rerun or work / "rerun", work)
        browser.close()


if __name__ == "__main__":
    main()
