"""Measures this machine: how long a person waits, what a codec costs, what merging takes. Nothing is quoted."""
