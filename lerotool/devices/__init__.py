"""Robots and cameras, real and simulated."""
