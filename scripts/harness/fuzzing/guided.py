"""Feeding parsers by libFuzzer, guided by coverage (``pip install atheris``), one after another."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import harness
from harness.fuzzing.damage import MEMORY, SECONDS
from harness.fuzzing.seeds import write_seeds

_EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_LAST_LINES = 40


def feed_each(names: Iterable[str], datasets: Path, seconds: float) -> list[dict[str, Any]]:
    """Feed parsers, each for ``seconds``.

    What makes a parser fail is kept in a folder that the result names.

    Args:
        names: of the parsers, as in `harness.fuzzing.parsers.PARSERS`.
        datasets: a folder of datasets, whose files are the first inputs.
        seconds: for each parser.

    Returns:
        For each parser its name, the number of inputs, and what went wrong: None or the end of what was printed.
    """
    return [_feed(name, datasets, seconds) for name in names]


def _feed(name: str, datasets: Path, seconds: float) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    seeds = write_seeds(name, datasets, corpus)
    options = [
        f"-max_total_time={max(1, round(seconds))}",
        f"-timeout={SECONDS}",
        f"-rss_limit_mb={MEMORY >> 20}",
        "-max_len=65536",
        "-print_final_stats=1",
        f"-artifact_prefix={folder}/",
    ]
    command = [sys.executable, "-m", "harness.fuzzing.child", name, str(corpus), *options]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=harness.environment(), check=False
    )
    text = done.stdout.decode(errors="replace")
    executed = _EXECUTED.search(text)
    failure = None if done.returncode == 0 else "\n".join(text.splitlines()[-_LAST_LINES:])
    inputs = int(executed[1]) if executed else 0
    return {"parser": name, "seeds": seeds, "inputs": inputs, "folder": str(folder), "failure": failure}
