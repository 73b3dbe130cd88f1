"""Video and pictures through PyAV: probe, decode, encode, join."""
