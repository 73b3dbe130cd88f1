"""What a program calls, and the command line too: arguments are looked at, datasets found by name, workers opened."""
