"""Statistics of datasets: measured exactly, compared with what is stored, rewritten, exported for training."""
