"""The numbers that training depends on: shown, recomputed, verified, exported."""
