"""The commands ``lerotool edit …``."""
