"""Tests of random bytes for everything that reads files."""
