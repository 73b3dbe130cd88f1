"""The fault harness itself."""
