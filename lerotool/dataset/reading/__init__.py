"""Looking at a dataset: episodes, rows, pictures, statistics and measured times of all formats."""
