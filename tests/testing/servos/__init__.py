"""Tests of the emulated servo bus."""
