"""How long `lerotool view` takes, from its start, until a browser shows a dataset: its page, and its first picture.

    .venv/bin/python scripts/benchmarks/view.py [--work FOLDER]

Sets of 1, 1 000 and 10 000 episodes of 10 rows and one small AV1 video, in Chromium (needs `playwright`;
LEROTOOL_CHROMIUM names another browser). The browser runs before the clock starts. The page has to count the episodes
as they are.
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
from pathlib import Path

from merge_sources import FPS, encode_noise, make_v30_with_videos
from playwright.sync_api import Browser, sync_playwright
from scale import HEIGHT, PART, ROWS, WIDTH, measure

from lerotool.media.join import join_videos

SIZES = (1, 1_000, 10_000)
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


def main() -> None:
    """Make the sets, look at each of them and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="a folder on the disk to measure")
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
        browser.close()


if __name__ == "__main__":
    main()
