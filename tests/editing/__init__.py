"""Edits: what is left is exactly what was there, and everything can be taken back."""
