"""Cameras: what delivers pictures, and the reader thread that hands them to the take."""
