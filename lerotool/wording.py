"""Counts and sizes in the words of people."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which takes an s in the plural: "1 episode", "0 episodes"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def sized(size: float) -> str:
    """Return a number of bytes in decimal units: "999 B", "1.5 kB", "250 MB"."""
    if size < 1000:
        return f"{size:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        size /= 1000
        if size < 999.5 or unit == "TB":
            break
    return f"{size:.1f} {unit}" if size < 99.95 else f"{size:.0f} {unit}"
