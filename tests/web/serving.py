"""A real server in a process of its own, and a real browser that looks at it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.patience import PATIENCE_S

CHROMIUM = os.environ.get("LEROTOOL_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_MS = PATIENCE_S * 1000
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PIXELS = """(place) => {
  const shown = place.querySelector("video, img");
  const canvas = document.createElement("canvas");
  canvas.width = shown.videoWidth ?? shown.naturalWidth;
  canvas.height = shown.videoHeight ?? shown.naturalHeight;
  const pen = canvas.getContext("2d");
  pen.drawImage(shown, 0, 0);
  const bytes = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return [canvas.height, canvas.width, btoa(text)];
}"""


class Server:
    """``lerotool view`` as a person starts it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        self.address: str = json.loads(line)["address"]
        self.netloc = urlsplit(self.address).netloc
        self.port = int(self.netloc.rpartition(":")[2])

    def ask(
        self, path: str, *, method: str = "GET", body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request; return status, headers and body. With a body it is what a page of the server sends."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            data = None if body is None else json.dumps(body)
            sent = {"Content-Type": "application/json", "Origin": f"http://{self.netloc}"} if data else {}
            given = {"Host": self.netloc, **sent, **(headers or {})}
            connection.request(method, path, data, given)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def document(self, path: str) -> Any:
        """Return a JSON answer."""
        status, _, body = self.ask(path)
        assert status == 200, body
        return json.loads(body)

    def key(self, name: str) -> str:
        """Return what a dataset is called in addresses."""
        return next(each["key"] for each in self.document("/api/datasets")["datasets"] if each["name"] == name)


@contextmanager
def serving(*datasets: str | Path, options: tuple[str, ...] = ()) -> Iterator[Server]:
    """Serve datasets on a free port."""
    command = [sys.executable, "-m", "lerotool", "view", *map(str, datasets), "--json", "--no-browser", "--port", "0"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield Server(process)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)


@contextmanager
def browsing() -> Iterator[Browser]:
    """Start Debian's Chromium; what needs it is skipped, visibly, where it is not installed."""
    if CHROMIUM is None:
        pytest.skip("no Chromium for the pages: apt-get install chromium, or name one in LEROTOOL_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        yield browser
        browser.close()


def new_page(browser: Browser, **options: Any) -> Page:
    """Return an empty page; whatever a script complains about fails the test that looks at ``problems``."""
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def picture(page: Page, camera: str) -> np.ndarray:
    """Return what a camera's screen shows, uint8 (height, width, 3)."""
    height, width, data = page.locator(f"[data-camera='{camera}']").evaluate(_PIXELS)
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)[:, :, :3]


def wait_until_shown(page: Page, frame: int) -> None:
    """Wait until every camera shows a frame and stands still."""
    page.locator(f".stage[data-shown='{frame}']").wait_for(state="attached")
