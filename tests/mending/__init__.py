"""Repairs, and the rescue of what LeRobot left: nothing is lost, and everything can be taken back."""
