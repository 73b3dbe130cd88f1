"""`lerotool setup` and its commands."""
