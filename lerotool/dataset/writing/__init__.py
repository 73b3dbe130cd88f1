"""Changing a v3.0 dataset: episodes are added and small files packed, each change in one commit."""
