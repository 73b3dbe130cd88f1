"""The dataset I/O layer: LeRobot v3.0, v2.1 and v2.0 folders. Knows no command."""
