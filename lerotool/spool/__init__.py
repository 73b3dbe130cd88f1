"""Pending episodes on disk: written as they happen, readable after a crash."""
