"""Robots that LeRobot drives: LeRobot runs in an interpreter of its own, lerotool talks to it."""
