"""Files that pages load: our own, and the chart library out of its installed package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from lerotool.errors import UsageError

STATIC = Path(__file__).parent / "static"


def chart_script() -> Path:
    """Return plotly's script, without importing plotly."""
    spec = find_spec("plotly")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        script = Path(folder) / "package_data" / "plotly.min.js"
        if script.is_file():
            return script
    raise UsageError("plotly is not installed, so charts cannot be drawn", hint="pip install plotly")
