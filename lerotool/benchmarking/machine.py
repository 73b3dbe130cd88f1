"""On what a benchmark ran."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lerotool.execution import cores

_PACKAGES = ("lerotool", "numpy", "pyarrow", "pandas", "av")
_GB = 1e9


def describe_machine() -> dict[str, str]:
    """Return what the machine is, in words, by what it is about."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": str(cores()),
        "memory": _memory(),
        "load before": load,
    }


def load_before(machine: dict[str, str]) -> float | None:
    """Return the load that the machine had before the benchmark, if known."""
    try:
        return float(machine["load before"])
    except (KeyError, ValueError):
        return None


def versions() -> dict[str, str]:
    """Return the versions that matter, by package."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # not installed, but on the path
            found[name] = "unknown"
    return found


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model"):
                return value.strip()
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        if answer:
            return answer
    return platform.processor() or platform.machine()


def _memory() -> str:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return "unknown"
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / _GB:.1f} GB"
