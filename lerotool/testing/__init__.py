"""Emulated servos and cameras in processes of their own: for tests, benchmarks and people without hardware."""
