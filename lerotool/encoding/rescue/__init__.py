"""What LeRobot itself leaves behind, after a crash or its batch mode, becomes part of its dataset."""
