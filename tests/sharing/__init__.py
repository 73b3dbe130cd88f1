"""Tests of sharing datasets."""
