"""A process that records until it is stopped; each line of its output acknowledges what is then on disk.

Usage: ``python -m tests.spool.child ROOT MODE [LIMIT]``; modes: ``record`` on and on, ``save`` and wait, ``full``: no
file may become larger than LIMIT bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.spool.episodes import FRONT, WRIST, add_row, begin, packet


def tell(*words: object) -> None:
    """Say something to the test, at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(root: Path, mode: str, limit: int) -> None:
    """Record."""
    writer = begin(root)
    tell(writer.path)
    if mode == "full":
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    row = 0
    while mode != "save" or row < 20:
        try:
            for key in (FRONT, WRIST):
                writer.camera(key).append(packet(row), row * 1000)
            add_row(writer, row, {FRONT: row, WRIST: row})
        except OSError as error:
            tell("error", type(error).__name__, error.errno)
            try:
                writer.save({})
            except OSError as failure:
                tell("save", type(failure).__name__, failure.errno)
            sys.stdin.readline()
            return
        row += 1
        tell(row)
    writer.save({"rows": row})
    tell("saved")
    sys.stdin.readline()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
