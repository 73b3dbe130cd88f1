"""Robots that LeRobot drives."""
