"""Run by an interpreter that has LeRobot: answers one question after another, so that LeRobot is imported once.

Reads JSON lines from stdin, ``{"arguments": [WORD, ...], "environment": {NAME: TEXT}, "files":
FOLDER}``. The arguments are what would follow ``python``: a script's path or ``-c`` and a program. Each runs in a fork,
in which LeRobot is already imported. Its stdin, stdout and stderr are the files of these names in ``FOLDER``; a line
with its exit code is printed when it has ended.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, NoReturn

HOME = tempfile.mkdtemp()
IMPORTED = (
    "datasets.io.parquet",
    "lerobot.datasets.aggregate",
    "lerobot.datasets.depth_utils",
    "lerobot.datasets.lerobot_dataset",
    "lerobot.scripts.lerobot_edit_dataset",
    "av.subtitles.stream",
    "pandas.core.computation.expressions",
    "pyarrow.parquet",
)
# The fork must not miss threads that a library of the parent has started, nor two servers share the cores badly.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
os.environ |= dict.fromkeys(("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_DATASETS_DISABLE_PROGRESS_BARS"), "1")
os.environ |= dict.fromkeys(("HF_HOME", "HF_LEROBOT_HOME"), HOME)


def _import_all() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    sys.modules["torch"].set_num_threads(1)
    gc.freeze()


def _be(question: dict[str, Any], cache: str) -> NoReturn:
    """Be a new interpreter with an empty cache that runs a script; never returns."""
    import datasets.config

    code = 1
    try:
        files = Path(question["files"])
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            os.dup2(os.open(files / name, os.O_RDWR | os.O_CREAT), number)
        os.environ |= {**question["environment"], "HF_DATASETS_CACHE": cache}
        datasets.config.HF_DATASETS_CACHE = Path(cache)
        code = _run(*question["arguments"])
    except BaseException:  # noqa: BLE001 - this is the outermost frame of a process
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run(first: str, *others: str) -> int:
    try:
        if first == "-c":
            program, *sys.argv[1:] = others
            exec(compile(program, "-c", "exec"), {"__name__": "__main__"})
        else:
            sys.argv = [first, *others]
            runpy.run_path(first, run_name="__main__")
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        sys.stderr.write(f"{error.code}\n")
        return 1
    return 0


def main() -> None:
    """Answer until stdin ends."""
    lines, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _import_all()
    for line in lines:
        with tempfile.TemporaryDirectory(dir=HOME, ignore_cleanup_errors=True) as cache:
            child = os.fork()
            if child == 0:
                _be(json.loads(line), cache)
            _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()
    shutil.rmtree(HOME)


if __name__ == "__main__":
    main()
