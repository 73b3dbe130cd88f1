"""docs/api.md is what the code says of itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import lerotool

CLONE = Path(__file__).resolve().parents[1]
PAGE = (CLONE / "docs" / "api.md").read_text(encoding="utf-8")


def test_the_reference_is_what_the_code_says() -> None:
    script = CLONE / "scripts" / "api_reference.py"
    checked = subprocess.run([sys.executable, str(script), "--check"], check=False, cwd=CLONE)
    assert checked.returncode == 0, "docs/api.md is out of date: python scripts/api_reference.py"


def test_every_public_name_is_described() -> None:
    for name in lerotool.__all__:
        assert name == "__version__" or f"### `{name}`" in PAGE or f"| `{name}` |" in PAGE, name
