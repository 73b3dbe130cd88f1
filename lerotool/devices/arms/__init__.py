"""Arms: leaders and followers, real and simulated, with their joints, units and calibration."""
