"""Make the pictures of the viewer in docs/: recordings of the simulated robot, looked at in Chromium.

    .venv/bin/python scripts/screenshots.py [--work FOLDER] [--png FOLDER]

The list of datasets, a dataset, an episode and a recording, each at 1440 and at 360 pixels, dark and light, and what
deleting would do. What is recorded stays in --work and is used again. With --png the pictures go there, to be looked
at, and docs/ stays as it is. Needs `playwright`; LEROTOOL_CHROMIUM names another browser. About three minutes.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

DOCS = Path(__file__).resolve().parent.parent / "docs"
DESK, PHONE = (1440, 900), (360, 760)
QUALITY = 82
TASK = "Put the cube into the bin"
SHOWN = 4
MARKS: dict[int, dict[str, Any]] = {
    0: {"outcome": "success"},
    1: {"outcome": "success", "note": "slow, but clean"},
    2: {"outcome": "failure", "flagged": True, "note": "cube lost on the way"},
    4: {"outcome": "success", "trim": [24, 168]},
    5: {"outcome": "success"},
    7: {"flagged": True},
}


def lerotool(home: Path, *arguments: str | Path) -> list[str]:
    """Return a command that finds its datasets in a home."""
    return ["env", f"HF_LEROBOT_HOME={home}", sys.executable, "-m", "lerotool", *map(str, arguments)]


def record(home: Path, name: str, task: str, episodes: int, seconds: float, *more: str) -> None:
    """Record up to so many episodes of so many seconds."""
    command = ["record", "--robot", "sim", "--repo-id", name, "--task", task, "--quiet", *more]
    subprocess.run(lerotool(home, *command, "--episodes", str(episodes), "--episode-time", str(seconds)), check=True)


def make_home(home: Path) -> None:
    """Record what the pictures show."""
    for episodes, seconds in ((2, 5.0), (5, 6.5), (7, 4.0), (8, 8.0)):
        record(home, "ada/pick-cube", TASK, episodes, seconds)
    record(home, "ada/wipe-table", "Wipe the table", 1, 5.0, "--camera", "top=sim", "--camera", "side=sim")
    record(home, "ada/stack-blocks", "Stack the blocks", 3, 5.0, "--batch", "0", "--no-encode-at-end")
    then: list[list[str | Path]] = [
        ["merge", "ada/pick-cube:0-1", "ada/pick-cube:5", "-o", home / "ada/pick-cube-clean", "--quiet"],
        ["edit", "task", "ada/pick-cube-clean", "Put the cube into the box", "--quiet"],
        ["check", "ada/pick-cube"],
        ["check", "ada/pick-cube", "--quality"],
        ["check", "ada/wipe-table"],
    ]
    for arguments in then:
        subprocess.run(lerotool(home, *arguments), check=False, stdout=subprocess.DEVNULL)


@contextmanager
def started(command: list[str], event: str) -> Iterator[str]:
    """Start a command that serves pages; yields their address."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            events = map(json.loads, process.stdout)
            yield next(each["address"] for each in events if each["type"] == event)
        finally:
            process.terminate()
            process.stdout.read()


class Photographer:
    """Takes pictures of pages.

    Args:
        browser: that shows them.
        folder: where they go.
        kind: ``webp`` or ``png``.
    """

    def __init__(self, browser: Browser, folder: Path, kind: str) -> None:
        self._browser = browser
        self._folder = folder
        self._kind = kind

    @contextmanager
    def page(self, address: str, size: tuple[int, int], scheme: str) -> Iterator[Page]:
        """Show a page; small ones as on a phone."""
        is_phone = size[0] < 700
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            has_touch=is_phone,
            is_mobile=is_phone,
            device_scale_factor=2 if is_phone else 1,
        )
        opened = context.new_page()
        opened.goto(address, wait_until="commit")
        yield opened
        context.close()

    def take(self, page: Page, name: str) -> None:
        """Take what is in sight."""
        options = {"quality": QUALITY} if self._kind == "webp" else {}
        taken = page.context.new_cdp_session(page).send("Page.captureScreenshot", {"format": self._kind, **options})
        (self._folder / f"viewing-{name}.{self._kind}").write_bytes(base64.b64decode(taken["data"]))

    def everywhere(self, address: str, name: str, is_ready: Any, heights: tuple[int, int] = (900, 760)) -> None:
        """Take a page at both sizes in both schemes, once it is ready."""
        for size, place in (((DESK[0], heights[0]), ""), ((PHONE[0], heights[1]), "-phone")):
            for scheme in ("light", "dark"):
                with self.page(address, size, scheme) as page:
                    is_ready(page)
                    self.take(page, f"{name}{place}-{scheme}")


def pictures_are_there(page: Page) -> None:
    """Wait until every picture in sight is loaded."""
    page.locator("img").first.wait_for()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)


def dataset_is_there(page: Page) -> None:
    """Wait for pictures, and for what was found."""
    expect(page.locator(".findings header .soft").first).not_to_have_text("…")
    pictures_are_there(page)


def episode_is_there(page: Page) -> None:
    """Wait for pictures, charts and the timing."""
    page.locator(".stage[data-shown]").wait_for(state="attached")
    page.locator("[data-drawn]").wait_for(state="attached")
    page.locator(".timing").wait_for(state="attached")
    page.wait_for_timeout(500)


def recording_is_there(page: Page) -> None:
    """Wait until a take is seen."""
    page.locator(".banner[data-phase='take']").wait_for()
    page.wait_for_timeout(1500)


def take_edit(photographer: Photographer, address: str) -> None:
    """Take what deleting the flagged episodes would do."""
    for size, place in (((DESK[0], 620), ""), ((PHONE[0], 740), "-phone")):
        with photographer.page(address, size, "light") as page:
            pictures_are_there(page)
            page.get_by_role("button", name="Delete flagged").click()
            page.locator(".consequences").wait_for()
            photographer.take(page, f"edit{place}")


def mark_episodes(address: str, key: str) -> None:
    """Say of some episodes what a person would say."""
    for number, mark in MARKS.items():
        request = urllib.request.Request(
            f"{address}/api/{key}/episodes/{number}/mark",
            json.dumps(mark).encode(),
            {"Content-Type": "application/json", "Origin": address},
        )
        urllib.request.urlopen(request).close()


def take_all(photographer: Photographer, work: Path) -> None:
    """Take every picture."""
    home = work / "home"
    if not home.exists():
        make_home(home)
    with started(lerotool(home, "view", "--no-browser", "--json", "--port", "0"), "listening") as address:
        with urllib.request.urlopen(f"{address}/api/datasets") as answer:
            found = json.loads(answer.read())["datasets"]
        key = next(each["key"] for each in found if each["name"] == "ada/pick-cube")
        mark_episodes(address, key)
        photographer.everywhere(address, "datasets", pictures_are_there, (620, 760))
        photographer.everywhere(f"{address}/d/{key}", "dataset", dataset_is_there)
        photographer.everywhere(f"{address}/d/{key}/episodes/{SHOWN}?t=3.2", "episode", episode_is_there, (820, 1100))
        take_edit(photographer, f"{address}/d/{key}")
    live = work / "live"
    shutil.rmtree(live, ignore_errors=True)
    shutil.copytree(home / "ada/pick-cube", live)
    command = [
        "record",
        "--robot",
        "sim",
        "--root",
        str(live),
        "--task",
        TASK,
        "--json",
        "--monitor",
        "--no-encode-at-end",
    ]
    with started(lerotool(home, *command, "--episodes", "20", "--episode-time", "90"), "monitor") as address:
        photographer.everywhere(address, "live", recording_is_there)


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="keeps what is recorded, to be used again")
    parser.add_argument("--png", type=Path, help="write PNG files into this folder instead")
    options = parser.parse_args()
    chromium = os.environ.get("LEROTOOL_CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        if options.png is not None:
            options.png.mkdir(parents=True, exist_ok=True)
        photographer = Photographer(browser, options.png or DOCS, "png" if options.png else "webp")
        take_all(photographer, options.work or Path(folder))
        browser.close()


if __name__ == "__main__":
    main()
