"""Follows what the product advises about a dataset, and counts what can be read of it."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.cli import app
from lerotool.dataset.info import load_info
from lerotool.dataset.reading.footerless import read_footerless
from lerotool.errors import LerotoolError

_COMMAND = re.compile(r"lerotool [^;]+")
_OWN = ("timestamp", "frame_index", "episode_index", "index", "task_index")


def run(*arguments: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it printed on stdout."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = app.run(list(arguments))
    return code, out.getvalue()


def advised(root: Path) -> list[list[str]]:
    """Return the commands that `check` and a planned repair advise, without the program's name."""
    texts: list[str] = []
    _, out = run("check", str(root), "--json")
    for dataset in _datasets(out):
        texts += [text for advice in dataset["advice"] for text in (advice["command"], advice["text"])]
    _, out = run("check", str(root), "--repair", "--dry-run", "--json")
    for dataset in _datasets(out):
        texts += [left["why"] for left in dataset["left"]]
    found = dict.fromkeys(command.strip() for text in texts for command in _COMMAND.findall(text))
    return [shlex.split(command)[1:] for command in found]


def _datasets(out: str) -> list[dict[str, Any]]:
    return [entry for entry in json.loads(out)["datasets"] if "error" not in entry] if out else []


def follow(root: Path, commands: list[str]) -> None:
    """Run a command; the new dataset that it makes is removed."""
    run(*commands)
    shutil.rmtree(f"{root}-new", ignore_errors=True)


def readable(root: Path) -> tuple[Counter[int], Counter[int]]:
    """Count the rows and pictures of a dataset, by their contents, those that repairs have kept among them."""
    rows: Counter[int] = Counter()
    pictures: Counter[int] = Counter()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = path.name.removesuffix(".kept")
        if "meta" in path.relative_to(root).parts:
            continue
        if name.endswith(".parquet"):
            rows |= Counter(_rows(root, path))
        elif name.endswith(".mp4"):
            pictures |= Counter(_packets(path))
        elif name.endswith(".png"):
            pictures |= Counter([hash(path.read_bytes())])
    return rows, pictures


def _rows(root: Path, path: Path) -> Iterator[int]:
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        try:
            table = pa.concat_tables(read_footerless(path, load_info(root).features).groups or [pa.table({})])
        except (LerotoolError, OSError):
            return
    names = sorted(set(table.column_names) - set(_OWN))
    for row in zip(*(table[name].to_pylist() for name in names), strict=True):
        yield hash(repr(row))


def _packets(path: Path) -> Iterator[int]:
    with contextlib.suppress(av.FFmpegError), av.open(str(path), format="mp4") as container:
        for packet in container.demux(container.streams.video[0]) if container.streams.video else ():
            if packet.size and not packet.is_corrupt:
                yield hash(bytes(packet))
