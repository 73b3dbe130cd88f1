"""Mending a dataset: repairs of what `checking` finds, and the rescue of what LeRobot's recorder left behind.

Each looks without touching, plans, builds beside the dataset, and swaps it in by one commit; the files as they were
are kept.
"""
