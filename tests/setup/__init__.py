"""Setting up a robot: the steps without a person."""
