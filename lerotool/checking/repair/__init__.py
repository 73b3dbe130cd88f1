"""Repairing a dataset: planned first, built beside it, swapped in by one commit; the files as they were are kept."""
