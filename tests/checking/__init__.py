"""Checking and repairing datasets."""
