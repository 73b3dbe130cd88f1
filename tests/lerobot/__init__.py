"""LeRobot's recording classes over lerotool."""
