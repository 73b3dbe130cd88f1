"""Every command with every kind of output, for tests that feed each of them the same dataset.

A word is ``SET`` (the dataset), ``OTHER`` (a harmless one), ``OUT`` (a folder to be made) or ``FILE`` (a file to be
written, with an ending).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from lerotool.cli.app import make_app

NO_DATASET = {
    "help",
    "version",
    "config",
    "setup",
    *(f"setup {name}" for name in ("ports", "motors", "calibrate", "cameras", "bus", "emulate", "robots")),
}
"""Commands that take no dataset and no file of other people."""
SERVES = {"view"}
"""Commands that answer until they are stopped: tests/web/test_hostile.py."""
FETCHES = {"pull"}
"""Commands that make a dataset out of what the Hub sends: tests/sharing."""
LINES: dict[str, tuple[str, ...]] = {
    "info": ("info SET", "info SET --json"),
    "check": (
        "check SET",
        "check SET OTHER --deep --json",
        "check SET --quality",
        "check SET --quality --json",
        "check SET --repair --dry-run",
        "check SET --repair --json",
        "check SET --repair",
        "check SET --undo",
        "check SET --forget",
    ),
    "stats": (
        "stats SET --per-episode --skip-images",
        "stats SET --json",
        "stats SET --csv - --skip-images",
        "stats SET --csv FILE.csv --plot FILE.png",
        "stats SET --verify",
        "stats SET --verify --json",
        "stats SET --write --dry-run",
        "stats SET --write --json",
        "stats SET --write",
        "stats SET --export openpi -o FILE.json",
        "stats SET --export gr00t -o FILE.json",
    ),
    "merge": (
        "merge SET -o OUT --dry-run",
        "merge SET OTHER -o OUT --dry-run --json",
        "merge SET OTHER -o OUT",
        "merge SET -o OUT --keep-files --json",
        "merge SET -o OUT --to v2.1 --gr00t",
    ),
    "encode": (
        "encode SET -o OUT --dry-run",
        "encode SET -o OUT --vcodec h264 --json",
        "encode --pending SET --dry-run",
        "encode --pending SET --dry-run --json",
        "encode --pending SET --salvage --jobs 1",
        "encode --pending SET --jobs 1 --json",
    ),
    "record": (
        "record --robot sim --camera none --root SET --episodes 4 --dry-run",
        "record --robot sim --camera none --root SET --episodes 4 --dry-run --json",
        "record --robot sim --camera none --root SET --episodes 4 --episode-time 0.2 --task t",
    ),
    "replay": ("replay SET 0 --robot sim", "replay SET 0 --robot sim --json"),
    "list": ("list SET", "list SET/.. --json"),
    "edit": (),
    "edit delete": (
        "edit delete SET 0 --dry-run",
        "edit delete SET 0 --json",
        "edit delete SET 0 -o OUT",
    ),
    "edit keep": ("edit keep SET 0 --dry-run --json",),
    "edit trim": ("edit trim SET --first 1", "edit trim SET --still --dry-run"),
    "edit task": ("edit task SET new --yes",),
    "edit rename": ("edit rename SET action=act",),
    "edit add": ("edit add SET copy --from OTHER/data/chunk-000/file-000.parquet --json",),
    "edit drop": ("edit drop SET action --json",),
    "edit split": ("edit split SET a=0 b=1 --dry-run", "edit split SET --by-task --dry-run --json"),
    "edit repack": ("edit repack SET --json", "edit repack SET -o OUT"),
    "edit undo": ("edit undo SET",),
    "edit log": ("edit log SET --json",),
    "edit forget": ("edit forget SET",),
    "push": ("push SET --repo-id user/name --dry-run", "push SET --repo-id user/name --dry-run --json"),
    "benchmark": ("benchmark SET/meta/info.json SET/meta/stats.json", "benchmark SET/meta/info.json --json"),
}
RUNNER = """
import contextlib, io, json, os, resource, shutil, sys, traceback
from pathlib import Path
work = json.loads(sys.stdin.read())
resource.setrlimit(resource.RLIMIT_AS, (work["memory"], work["memory"]))
os.environ |= {"COLUMNS": "200", "HF_HUB_OFFLINE": "1", "HF_TOKEN": "hf_nobody"}
from lerotool.cli.app import run
for number, line in enumerate(work["lines"]):
    folder = Path(work["folder"])
    for name in ("set", "other"):
        shutil.rmtree(folder / work[name], ignore_errors=True)
        shutil.copytree(work[name + "_from"], folder / work[name], symlinks=True)
    shutil.rmtree(folder / "out", ignore_errors=True)
    for path in folder.glob("file.*"):
        path.unlink()
    words = line.split()
    inside = folder / work["set"] if work["argument"] == "." else folder
    os.chdir(inside)
    given = {"SET": work["argument"], "OTHER": str(folder / work["other"])}
    given |= {"OUT": str(folder / "out"), "FILE": str(folder / "file")}
    for name, value in given.items():
        words = [value + word[len(name):] if word.startswith(name) else word for word in words]
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", errors) for errors in ("strict", "backslashreplace")]
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        try:
            code = run(words)
        except BaseException:
            code = "traceback: " + traceback.format_exc()
    out, err = (stream.flush() or stream.buffer.getvalue().decode("latin-1") for stream in streams)
    print(json.dumps({"line": line, "code": code, "out": out, "err": err}), flush=True)
"""


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    line: str
    code: int | str
    out: bytes
    err: bytes

    @property
    def said(self) -> bytes:
        """Everything that was printed."""
        return self.out + self.err


def commands() -> Iterator[str]:
    """Yield the commands that there are, as they are typed."""
    yield from _below(typer.main.get_command(make_app()), "")


def _below(command: Any, name: str) -> Iterator[str]:
    for part, child in getattr(command, "commands", {}).items():
        yield from _below(child, f"{name} {part}".strip())
    if name:
        yield name


def run_lines(
    lines: Sequence[str],
    folder: Path,
    source: Path,
    other: Path,
    *,
    name: str = "set",
    argument: str,
    memory: int = 4 << 30,
) -> list[Ran]:
    """Run command lines one after another in a process of their own, each on a fresh copy.

    Args:
        lines: of `LINES`.
        folder: where copies and results go.
        source: the dataset.
        other: the harmless one.
        name: of the copy of the dataset.
        argument: what ``SET`` becomes; ``.`` runs inside of the dataset, everything else beside it.
        memory: bytes that the process and each of its workers may use.
    """
    work = {
        "lines": list(lines),
        "folder": str(folder),
        "set": name,
        "set_from": str(source),
        "other": "other",
        "other_from": str(other),
        "argument": argument,
        "memory": memory,
    }
    done = subprocess.run(
        [sys.executable, "-c", RUNNER], input=json.dumps(work).encode(), capture_output=True, timeout=600
    )
    ran = [
        Ran(r["line"], r["code"], r["out"].encode("latin-1"), r["err"].encode("latin-1"))
        for r in map(json.loads, done.stdout.splitlines())
    ]
    assert len(ran) == len(lines), done.stderr[-3000:].decode(errors="replace")
    assert not done.stderr, done.stderr[-3000:]
    return ran
