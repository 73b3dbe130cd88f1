"""Pending episodes become part of their dataset."""
