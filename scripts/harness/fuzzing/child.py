"""One parser under libFuzzer: ``python -m harness.fuzzing.child PARSER CORPUS [libFuzzer's options]``.

What a parser imports is imported here for the first time, so that its coverage guides libFuzzer.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

from harness.fuzzing.parsers import PARSERS, Parser
from lerotool.errors import LerotoolError


def main() -> None:
    """Feed the parser until it raises anything but one of lerotool's errors; libFuzzer ends the process."""
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

    name, corpus, *options = sys.argv[1:]
    with atheris.instrument_imports(include=["lerotool"]):
        for seed in Path(corpus).iterdir():
            parse(PARSERS[name], seed.read_bytes())
        parse(PARSERS[name], b"")
    atheris.Setup([sys.argv[0], *options, corpus], lambda data: parse(PARSERS[name], data))
    atheris.Fuzz()


def parse(parser: Parser, data: bytes) -> None:
    """Give bytes to a parser as a file in a folder of its own.

    Raises:
        AssertionError: something was written beside that folder.
    """
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as outside:
        folder = Path(outside, "set")
        folder.mkdir()
        path = folder / "file"
        path.write_bytes(data)
        with contextlib.suppress(LerotoolError):
            parser(path)
        assert [entry.name for entry in Path(outside).iterdir()] == ["set"]


def _fast_folder() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


if __name__ == "__main__":
    main()
