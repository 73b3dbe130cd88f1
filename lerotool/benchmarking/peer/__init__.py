"""Programs that run under the interpreter that has LeRobot. They import nothing of lerotool."""
