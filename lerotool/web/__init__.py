"""Pages that show recordings, served to a browser. Beside `cli`, the only place that talks to people."""
